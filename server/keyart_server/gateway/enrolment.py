"""Enrolled devices: certified keys that have registered for rounds, and how many this server has certified itself.

The issuer knows which devices exist; a server sees them when they register.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from keyart.secagg import HEADER_BYTES

from .. import audit_log
from ..state.tables import EnrolledDeviceRow, EnrolmentCountRow
from ..state.upsert import upsert
from .validation import KeysSubmission, StageSubmission

KEPT_AFTER_EXPIRY: Final = timedelta(days=30)  # after expiry, so that a device that was offline is not counted as new
_EXPIRES = slice(HEADER_BYTES + 8, HEADER_BYTES + 16)  # of keys: the end of the certificate
MAX_SECONDS: Final = 4_102_444_800  # the year 2100: a certificate may name any number


def count_valid(session: Session, at: datetime) -> int:
    """Count the devices that have registered for rounds and whose certificate is valid."""
    valid = select(func.count()).select_from(EnrolledDeviceRow).where(EnrolledDeviceRow.expires > at)
    return session.scalars(valid).one()


def record_devices(
    session: Session, at: datetime, gateway: str, submissions: Sequence[KeysSubmission | StageSubmission]
) -> None:
    """Record the devices that have submitted keys; a device that is known already costs no write."""
    found = {one.key_hash: one for one in submissions if isinstance(one, KeysSubmission)}
    if not found:
        return
    known = select(EnrolledDeviceRow.device_key_hash, EnrolledDeviceRow.expires).where(
        EnrolledDeviceRow.device_key_hash.in_(found)
    )
    until = {row.device_key_hash: row.expires for row in session.execute(known)}
    for key_hash in sorted(found):  # in the same order at every gateway, so that they never wait for each other
        seconds = int.from_bytes(found[key_hash].content[_EXPIRES], "little")
        expires = datetime.fromtimestamp(min(seconds, MAX_SECONDS), UTC)
        if key_hash in until and until[key_hash] >= expires:
            continue
        row = {"by": gateway, "at": at, "expires": expires}
        new = upsert(session, EnrolledDeviceRow).values(device_key_hash=key_hash, **row)
        session.execute(new.on_conflict_do_update(index_elements=["device_key_hash"], set_=row))


def count_certificate(session: Session, at: datetime, actor: str) -> None:
    """Count a certificate that this server has given as its own issuer."""
    hour = upsert(session, EnrolmentCountRow).values(hour=_hour(at), by=actor, count=1)
    one_more = {"count": EnrolmentCountRow.count + 1}
    session.execute(hour.on_conflict_do_update(index_elements=["hour", "by"], set_=one_more))


def write_audit_rows(session: Session, at: datetime) -> None:
    """Write one audit row per token for each past hour with enrolments.

    One row per certificate would be millions per year. Rows name the token but no device: audit rows are kept
    forever, while the hash of a device's key must be deletable.
    """
    over = (
        select(EnrolmentCountRow)
        .where(EnrolmentCountRow.hour < _hour(at))
        .order_by(EnrolmentCountRow.hour, EnrolmentCountRow.by)
    )
    for row in session.scalars(over.with_for_update()):
        hour = row.hour.isoformat(timespec="minutes")
        audit_log.append(session, at, row.by, "device.enrol", "devices", count=row.count, hour=hour)
        session.delete(row)


def delete_expired(session: Session, at: datetime) -> None:
    """Delete devices whose certificate expired long ago."""
    session.execute(delete(EnrolledDeviceRow).where(EnrolledDeviceRow.expires < at - KEPT_AFTER_EXPIRY))


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
