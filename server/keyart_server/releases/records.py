"""Releases in the database. Each change writes its row of the audit log in the same transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, TypedDict, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from keyart.bundle.manifest import MANIFEST_NAME, Manifest
from keyart.errors import InputError
from keyart_federated.campaigns.rollout_plan import Plan

from .. import audit
from ..state.tables import ReleaseRow
from . import archive
from .gate import Gate
from .release import UNPUBLISHED, Action, Release, Standing

LONGEST_REASON: Final = 400  # characters


class Offered(TypedDict):
    """What devices are told. version: None: nothing yet. share: of the devices, those that take it; the others take
    `before`, or stay as they are where that is None."""

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
    plan: Plan | None = None,
) -> Release:
    """A new candidate with these files of a bundle; the one that is there, where this round proposed before.

    A campaign's candidate is moved to the next free version if its own is taken, by a refused one for instance. What
    comes by hand keeps its bytes: raises InputError for a version that is not newer than all others, BundleError for
    files that are no bundle.
    """
    if campaign_id is not None and (known := _of_round(session, campaign_id, number)) is not None:
        return known
    manifest = Manifest.parse(files[MANIFEST_NAME])
    newest = newest_version(session)
    if newest is not None and manifest.model_version <= newest:
        if campaign_id is None:
            raise InputError(
                f"Model {manifest.model_version} is not newer than {newest}, the newest number that was given; build "
                "the bundle under a higher model version."
            )
        files = archive.renumbered(files, newest + 1, manifest.parent)
        manifest = Manifest.parse(files[MANIFEST_NAME])
    row = ReleaseRow(
        version=manifest.model_version,
        campaign_id=campaign_id,
        number=number,
        base=base,
        standing="candidate",
        share=0.0,
        digest=manifest.digest,
        files=archive.packed(files),
        plan=json.dumps(asdict(plan or Plan())),
        gates="[]",
        reason="",
        created=at,
        changed=at,
    )
    session.add(row)
    session.flush()
    audit.append(
        session, at, actor, "release.propose", str(row.version),
        campaign=campaign_id, round=number, base=base, digest=row.digest,
    )  # fmt: skip
    return _release(row)


def adopt(session: Session, at: datetime, manifest: Manifest) -> None:
    """A row for a signed bundle that has none, for instance from the machine with the offline keys."""
    if session.get(ReleaseRow, manifest.model_version) is not None:
        return
    version, parent, digest = manifest.model_version, manifest.parent, manifest.digest
    session.add(
        ReleaseRow(
            version=version, campaign_id=None, number=0, base=parent, standing="released", share=1.0, digest=digest,
            files=None, plan="{}", gates="[]", reason="It was published elsewhere.", created=at, changed=at,
        )
    )  # fmt: skip
    audit.append(session, at, "server", "release.adopt", str(version), digest=digest)


def find(session: Session, version: int) -> Release | None:
    row = session.get(ReleaseRow, version, options=[defer(ReleaseRow.files)])
    return None if row is None else _release(row)


def of_digest(session: Session, digest: str) -> Release | None:
    """The release of exactly this bundle."""
    found = _chosen(session, ReleaseRow.digest == digest)
    return found[0] if found else None


def every(session: Session, standing: Standing | None = None, limit: int | None = None) -> list[Release]:
    """Newest version first; standing: only those that stand there."""
    return _chosen(session, *([] if standing is None else [ReleaseRow.standing == standing]), limit=limit)


def newest_version(session: Session) -> int | None:
    """The highest number that was ever given to a candidate."""
    return session.scalar(select(func.max(ReleaseRow.version)))


def files(session: Session, version: int) -> dict[str, bytes]:
    """Of a release that is not published yet. Raises InputError where the row keeps none."""
    packed = session.scalar(select(ReleaseRow.files).where(ReleaseRow.version == version))
    if packed is None:
        raise InputError(f"Model {version} has no files in the database; they are published, or it never was.")
    return archive.unpacked(packed)


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
    """The release after `action`. gates: what they said now; those of other names stay. Raises InputError."""
    row = session.get(ReleaseRow, version, with_for_update=True, options=[defer(ReleaseRow.files)])
    if row is None:
        raise InputError(f"There is no model {version}.")
    release = _release(row).after(action, at)
    row.standing, row.share, row.reason, row.changed = release.standing, release.share, reason[:LONGEST_REASON], at
    if gates is not None:
        said = {gate.name: gate for gate in (*release.gates, *gates)}
        row.gates = json.dumps([asdict(gate) for gate in said.values()], allow_nan=False)
    if release.standing not in UNPUBLISHED and not release.half_published:
        row.files = None
    audit.append(
        session, at, actor, f"release.{action}", str(version),
        standing=row.standing, share=row.share, reason=row.reason,
    )  # fmt: skip
    return _release(row)


def released(session: Session, below: int | None = None) -> Release | None:
    """The newest one that all devices are to have; below: of those with a smaller number."""
    older = [] if below is None else [ReleaseRow.version < below]
    found = _chosen(session, ReleaseRow.standing == "released", *older, limit=1)
    return found[0] if found else None


def offered(session: Session) -> Offered:
    """The newest version that rolls out or is released, its share, and the released one before it."""
    found = _chosen(session, ReleaseRow.standing.in_(("rolling", "released")), ReleaseRow.share > 0, limit=1)
    if not found:
        return {"version": None, "share": 0.0, "before": None}
    before = released(session, below=found[0].version)
    return {
        "version": found[0].version,
        "share": found[0].share,
        "before": None if before is None else before.version,
    }


def _chosen(session: Session, *where: Any, limit: int | None = None) -> list[Release]:
    """Newest version first, without the files."""
    rows = select(ReleaseRow).where(*where).order_by(ReleaseRow.version.desc()).limit(limit)
    return [_release(row) for row in session.scalars(rows.options(defer(ReleaseRow.files)))]


def _of_round(session: Session, campaign_id: str, number: int) -> Release | None:
    found = _chosen(session, ReleaseRow.campaign_id == campaign_id, ReleaseRow.number == number)
    return found[0] if found else None


def _release(row: ReleaseRow) -> Release:
    plan = json.loads(row.plan)
    return Release(
        version=row.version,
        campaign_id=row.campaign_id,
        number=row.number,
        base=row.base,
        standing=cast(Standing, row.standing),
        share=row.share,
        digest=row.digest,
        plan=Plan(**{**plan, "stages": tuple(plan["stages"])}) if plan else Plan(),
        gates=tuple(Gate(**gate) for gate in json.loads(row.gates)),
        reason=row.reason,
        created=row.created,
        changed=row.changed,
    )
