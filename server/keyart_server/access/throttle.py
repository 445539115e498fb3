"""Throttling of failed attempts per key, in the memory of this process."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime, timedelta

MAX_KEYS = 10_000  # the oldest are evicted first


class Throttle:
    """Allows at most `limit` failures of a key within `window`."""

    def __init__(self, limit: int, window: timedelta, clock: Callable[[], datetime]) -> None:
        self._limit, self._window, self._clock = limit, window, clock
        self._failures: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str) -> timedelta:
        """Return the time until the next attempt is allowed; zero if it is allowed now."""
        with self._lock:
            recent = self._recent(key)
            if len(recent) < self._limit:
                return timedelta(0)
            return recent[0] + self._window - self._clock()

    def failed(self, key: str) -> None:
        """Record a failure."""
        with self._lock:
            self._failures[key] = self._recent(key)
            self._failures[key].append(self._clock())
            self._failures.move_to_end(key)
            while len(self._failures) > MAX_KEYS:
                self._failures.popitem(last=False)

    def _recent(self, key: str) -> deque[datetime]:
        recent = self._failures.get(key, deque())
        while recent and recent[0] + self._window <= self._clock():
            recent.popleft()
        return recent
