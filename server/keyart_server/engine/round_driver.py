"""Runs rounds on Flower, each in its own thread, over one runner that is started when first needed.

After any failure a round is resumed from the database, over a new runner if the old one is gone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from keyart.errors import KeyartError

log = logging.getLogger("keyart.server")
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 60.0  # delay before a failed round is retried
MAX_CONCURRENT_ROUNDS = 4  # each is a process of about 200 MB


class RoundRunner(Protocol):
    """Runs single rounds; `flower.superlink.FlowerRunner` implements it."""

    def run(
        self, round_id: str, patience: float, stop: threading.Event, ended: Callable[[], bool] = lambda: False
    ) -> None:
        """Run a round until `ended`, which reads the database. Raises FederatedError if Flower failed."""

    def close(self) -> None:
        """End the processes that this runner started."""


class RoundDriver:
    """Runs several rounds at once.

    Attributes:
        start: creates a runner; may take seconds.
        going_on: tells whether a round, given by id, is still active.
    """

    def __init__(self, start: Callable[[], RoundRunner], going_on: Callable[[str], bool]) -> None:
        self._start, self._going_on = start, going_on
        self._stop = threading.Event()
        self._turn = threading.Lock()  # only one runner is started at a time
        self._link: RoundRunner | None = None
        self._threads: dict[str, threading.Thread] = {}

    def drive(self, round_id: str, patience: float) -> None:
        """Make sure that the round is being run; return at once."""
        self._threads = {name: thread for name, thread in self._threads.items() if thread.is_alive()}
        if round_id in self._threads or len(self._threads) >= MAX_CONCURRENT_ROUNDS or self._stop.is_set():
            return
        thread = threading.Thread(target=self._drive, args=(round_id, patience), name=f"round {round_id[:8]}")
        self._threads[round_id] = thread
        thread.start()

    def close(self) -> None:
        """Stop all threads and the runner; the rounds stay in the database."""
        self._stop.set()
        with self._turn:
            if self._link is not None:
                self._link.close()
        for thread in self._threads.values():
            thread.join()

    def _drive(self, round_id: str, patience: float) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stop.is_set():
            link: RoundRunner | None = None
            try:
                if not self._going_on(round_id):
                    return
                link = self._linked()
                link.run(round_id, patience, self._stop, lambda: self._ended(round_id))
            except Exception as error:  # of Flower or the database; the round can always be resumed
                if self._stop.is_set():
                    return
                log.warning("retrying a round", extra={"error": _describe(error)})
                self._drop(link)
            self._stop.wait(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)

    def _ended(self, round_id: str) -> bool:
        try:
            return not self._going_on(round_id)
        except SQLAlchemyError:  # unknown for now; checked again later
            return False

    def _linked(self) -> RoundRunner:
        with self._turn:
            if self._link is None:
                self._link = self._start()
            return self._link

    def _drop(self, link: RoundRunner | None) -> None:
        with self._turn:
            if link is not None and self._link is link:
                link.close()
                self._link = None


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, KeyartError) else type(error).__name__
