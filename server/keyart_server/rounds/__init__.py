"""Rounds of sums in the database: whoever holds it can go on with a round after any kill."""

from __future__ import annotations

from .round import ACTIVE, ENDED, Round, RoundStatus

__all__ = ["ACTIVE", "ENDED", "Round", "RoundStatus"]
