"""Versions of the catalogue in the database. A new version writes its audit row in the same transaction."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session, defer

from keyart_federated.catalog_findings import CatalogFinding

from .. import audit_log
from ..http.pagination import PageRequest, read_page
from ..state.tables import CatalogRow

KEPT_VERSIONS: Final = 5  # newest versions whose files stay in the database
MAX_FINDING_IDS: Final = 20  # ids that a stored finding names
_WITHOUT_FILES: Final = select(CatalogRow).options(defer(CatalogRow.content))


@dataclass(frozen=True, slots=True)
class CatalogVersion:
    """A version of the catalogue.

    Attributes:
        number: 1, 2, …; the highest is the current one.
        digest: sha256 of the file, in hex.
        titles: number of titles.
        artworks: number of artworks.
        size_bytes: size of the file.
        findings: what the checks found; a finding names up to 20 ids.
        actor: who uploaded it.
        at: time of the upload.
        kept: whether the file can still be downloaded.
    """

    number: int
    digest: str
    titles: int
    artworks: int
    size_bytes: int
    findings: tuple[CatalogFinding, ...]
    actor: str
    at: datetime
    kept: bool


def add(
    session: Session,
    at: datetime,
    actor: str,
    content: bytes,
    *,
    digest: str,
    titles: int,
    artworks: int,
    findings: Sequence[CatalogFinding],
) -> CatalogVersion:
    """Make a checked file the current version; the current version again if it is the same file."""
    audit_log.lock(session)  # so that two processes do not take the same number
    current = newest(session)
    if current is not None and current.digest == digest:
        return current
    number = 1 if current is None else current.number + 1
    stored = [{**asdict(found), "ids": found.ids[:MAX_FINDING_IDS]} for found in findings]
    row = CatalogRow(
        number=number,
        digest=digest,
        size_bytes=len(content),
        summary=json.dumps({"titles": titles, "artworks": artworks, "findings": stored}, ensure_ascii=False),
        actor=actor,
        at=at,
        content=zlib.compress(content),
    )
    session.add(row)
    session.flush()
    session.execute(update(CatalogRow).where(CatalogRow.number <= number - KEPT_VERSIONS).values(content=None))
    audit_log.append(
        session, at, actor, "catalog.upload", str(number), digest=digest, titles=titles, artworks=artworks
    )
    return _version(row, kept=True)


def newest(session: Session) -> CatalogVersion | None:
    """Return the current version, or None."""
    row = session.scalars(_WITHOUT_FILES.order_by(CatalogRow.number.desc()).limit(1)).one_or_none()
    return None if row is None else _version(row, kept=True)  # it always keeps its file


def find_by_digest(session: Session, digest: str) -> int | None:
    """Return the number of the newest version that was this file, or None."""
    numbers = select(CatalogRow.number).where(CatalogRow.digest == digest).order_by(CatalogRow.number.desc())
    return session.scalar(numbers.limit(1))


def list_all(session: Session, limit: int | None = None) -> list[CatalogVersion]:
    """Return the versions without their files, newest first."""
    rows = session.scalars(_WITHOUT_FILES.order_by(CatalogRow.number.desc()).limit(limit))
    return _versions(session, rows)


def list_page(session: Session, paging: PageRequest) -> tuple[list[CatalogVersion], str | None]:
    """Return one page of the versions, newest first, and the cursor of the next page."""
    rows, following = read_page(session, _WITHOUT_FILES, (CatalogRow.number,), paging)
    return _versions(session, rows), following


def content(session: Session, number: int) -> bytes | None:
    """Return the file of a version, or None if there is no such version or its file is no longer kept."""
    packed = session.scalar(select(CatalogRow.content).where(CatalogRow.number == number))
    return None if packed is None else zlib.decompress(packed)


def _versions(session: Session, rows: Iterable[CatalogRow]) -> list[CatalogVersion]:
    kept = set(session.scalars(select(CatalogRow.number).where(CatalogRow.content.is_not(None))))
    return [_version(row, row.number in kept) for row in rows]


def _version(row: CatalogRow, kept: bool) -> CatalogVersion:
    summary = json.loads(row.summary)
    findings: list[dict[str, Any]] = summary["findings"]
    return CatalogVersion(
        number=row.number,
        digest=row.digest,
        titles=summary["titles"],
        artworks=summary["artworks"],
        size_bytes=row.size_bytes,
        findings=tuple(CatalogFinding(**{**found, "ids": tuple(found["ids"])}) for found in findings),
        actor=row.actor,
        at=row.at,
        kept=kept,
    )
