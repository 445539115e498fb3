"""Which model versions follow each other, and what they look like beside the one before. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..releases.gate import ALL, Gate
from ..releases.release import Release
from .results import Rate

AGAINST_BASE: Final = f"quality {ALL}"  # the gate that compares it on all held-out devices


@dataclass(frozen=True, slots=True)
class RolloutStage:
    """A share of the plan. now: it is the one that is out."""

    share: float
    reached: bool
    now: bool


def newest_offered(releases: Sequence[Release]) -> Release | None:
    """The one that devices get, if only some of them. releases: newest first."""
    return next(
        (
            release
            for release in releases
            if release.published and release.standing in ("rolling", "released", "held")
        ),
        None,
    )


def ancestors(releases: Sequence[Release]) -> frozenset[int]:
    """The newest one that devices get, and those that it descends from; all others are side branches."""
    bases = {release.version: release.base for release in releases}
    newest = newest_offered(releases)
    versions: set[int] = set()
    version = None if newest is None else newest.version
    while version is not None and version not in versions:
        versions.add(version)
        version = bases.get(version)
    return frozenset(versions)


def rollout_stages(release: Release) -> tuple[RolloutStage, ...]:
    """The shares that its plan leads through."""
    return tuple(RolloutStage(share, share <= release.share, share == release.share) for share in release.plan.stages)


def gain_over_base(release: Release) -> Rate | None:
    """Reward a decision less that of its base, on held-out devices."""
    gate = next((gate for gate in release.gates if gate.name == AGAINST_BASE), None)
    return None if gate is None else difference(gate)


def difference(gate: Gate) -> Rate | None:
    """What a comparison measured; None where the noise drowned it, or for another gate."""
    mean, low, high = (gate.numbers.get(name) for name in ("mean", "low", "high"))
    return None if mean is None or low is None or high is None else Rate(mean, low, high)
