"""Follows the audit log: logs the rows that other processes wrote, counts those of rounds and gates, traces rounds.

The engine runs it, so that the log of the process with the lease is complete: Flower's processes, which carry a round
from stage to stage, have no log that an operator reads. A process that wrote a row has logged it itself.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session

from .. import audit_log
from .metrics import Metrics
from .round_metrics import RoundMetrics
from .round_traces import RoundTraces

MAX_ROWS: Final = 1000  # at once; more follow at the next step


class AuditFollower:
    """Follows the audit log from the moment of its first step."""

    def __init__(self, metrics: Metrics) -> None:
        self._rounds, self._traces = RoundMetrics(metrics), RoundTraces()
        self._number: int | None = None

    def step(self, session: Session) -> None:
        """Take note of the rows that were written since the last step."""
        if self._number is None:
            self._number = audit_log.newest_number(session)
            self._rounds.start()
            return
        for entry in audit_log.following(session, self._number, MAX_ROWS):
            self._number = entry.number
            if not audit_log.is_written_here(entry):
                audit_log.log_line(entry)
            self._rounds.count(entry)
            self._traces.add(entry)

    def reset(self) -> None:
        """Skip the rows until the next step: another process holds the lease and follows them."""
        self._number = None
