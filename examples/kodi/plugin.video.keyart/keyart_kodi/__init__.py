"""The parts of the add-on.

catalogue, attention and reasons are pure; rpc and helper reach the sidecar; kodi alone imports Kodi's own modules.
Each call of an add-on runs in a new sub-interpreter of Kodi's process, in which numpy and cryptography fail. So
keyart itself runs as its sidecar, under a Python of its own.

What the list needs imports neither dataclasses nor pathlib: a new interpreter would spend half of the list's time on
them.
"""
