"""How both ends of a round wait: often at first, seldom later, and on through an outage of the database."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError
from sqlalchemy.orm import Session

from keyart.errors import FederatedError, SettingError

from ..state import State

log = logging.getLogger("keyart.server.flower")

GRACE_SECONDS: Final = 30.0  # between the end of a stage's time and the moment when nobody waits any more
QUICK_SECONDS, SLOW_SECONDS = 0.2, 2.0
AWAY: Final = (OperationalError, InterfaceError, TimeoutError)
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Clock:
    """Moments, seconds, and sleep; a test brings its own."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def pause(self, waited: float) -> None:
        """Before one looks again, after so many seconds of waiting: a stage takes seconds, or hours."""
        self.sleep(min(SLOW_SECONDS, QUICK_SECONDS + waited / 50) * random.uniform(0.75, 1.25))  # noqa: S311


CLOCK: Final = Clock()


@dataclass(frozen=True)
class Lasting:
    """Transactions that are tried again while the database is away, for `patience` seconds each.

    What one does must be such that it may be done twice: it can be durable and its answer lost. Each raises
    FederatedError where the database stays away.
    """

    state: State
    patience: float
    clock: Clock = CLOCK

    def reading(self, do: Callable[Concatenate[Session, P], T], *said: P.args, **named: P.kwargs) -> T:
        """What `do` reads in a transaction."""

        def once() -> T:
            with self.state.reading() as session:
                return do(session, *said, **named)

        return outlast(once, self.patience, self.clock)

    def writing(self, do: Callable[Concatenate[Session, P], T], *said: P.args, **named: P.kwargs) -> T:
        """What `do` answers, once all that it wrote is durable."""

        def once() -> T:
            with self.state.writing() as session:
                return do(session, *said, **named)

        return outlast(once, self.patience, self.clock)


def outlast(do: Callable[[], T], patience: float, clock: Clock) -> T:
    """Does it, again and again while the database does not answer, for `patience` seconds. Raises FederatedError."""
    began = clock.seconds()
    while True:
        try:
            done = do()
        except (*AWAY, SettingError) as error:
            cause = error.__cause__ if isinstance(error, SettingError) else error  # `State.open` names the address
            if not isinstance(cause, AWAY):
                raise
            waited = clock.seconds() - began
            if waited > patience:
                raise FederatedError(
                    f"The database has not answered for {waited:.0f} s. See to it; the round goes on when it is back."
                ) from None
            log.warning("The database does not answer; trying again")
            clock.pause(max(waited, SLOW_SECONDS))
        else:
            return done
