"""Rounds of sums in the database: whoever holds it can go on with a round after any kill."""

from __future__ import annotations

from .round import ENDED, GOING_ON, Round, Standing

__all__ = ["ENDED", "GOING_ON", "Round", "Standing"]
