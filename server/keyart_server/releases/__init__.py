"""Releases: which model devices get, how it is judged before, and how it reaches the fleet in stages."""

from __future__ import annotations

from keyart_federated.campaigns.rollout_plan import RolloutPlan

from .gate import Gate
from .release import STANDINGS, Release, Standing

__all__ = ["STANDINGS", "Gate", "Release", "RolloutPlan", "Standing"]
