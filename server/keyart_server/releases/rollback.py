"""Rollbacks: the bundle that devices get in the place of a withdrawn release.

A rollback publishes forward: it gives the newest clean weights a new version. One is signed in advance together with
each release, for the time when the targets key is away.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy.orm import Session

from keyart.bundle import MANIFEST_NAME, MAX_MODEL_VERSION, Manifest, read_files
from keyart.errors import BundleError, InputError, SettingError

from ..service import Service
from . import bundle_archive, release_store, withdrawal
from .release import UNPUBLISHED, Release

log = logging.getLogger("keyart.server")
# Versions between a release and its pre-signed rollback, for the candidates that come after the release: a rollback
# whose version is taken cannot be published.
ROLLBACK_GAP: Final = 100


def republish(service: Service, of: int, version: int, parent: int) -> dict[str, bytes]:
    """Return the files of a published bundle as a new version with this parent. Raises BundleError."""
    folder = service.bundles.folder(of)
    weights = bundle_archive.weights_version(Manifest.read(folder))
    return bundle_archive.renumber(read_files(folder), version, parent, service.clock(), weights_of=weights)


def rollback_files(
    service: Service, session: Session, release: Release, ending: Sequence[Release], ended: Collection[int]
) -> dict[str, bytes] | None:
    """Return the bundle that takes the place of the releases that end, or None if devices need none.

    Args:
        service: the server.
        session: an open transaction.
        release: the release that is withdrawn.
        ending: it, and all others that end with it.
        ended: versions of its lineage.
    """
    releases = release_store.list_all(session)
    newest = release_store.newest_published(session)
    on_devices = any(other.version == newest for other in ending)
    pending = any(
        other.standing in UNPUBLISHED and withdrawal.restores(other.weights, other.origin, other.base, releases)
        for other in ending
    )
    if newest is None or not (on_devices or pending):
        return None
    clean = _newest_clean(releases, ended)
    if clean is None and on_devices:
        raise InputError(
            f"There is no released model before {release.version} to roll back to, other than those with its weights "
            "or trained from them; hold it, or publish another one."
        )
    if clean is None:
        return None
    presigned = _presigned_rollback(service, releases, newest, ended)
    return presigned or republish(service, clean.version, releases[0].version + 1, newest)


def _newest_clean(releases: Sequence[Release], ended: Collection[int]) -> Release | None:
    """Return the newest released model outside a lineage. Releases come newest first."""
    return next((r for r in releases if r.standing == "released" and r.version not in ended), None)


def rollback_to_sign(service: Service, session: Session, version: int) -> dict[str, bytes] | None:
    """Return the rollback that is signed together with a release, or None if there is nothing to roll back to."""
    releases = release_store.list_all(session)
    clean = _newest_clean(releases, withdrawal.lineage(version, releases))
    if clean is None or version + ROLLBACK_GAP > MAX_MODEL_VERSION:
        return None
    try:
        return republish(service, clean.version, version + ROLLBACK_GAP, version)
    except BundleError as error:
        log.warning("no rollback could be signed", extra={"release": version, "error": str(error)})
        return None


def _presigned_rollback(
    service: Service, releases: Sequence[Release], newest: int, ended: Collection[int]
) -> dict[str, bytes] | None:
    """Return the pre-signed rollback if the targets key is away and that rollback restores clean weights."""
    try:
        service.bundles.check_keys()
    except SettingError:
        files = service.bundles.rollback()
    else:
        return None
    if files is None:
        return None
    manifest = Manifest.parse(files[MANIFEST_NAME])
    weights, origin = bundle_archive.weights_digest(manifest), bundle_archive.origin(manifest)
    is_clean = origin not in ended and not withdrawal.withdrawn_origin(weights, origin, newest, releases)
    is_newest = manifest.model_version > releases[0].version
    return files if manifest.parent == newest and is_clean and is_newest else None


def rollback_sentence(release: Release, files: Mapping[str, bytes] | None, newest: int | None) -> str:
    """Return what devices get in the place of a release, as a sentence; "" if they never had it.

    Args:
        release: the release that is withdrawn.
        files: files of the rollback, or None.
        newest: newest published version.
    """
    if files is not None:
        manifest = Manifest.parse(files[MANIFEST_NAME])
        weights = bundle_archive.weights_version(manifest)
        return f"Model {manifest.model_version} restores the weights of model {weights}."
    if release.published and newest != release.version:
        return f"Model {newest} was published later and stays published."
    return ""
