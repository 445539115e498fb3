"""Releases: which model devices get, how it is evaluated first, and how it is rolled out in stages.

The package uses `bundles` to publish, `state` for its table and `audit_log` for every change.
"""

from __future__ import annotations

from keyart_federated.campaigns.rollout_plan import Plan

from .gate import Gate
from .release import RELEASE_STATUSES, Release, ReleaseStatus

__all__ = ["RELEASE_STATUSES", "Gate", "Plan", "Release", "ReleaseStatus"]
