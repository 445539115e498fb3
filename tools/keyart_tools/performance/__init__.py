"""The bench: what the device path costs on this machine, against a bare run of the model and against its peers.

Every time is given as a ratio, too: to a baseline that is taken in turns with it, in the same process or in turns of
processes. On a busy machine both suffer, and their ratio stays.
"""
