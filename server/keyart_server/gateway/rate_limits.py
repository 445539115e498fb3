"""How often somebody may ask: a token bucket for each, in this process's memory, and nowhere else."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from fastapi import HTTPException

MAX_KEYS: Final = 10_000  # remembered; who has not asked for longest is forgotten first
NETWORK_BITS: Final = 64  # of an IPv6 address: whoever has one has the others of its network


class RateLimiter:
    """a_second: requests that everybody may send on and on. burst: and so many at once. seconds: a clock that never
    goes back."""

    def __init__(self, a_second: float, burst: float, seconds: Callable[[], float] = time.monotonic) -> None:
        self._a_second, self._burst, self._seconds = a_second, burst, seconds
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> None:
        """One request more. Raises HTTPException (429)."""
        now = self._seconds()
        tokens, at = self._left.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._a_second)
        self._left[key] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self._left) > MAX_KEYS:
            self._left.popitem(last=False)
        if tokens < 1:
            wait = math.ceil((1 - tokens) / self._a_second)
            raise HTTPException(429, "That was too often; wait, and try again.", {"Retry-After": str(wait)})


def network_of(address: str) -> str:
    """What one household or host has to itself: an IPv4 address, or an IPv6 network."""
    return str(ipaddress.IPv6Network((address, NETWORK_BITS), strict=False)) if ":" in address else address


def for_direct_clients() -> RateLimiter:
    """Where devices come with their own address. Many homes may share one."""
    return RateLimiter(20.0, 400.0)


def for_proxied_clients() -> RateLimiter:
    """Where all have the proxy's address, or this machine's: it is for the proxy to keep apart who asks too often."""
    return RateLimiter(5_000.0, 20_000.0)
