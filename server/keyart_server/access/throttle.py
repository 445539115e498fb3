"""Throttling of failed attempts per key, in the memory of this process."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

MAX_KEYS = 10_000  # the oldest are evicted first


def refusal(attempts: str, wait: timedelta) -> tuple[str, dict[str, str]]:
    """Return the sentence for an attempt that has to wait, and the header that says how long."""
    seconds = wait.total_seconds()
    return f"Too many {attempts}; wait {seconds / 60:.0f} minutes.", {"Retry-After": str(int(seconds) + 1)}


class Throttle:
    """Allows a limited number of failures of each key within `window`.

    An attempt counts from its beginning, and is taken back once it is known not to be a failure. If it counted only
    once it had failed, any number of attempts at the same moment would be allowed.
    """

    def __init__(self, window: timedelta, clock: Callable[[], datetime]) -> None:
        self._window, self._clock = window, clock
        self._attempts: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, limits: Mapping[str, int]) -> timedelta:
        """Count an attempt under all keys, unless one of them is at its limit; then nothing is counted.

        Args:
            limits: maximum number of failures within the window, by key.

        Returns:
            The time until the next attempt is allowed; zero if this one is.
        """
        with self._lock:
            now = self._clock()
            recent = {key: self._recent(key, now) for key in limits}
            full = [attempts[0] for key, attempts in recent.items() if len(attempts) >= limits[key]]
            if full:
                return max(full) + self._window - now
            for key, attempts in recent.items():
                attempts.append(now)
                self._attempts[key] = attempts
                self._attempts.move_to_end(key)
            while len(self._attempts) > MAX_KEYS:
                self._attempts.popitem(last=False)
            return timedelta(0)

    def take_back(self, keys: Collection[str]) -> None:
        """Take back an attempt that `begin` has counted under these keys: it was no failure."""
        with self._lock:
            for key in keys:
                if attempts := self._attempts.get(key):
                    attempts.pop()

    def _recent(self, key: str, now: datetime) -> deque[datetime]:
        attempts = self._attempts.get(key, deque())
        while attempts and attempts[0] + self._window <= now:
            attempts.popleft()
        return attempts
