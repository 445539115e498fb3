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
class Wave:
    """A share of the plan. now: it is the one that is out."""

    share: float
    reached: bool
    now: bool


def newest(releases: Sequence[Release]) -> Release | None:
    """The one that devices get, if only some of them. releases: newest first."""
    return next((one for one in releases if one.published and one.standing in ("rolling", "released", "held")), None)


def line(releases: Sequence[Release]) -> frozenset[int]:
    """The newest one that devices get, and those that it descends from; all others are side branches."""
    bases = {one.version: one.base for one in releases}
    first = newest(releases)
    found: set[int] = set()
    here = None if first is None else first.version
    while here is not None and here not in found:
        found.add(here)
        here = bases.get(here)
    return frozenset(found)


def waves(release: Release) -> tuple[Wave, ...]:
    """The shares that its plan leads through."""
    return tuple(Wave(share, share <= release.share, share == release.share) for share in release.plan.stages)


def against_base(release: Release) -> Rate | None:
    """Reward a decision less that of its base, on held-out devices."""
    gate = next((gate for gate in release.gates if gate.name == AGAINST_BASE), None)
    return None if gate is None else difference(gate)


def difference(gate: Gate) -> Rate | None:
    """What a comparison measured; None where the noise drowned it, or for another gate."""
    mean, low, high = (gate.numbers.get(name) for name in ("mean", "low", "high"))
    return None if mean is None or low is None or high is None else Rate(mean, low, high)
