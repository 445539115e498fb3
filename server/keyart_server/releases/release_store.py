"""Releases in the database. Every change writes its audit row in the same transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, TypedDict, cast

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, defer

from keyart.bundle import MANIFEST_NAME, Manifest
from keyart.errors import InputError
from keyart_federated.campaigns.rollout_plan import RolloutPlan

from .. import audit_log
from ..http.pagination import PageRequest, read_page
from ..state.tables import ReleaseRow
from . import bundle_archive
from .gate import Gate
from .release import OFFERING, UNPUBLISHED, Action, Release, ReleaseStatus
from .withdrawal import reason_of, withdrawn_origin

MAX_REASON_LENGTH: Final = 400  # characters


class OfferedRelease(TypedDict):
    """The release that devices are offered.

    Attributes:
        version: model version; None if there is none yet.
        share: share of devices that install it.
        before: version that the other devices install; None if they keep what they have.
    """

    version: int | None
    share: float
    before: int | None


def propose(
    session: Session,
    at: datetime,
    actor: str,
    files: Mapping[str, bytes],
    *,
    campaign_id: str | None = None,
    number: int = 0,
    base: int | None = None,
    plan: RolloutPlan | None = None,
) -> Release:
    """Create a candidate from the files of a bundle, or return the one that this round proposed before.

    A campaign's candidate gets the next free version if its own is taken, for example by a refused one. Uploaded
    bundles keep their bytes.

    Raises:
        InputError: for an upload whose version is not newer than all others, or whose weights were withdrawn.
        BundleError: for files that are not a bundle.
    """
    if campaign_id is not None and (existing := _find_by_round(session, campaign_id, number)) is not None:
        return existing
    manifest = Manifest.parse(files[MANIFEST_NAME])
    weights = bundle_archive.weights_digest(manifest)
    origin = base if campaign_id is not None else bundle_archive.origin(manifest)
    is_rollback = bundle_archive.weights_version(manifest) != manifest.model_version
    follows = base if is_rollback else origin  # any other upload is judged by the digest of its weights, too
    if campaign_id is None and (reason := withdrawn_origin(weights, origin, follows, list_all(session))):
        raise InputError(f"Model {manifest.model_version} cannot be published. {reason} Publish other weights.")
    newest = newest_version(session)
    if newest is not None and manifest.model_version <= newest:
        if campaign_id is None:
            raise InputError(
                f"Model {manifest.model_version} is not newer than {newest}, the newest version so far; build the "
                "bundle with a higher model version."
            )
        files = bundle_archive.renumber(files, newest + 1, manifest.parent)
        manifest = Manifest.parse(files[MANIFEST_NAME])
    row = ReleaseRow(
        version=manifest.model_version,
        campaign_id=campaign_id,
        number=number,
        base=base,
        standing="candidate",
        share=0.0,
        reached=0.0,
        digest=manifest.digest,
        weights=weights,
        origin=origin,
        files=bundle_archive.pack(files),
        plan=json.dumps(asdict(plan or RolloutPlan())),
        gates="[]",
        reason="",
        created=at,
        changed=at,
    )
    session.add(row)
    session.flush()
    audit_log.append(
        session, at, actor, "release.propose", str(row.version),
        campaign=campaign_id, round=number, base=base, digest=row.digest,
    )  # fmt: skip
    return _release(row)


def adopt(session: Session, at: datetime, manifest: Manifest) -> None:
    """Create the row of a signed bundle that has none, for example one signed on another machine."""
    if session.get(ReleaseRow, manifest.model_version) is not None:
        return
    version, parent, digest = manifest.model_version, manifest.parent, manifest.digest
    session.add(
        ReleaseRow(
            version=version, campaign_id=None, number=0, base=parent, standing="released", share=1.0, reached=1.0,
            digest=digest, weights=bundle_archive.weights_digest(manifest), origin=bundle_archive.origin(manifest),
            files=None,
            plan="{}", gates="[]", reason="Published on another machine.", created=at, changed=at,
        )
    )  # fmt: skip
    audit_log.append(session, at, "server", "release.adopt", str(version), digest=digest)


def find(session: Session, version: int) -> Release | None:
    """Return the release, or None."""
    row = session.get(ReleaseRow, version, options=[defer(ReleaseRow.files)])
    return None if row is None else _release(row)


def find_by_digest(session: Session, digest: str) -> Release | None:
    """Return the release of exactly this bundle, or None."""
    matches = _select(session, ReleaseRow.digest == digest)
    return matches[0] if matches else None


def versions_without_weights(session: Session) -> list[int]:
    """Return the versions of rows that do not say yet what their weights are."""
    return list(session.scalars(select(ReleaseRow.version).where(ReleaseRow.weights.is_(None))))


def record_weights(session: Session, version: int, manifest: Manifest) -> None:
    """Record what the weights of a release are and where they come from."""
    row = session.get_one(ReleaseRow, version, options=[defer(ReleaseRow.files)])
    row.weights = bundle_archive.weights_digest(manifest)
    row.origin = row.base if row.campaign_id is not None else bundle_archive.origin(manifest)


def list_all(session: Session, standing: ReleaseStatus | None = None, limit: int | None = None) -> list[Release]:
    """Return all releases, or those with one status, newest version first."""
    return _select(session, *([] if standing is None else [ReleaseRow.standing == standing]), limit=limit)


def count_by_status(session: Session) -> dict[str, int]:
    """Count releases by status."""
    rows = select(ReleaseRow.standing, func.count()).group_by(ReleaseRow.standing)
    return {row[0]: row[1] for row in session.execute(rows)}


def list_for_campaigns(session: Session, campaign_ids: Collection[str]) -> list[Release]:
    """Return the releases that campaigns made, newest version first."""
    return _select(session, ReleaseRow.campaign_id.in_(campaign_ids))


def list_page(
    session: Session, paging: PageRequest, standing: ReleaseStatus | None = None
) -> tuple[list[Release], str | None]:
    """Return one page of releases, of one status if it is given, and the cursor of the next page."""
    rows = select(ReleaseRow).options(defer(ReleaseRow.files))
    if standing is not None:
        rows = rows.where(ReleaseRow.standing == standing)
    page, following = read_page(session, rows, (ReleaseRow.version,), paging)
    return [_release(row) for row in page], following


def newest_version(session: Session) -> int | None:
    """Return the highest version of any release, or None."""
    return session.scalar(select(func.max(ReleaseRow.version)))


def newest_published(session: Session) -> int | None:
    """Return the newest version that devices may have, withdrawn or not, or None."""
    return next((release.version for release in list_all(session) if release.published), None)


def record_replacement(session: Session, versions: Sequence[int], rollback: int) -> None:
    """Record that devices with these withdrawn versions get the rollback."""
    session.execute(update(ReleaseRow).where(ReleaseRow.version.in_(versions)).values(replaced_by=rollback))


def files(session: Session, version: int) -> dict[str, bytes]:
    """Return the files of an unpublished release. Raises InputError if the row holds none."""
    packed = session.scalar(select(ReleaseRow.files).where(ReleaseRow.version == version))
    if packed is None:
        raise InputError(f"Model {version} has no files in the database: it is published already, or never existed.")
    return bundle_archive.unpack(packed)


def move(
    session: Session,
    at: datetime,
    actor: str,
    version: int,
    action: Action,
    *,
    reason: str = "",
    gates: Sequence[Gate] | None = None,
) -> Release:
    """Apply an action and return the changed release.

    `gates` are new gate results; results of other gates stay.

    Raises:
        InputError: if the status forbids the action, or a device would get weights that were withdrawn.
    """
    row = session.get(ReleaseRow, version, with_for_update=True, options=[defer(ReleaseRow.files)])
    if row is None:
        raise InputError(f"There is no model {version}.")
    release = _release(row).after(action, at)
    if action in OFFERING and (withdrawn := reason_of(release, list_all(session))):
        raise InputError(f"Model {version} cannot reach devices. {withdrawn} Withdraw it, too.")
    row.standing, row.share, row.reason, row.changed = release.standing, release.share, reason[:MAX_REASON_LENGTH], at
    row.reached = release.reached
    if gates is not None:
        by_name = {gate.name: gate for gate in (*release.gates, *gates)}
        row.gates = json.dumps([asdict(gate) for gate in by_name.values()], allow_nan=False)
        for gate in gates:
            audit_log.append(session, at, actor, "gate.judge", str(version), gate=gate.name, verdict=gate.verdict)
    if release.standing not in UNPUBLISHED and not release.half_published:
        row.files = None
    audit_log.append(
        session, at, actor, f"release.{action}", str(version),
        standing=row.standing, share=row.share, reason=row.reason,
    )  # fmt: skip
    return _release(row)


def newest_released(session: Session, below: int | None = None) -> Release | None:
    """Return the newest release for all devices, or the newest below a version."""
    older = [] if below is None else [ReleaseRow.version < below]
    matches = _select(session, ReleaseRow.standing == "released", *older, limit=1)
    return matches[0] if matches else None


def offered(session: Session) -> OfferedRelease:
    """Return the newest rolling or released version, its share, and the released version before it."""
    newest = _select(session, ReleaseRow.standing.in_(("rolling", "released")), ReleaseRow.share > 0, limit=1)
    if not newest:
        return {"version": None, "share": 0.0, "before": None}
    previous = newest_released(session, below=newest[0].version)
    return {
        "version": newest[0].version,
        "share": newest[0].share,
        "before": None if previous is None else previous.version,
    }


def _select(session: Session, *conditions: Any, limit: int | None = None) -> list[Release]:
    """Return matching releases without their files, newest version first."""
    rows = select(ReleaseRow).where(*conditions).order_by(ReleaseRow.version.desc()).limit(limit)
    return [_release(row) for row in session.scalars(rows.options(defer(ReleaseRow.files)))]


def _find_by_round(session: Session, campaign_id: str, number: int) -> Release | None:
    matches = _select(session, ReleaseRow.campaign_id == campaign_id, ReleaseRow.number == number)
    return matches[0] if matches else None


def _release(row: ReleaseRow) -> Release:
    plan = json.loads(row.plan)
    return Release(
        version=row.version,
        campaign_id=row.campaign_id,
        number=row.number,
        base=row.base,
        standing=cast(ReleaseStatus, row.standing),
        share=row.share,
        reached=row.reached,
        replaced_by=row.replaced_by,
        digest=row.digest,
        weights=row.weights,
        origin=row.origin,
        plan=RolloutPlan(**{**plan, "stages": tuple(plan["stages"])}) if plan else RolloutPlan(),
        gates=tuple(Gate(**gate) for gate in json.loads(row.gates)),
        reason=row.reason,
        created=row.created,
        changed=row.changed,
    )
