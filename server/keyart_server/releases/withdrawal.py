"""The lineage of withdrawn weights: who has them and who was made from them. Pure.

Withdrawing a model ends every release that was made from it (a bundle names its parent), every later one with the
same weights (by their digest), and, if it is a rollback, the one whose weights it restores, with its lineage. An
older release with the same weights that it does not name stays what it is: it was not withdrawn, and may be restored.
Weights that are exported anew, for another catalogue and without their parent, are not recognised.
"""

from __future__ import annotations

from collections.abc import Sequence

from .release import MOVES, Release


def restores(weights: str | None, origin: int | None, base: int | None, releases: Sequence[Release]) -> bool:
    """Tell whether a model is a rollback: it has the weights of its origin, which is not what it follows.

    Args:
        weights: digest of its weights.
        origin: version that it was made from, or whose weights it has.
        base: version that it follows.
        releases: all releases.
    """
    return (
        weights is not None
        and origin != base
        and any((release.version, release.weights) == (origin, weights) for release in releases)
    )


def lineage(version: int, releases: Sequence[Release]) -> frozenset[int]:
    """Return the versions that end with `version`, itself included."""
    rollbacks = {r.version for r in releases if restores(r.weights, r.origin, r.base, releases)}
    versions = {version}
    while True:
        first_with: dict[str, int] = {}
        restored = set()
        for release in releases:
            if release.version in versions and release.weights is not None:
                first_with[release.weights] = min(release.version, first_with.get(release.weights, release.version))
            if release.version in versions & rollbacks and release.origin is not None:
                restored.add(release.origin)
        copies = {
            r.version for r in releases
            if r.weights in first_with and r.version > first_with[r.weights] and r.version not in rollbacks
        }  # fmt: skip
        grown = versions | restored | copies | {r.version for r in releases if r.origin in versions}
        if grown == versions:
            return frozenset(versions)
        versions = grown


def ending_with(version: int, releases: Sequence[Release]) -> list[Release]:
    """Return the other releases of the lineage that have not ended: they are withdrawn with `version`."""
    others = lineage(version, releases) - {version}
    return [
        release for release in releases
        if release.version in others and release.standing in MOVES["withdraw"][0]
    ]  # fmt: skip


def withdrawn_origin(
    weights: str | None,
    origin: int | None,
    base: int | None,
    releases: Sequence[Release],
    version: int | None = None,
) -> str:
    """Return why a model belongs to a withdrawn lineage, or "".

    Args:
        weights: digest of its weights.
        origin: version that it was made from, or whose weights it has.
        base: version that it follows.
        releases: all releases.
        version: its own version; None for one that is newer than all.
    """
    withdrawn = [release for release in releases if release.standing == "withdrawn" and release.version != version]
    if weights is not None and not restores(weights, origin, base, releases):
        for release in withdrawn:
            if release.weights == weights and (version is None or version > release.version):
                return f"It has the weights of model {release.version}, which was withdrawn."
    if origin in {member for release in withdrawn for member in lineage(release.version, releases)}:
        return f"It was made from model {origin}, which was withdrawn."
    return ""


def reason_of(release: Release, releases: Sequence[Release]) -> str:
    """Return why a release belongs to a withdrawn lineage, or ""."""
    return withdrawn_origin(release.weights, release.origin, release.base, releases, release.version)
