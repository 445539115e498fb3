"""Threads in which passwords are hashed, apart from those of all other requests.

A hash takes a tenth of a second of one core and 32 MiB. In the threads that all routes share, a few dozen sign-ins
would keep everybody waiting: health probes, devices, the repository of bundles.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")

MAX_THREADS: Final = max(1, min(4, (os.cpu_count() or 1) // 2))  # half of the cores are left to everybody else
MAX_PENDING: Final = 16 * MAX_THREADS  # about two seconds of work
MAX_PENDING_OF_NETWORK: Final = 6  # so that one network cannot take all places
RETRY_SECONDS: Final = 2


class HashThreads:
    """The threads of one process, on its event loop; `oidc_pages` has others that wait for the provider."""

    def __init__(self, threads: int = MAX_THREADS) -> None:
        self._limiter = CapacityLimiter(threads)
        self._pending: Counter[str] = Counter()  # by network

    def full(self, network: str) -> bool:
        """Tell whether so much is pending, in all or of this network, that the next one must be refused."""
        return self._pending.total() >= MAX_PENDING or self._pending[network] >= MAX_PENDING_OF_NETWORK

    async def run(self, network: str, work: Callable[[], T]) -> T:
        """Return the result of `work`, which hashes a password for `network`, once one of the threads has run it."""
        self._pending[network] += 1
        try:
            return await to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._pending[network] -= 1
            if not self._pending[network]:
                del self._pending[network]
