"""Performance of the device path, the simulation and the server, relative to baselines on the same machine.

Each time is also given as a ratio to a baseline that is measured alternately with it, in the same process or in
alternating processes. On a busy machine both slow down, and the ratio stays.
"""
