"""Releases: which model devices get, how it is judged before, and how it reaches the fleet in stages."""

from __future__ import annotations

from keyart_federated.campaigns.rollout_plan import Plan

from .gate import Gate
from .release import RELEASE_STATUSES, Release, ReleaseStatus

__all__ = ["RELEASE_STATUSES", "Gate", "Plan", "Release", "ReleaseStatus"]
