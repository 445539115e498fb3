"""The lineage of withdrawn weights: who has them and who was made from them. Pure.

Withdrawing a model ends every release with the same weights and every release that was made from them, whatever their
versions: a bundle names its parent, a rollback names the version whose weights it restores, and equal weights have an
equal digest. Weights that are exported anew, for another catalogue and without their parent, are not recognised.
"""

from __future__ import annotations

from collections.abc import Sequence

from .release import Release


def lineage(version: int, releases: Sequence[Release]) -> frozenset[int]:
    """Return the versions that have the weights of `version` or were made from them, itself included."""
    versions, weights = {version}, set[str]()
    while True:
        weights |= {release.weights for release in releases if release.version in versions and release.weights}
        grown = versions | {
            release.version for release in releases if release.weights in weights or release.origin in versions
        }
        if grown == versions:
            return frozenset(versions)
        versions = grown


def withdrawn_origin(
    weights: str | None, origin: int | None, releases: Sequence[Release], version: int | None = None
) -> str:
    """Return why a model belongs to a withdrawn lineage, or "".

    Args:
        weights: digest of its weights.
        origin: version that it was made from, or whose weights it has.
        releases: all releases.
        version: its own version, which does not count.
    """
    withdrawn = [release for release in releases if release.standing == "withdrawn" and release.version != version]
    for release in withdrawn:
        if weights is not None and release.weights == weights:
            return f"It has the weights of model {release.version}, which was withdrawn."
    ended = {member for release in withdrawn for member in lineage(release.version, releases)}
    if origin in ended:
        return f"It was made from model {origin}, which was withdrawn."
    return ""


def restores(release: Release, releases: Sequence[Release]) -> bool:
    """Tell whether a release is a rollback: it has the weights of the version that it was made from."""
    return release.weights is not None and any(
        (other.version, other.weights) == (release.origin, release.weights) for other in releases
    )
