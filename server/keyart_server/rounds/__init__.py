"""Rounds in the database: any process with access to it can resume a round after a kill.

The package uses `state`, `audit_log` and `budget`; a round is charged here. `flower` and `gateway` build on it.
"""

from __future__ import annotations

from .round import ACTIVE, ENDED, Round, RoundStatus

__all__ = ["ACTIVE", "ENDED", "Round", "RoundStatus"]
