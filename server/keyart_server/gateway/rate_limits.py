"""Rate limits: a token bucket per key, in the memory of this process only."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from fastapi import HTTPException

MAX_KEYS: Final = 10_000  # the least recently used key is evicted first


class RateLimiter:
    """A token bucket per key.

    Attributes:
        a_second: sustained requests per second.
        burst: requests at once.
        seconds: monotonic clock.
    """

    def __init__(self, a_second: float, burst: float, seconds: Callable[[], float] = time.monotonic) -> None:
        self._a_second, self._burst, self._seconds = a_second, burst, seconds
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one request. Raises HTTPException (429)."""
        now = self._seconds()
        tokens, at = self._left.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._a_second)
        self._left[key] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self._left) > MAX_KEYS:
            self._left.popitem(last=False)
        if tokens < 1:
            wait = math.ceil((1 - tokens) / self._a_second)
            raise HTTPException(429, "Too many requests; wait, then try again.", {"Retry-After": str(wait)})


def for_direct_clients() -> RateLimiter:
    """Return the limits for clients with their own address; many homes may share one."""
    return RateLimiter(20.0, 400.0)


def for_proxied_clients() -> RateLimiter:
    """Return the limits for clients behind a proxy, which must limit each client itself."""
    return RateLimiter(5_000.0, 20_000.0)
