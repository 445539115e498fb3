"""Facts about a release that follow from the others: what devices are offered, and what replaced it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .release import Release
from .withdrawal import restores

RollbackState = Literal["none", "pending", "available"]


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """Facts about one release.

    Attributes:
        status: its status in a word or two; a release that a newer one has replaced is superseded.
        offered: share of devices that are offered it now; 0 for a withdrawn or superseded one.
        superseded_by: the next model that was released to all devices, or None.
        restores: for a rollback, the version whose weights it has.
        rollback: whether devices can have the rollback in its place; "none" if they need none.
        rollback_version: version of that rollback.
    """

    status: str
    offered: float
    superseded_by: int | None
    restores: int | None
    rollback: RollbackState
    rollback_version: int | None


def facts_by_version(releases: Sequence[Release]) -> dict[int, ReleaseFacts]:
    """Return the facts of all releases, which come newest first."""
    by_version = {release.version: release for release in releases}
    offered = offered_shares(releases)
    facts: dict[int, ReleaseFacts] = {}
    newer_released: int | None = None
    for release in releases:
        rollback: RollbackState = "none"
        if release.standing == "withdrawn" and release.replaced_by is not None:
            # Devices install the newest version, so any later release to all of them ends the wait.
            rollback = "pending" if newer_released is None else "available"
        is_superseded = release.standing == "released" and newer_released is not None
        facts[release.version] = ReleaseFacts(
            status=_status(release, is_superseded, rollback),
            offered=offered.get(release.version, 0.0),
            superseded_by=newer_released if is_superseded else None,
            restores=release.origin if _is_rollback(release, by_version) else None,
            rollback=rollback,
            rollback_version=release.replaced_by,
        )
        if release.standing == "released":
            newer_released = release.version
    return facts


def offered_shares(releases: Sequence[Release]) -> dict[int, float]:
    """Return the share of devices that each version is offered to, as devices are told (newest first)."""
    offering = [release for release in releases if release.standing in ("rolling", "released") and release.share > 0]
    if not offering:
        return {}
    newest = offering[0]
    before = next((release for release in offering[1:] if release.standing == "released"), None)
    rest = {} if before is None or newest.share == 1 else {before.version: 1 - newest.share}
    return {newest.version: newest.share, **rest}


def _status(release: Release, is_superseded: bool, rollback: RollbackState) -> str:
    if is_superseded:
        return "superseded"
    return f"{release.standing}, rollback pending" if rollback == "pending" else release.standing


def _is_rollback(release: Release, by_version: Mapping[int, Release]) -> bool:
    origin = None if release.origin is None else by_version.get(release.origin)
    return origin is not None and restores(release.weights, release.origin, release.base, [origin])
