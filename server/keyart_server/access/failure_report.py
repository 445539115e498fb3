"""Reports of failed sign-ins: a log line for each, and rows of the audit log.

Neither holds a password, an address, or a name that is no account's: people type passwords into the wrong field.
Audit rows are kept forever, so a flood must not write one each: within `window` an account gets a row at its first
failure and whenever the number has doubled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from .. import audit_log
from ..monitoring import events
from ..state import ServerState
from .people import Person
from .sign_in_metrics import Method, SignInFailures

UNKNOWN: Final = "unknown"  # stands for all names that are no account's


class FailureReport:
    """Counts and reports the failed sign-ins of this process."""

    def __init__(
        self,
        state: ServerState,
        window: timedelta,
        clock: Callable[[], datetime],
        failures: SignInFailures,
        method: Method = "password",
    ) -> None:
        self._failures, self._method = failures, method
        self._state, self._window, self._clock = state, window, clock
        self._counts: dict[str, tuple[datetime, int]] = {}  # by account; since when, how many
        self._lock = threading.Lock()

    def add(self, account: Person | None) -> None:
        """Report a failed sign-in; `account` is None for a name that is no account's."""
        self._failures.count(self._method)
        subject = UNKNOWN if account is None else account.id
        events.emit("sign-in.fail", actor=UNKNOWN if account is None else f"person:{account.name}")
        at = self._clock()
        with self._lock:
            since, count = self._counts.get(subject, (at, 0))
            if since + self._window <= at:
                since, count = at, 0
            count += 1
            self._counts[subject] = since, count
        if count & (count - 1) == 0:
            with self._state.writing() as session:
                minutes = int(self._window.total_seconds() / 60)
                audit_log.append(session, at, "server", "session.refuse", subject, failures=count, minutes=minutes)
