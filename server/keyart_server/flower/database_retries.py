"""Waiting with increasing intervals, and database transactions that are retried during an outage."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError
from sqlalchemy.orm import Session

from keyart.errors import FederatedError, SettingError

from ..clock import now
from ..state import ServerState

log = logging.getLogger("keyart.server.flower")

GRACE_SECONDS: Final = 30.0  # waited after the end of a stage's time
QUICK_SECONDS, SLOW_SECONDS = 0.2, 2.0
OUTAGE_ERRORS: Final = (OperationalError, InterfaceError, TimeoutError)
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Clock:
    """Time and sleep; tests bring their own."""

    now: Callable[[], datetime] = now
    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def pause(self, waited: float) -> None:
        """Sleep before polling again, after `waited` seconds of waiting: a stage takes seconds or hours."""
        self.sleep(min(SLOW_SECONDS, QUICK_SECONDS + waited / 50) * random.uniform(0.75, 1.25))  # noqa: S311


CLOCK: Final = Clock()


@dataclass(frozen=True)
class RetryingDatabase:
    """Transactions that are retried while the database is away, for `patience` seconds each.

    Operations must be idempotent: a transaction can be durable although its result was lost. Methods raise
    FederatedError if the database stays away.
    """

    state: ServerState
    patience: float
    clock: Clock = CLOCK

    def reading(self, operation: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `operation` in a read transaction; return its result."""

        def attempt() -> T:
            with self.state.reading() as session:
                return operation(session, *args, **kwargs)

        return retry(attempt, self.patience, self.clock)

    def writing(self, operation: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `operation` in a write transaction; return its result once it is durable."""

        def attempt() -> T:
            with self.state.writing() as session:
                return operation(session, *args, **kwargs)

        return retry(attempt, self.patience, self.clock)


def retry(operation: Callable[[], T], patience: float, clock: Clock) -> T:
    """Call `operation` until the database answers, for `patience` seconds. Raises FederatedError."""
    began = clock.seconds()
    while True:
        try:
            result = operation()
        except (*OUTAGE_ERRORS, SettingError) as error:
            cause = (
                error.__cause__ if isinstance(error, SettingError) else error
            )  # `ServerState.open` wraps the error
            if not isinstance(cause, OUTAGE_ERRORS):
                raise
            waited = clock.seconds() - began
            if waited > patience:
                raise FederatedError(
                    f"The database has not answered for {waited:.0f} s. Restore it; the round resumes afterwards."
                ) from None
            log.warning("The database does not answer; retrying")
            clock.pause(max(waited, SLOW_SECONDS))
        else:
            return result
