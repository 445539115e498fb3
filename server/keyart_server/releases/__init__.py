"""Releases: which model devices get, how it is judged before, and how it reaches the fleet in stages."""

from __future__ import annotations

from .gate import Gate
from .release import STANDINGS, Plan, Release, Standing

__all__ = ["STANDINGS", "Gate", "Plan", "Release", "Standing"]
