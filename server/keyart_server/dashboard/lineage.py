"""The ancestry of model versions, and their comparison with the version before. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..releases.gate import ALL, Gate
from ..releases.release import Release
from ..rounds.round_result import Rate

AGAINST_BASE: Final = f"quality {ALL}"  # the gate of the comparison on all held-out devices


@dataclass(frozen=True, slots=True)
class RolloutStage:
    """A share of the roll-out plan; `now` marks the current one."""

    share: float
    reached: bool
    now: bool


def newest_offered(releases: Sequence[Release]) -> Release | None:
    """Return the newest release that devices are offered. Releases come newest first."""
    return next(
        (
            release
            for release in releases
            if release.published and release.standing in ("rolling", "released", "held")
        ),
        None,
    )


def ancestors(releases: Sequence[Release]) -> frozenset[int]:
    """Return the newest offered version and its ancestors; all others are side branches."""
    bases = {release.version: release.base for release in releases}
    newest = newest_offered(releases)
    versions: set[int] = set()
    version = None if newest is None else newest.version
    while version is not None and version not in versions:
        versions.add(version)
        version = bases.get(version)
    return frozenset(versions)


def rollout_stages(release: Release) -> tuple[RolloutStage, ...]:
    """Return the stages of the release's plan."""
    reached = max(release.share, release.reached)
    return tuple(RolloutStage(share, share <= reached, share == release.share) for share in release.plan.stages)


def gain_over_base(release: Release) -> Rate | None:
    """Return the reward per decision minus that of the base model, on held-out devices."""
    gate = next((gate for gate in release.gates if gate.name == AGAINST_BASE), None)
    return None if gate is None else difference(gate)


def difference(gate: Gate) -> Rate | None:
    """Return the difference that a gate measured, or None if the gate has none."""
    mean, low, high = (gate.numbers.get(name) for name in ("mean", "low", "high"))
    return None if mean is None or low is None or high is None else Rate(mean, low, high)
