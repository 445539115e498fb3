"""Randomness of simulated devices: streams of bytes that depend on a seed, a round and a device, and on nothing else.

Simulated people need no protection, and the same seed must give the same run, whatever process a device is in. A real
device draws from its operating system.
"""

from __future__ import annotations

import hashlib

from keyart.campaigns import Offer


class Stream:
    """Uniform bytes from SHAKE-128 in counter mode. Call it with a number of bytes."""

    def __init__(self, label: str) -> None:
        self._label, self._calls = label.encode(), 0

    def __call__(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        self._calls += 1
        return hashlib.shake_128(self._label + self._calls.to_bytes(8, "little")).digest(count)


def device_randomness(seed: int, offer: Offer, device: int) -> Stream:
    """Return the stream by which a device rounds, and adds its share of the noise to, its vector for an offer."""
    return Stream(f"keyart simulated device {seed} {offer.kind} {offer.topic} {offer.round} {device} ")


def fleet_randomness(seed: int, offer: Offer) -> Stream:
    """Return the stream of the noise of all devices together."""
    return Stream(f"keyart simulated fleet {seed} {offer.kind} {offer.topic} {offer.round} ")
