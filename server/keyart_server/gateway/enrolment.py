"""Enrolment: certifies device keys on behalf of holders of an API token with the scope `enrol`."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from keyart.secagg import KEY_BYTES, certify

from .. import audit_log
from ..access import Who
from ..service import Service
from ..state.tables import EnrolledDeviceRow, EnrolmentCountRow
from ..state.upsert import upsert
from .binary_bodies import BINARY, BUSY, BYTES, READ, SENT, read
from .rate_limits import RateLimiter

ENROLMENTS_PER_SECOND, ENROLMENT_BURST = 20.0, 1000.0  # per API token
CERTIFICATE_LIFETIME: Final = timedelta(days=90)
KEPT_AFTER_EXPIRY: Final = timedelta(days=30)  # after expiry, so that a device that was offline is not counted as new


def routes(service: Service) -> APIRouter:
    """Return the route that certifies device keys."""
    router = service.guard.router("enrol")
    rates = RateLimiter(ENROLMENTS_PER_SECOND, ENROLMENT_BURST)
    state, clock, issuer = service.state, service.clock, service.keys.issuer

    @router.post(
        "/device/enrol",
        response_class=Response,
        responses={200: {"content": {BYTES: BINARY}}, **READ, **BUSY},
        openapi_extra=SENT,
    )
    async def enrol_device(request: Request, who: Who) -> Response:
        """Certify a device's public key, which is the body (32 bytes); returns the certificate."""
        rates.take(who.name)
        key = await read(request, KEY_BYTES)
        if len(key) != KEY_BYTES:
            raise HTTPException(400, f"A device's public key has {KEY_BYTES} bytes, not {len(key)}.")

        def enrolled() -> bytes:
            with state.writing() as session:
                return enrol(session, clock(), who.name, issuer, key)

        return Response(await run_in_threadpool(enrolled), media_type=BYTES)

    return router


def enrol(session: Session, at: datetime, actor: str, issuer: bytes, device_key: bytes) -> bytes:
    """Certify a device's public key [32 bytes], for `art.federated.enrol`; the same key again renews the certificate.

    `issuer` is the private key that signs, `actor` the token for which the device is enrolled.

    Returns:
        The certificate.
    """
    expires = at + CERTIFICATE_LIFETIME
    row = {"by": actor, "at": at, "expires": expires}
    key_hash = hashlib.sha256(device_key).hexdigest()
    new = upsert(session, EnrolledDeviceRow).values(device_key_hash=key_hash, **row)
    session.execute(new.on_conflict_do_update(index_elements=["device_key_hash"], set_=row))
    hour = upsert(session, EnrolmentCountRow).values(hour=_hour(at), by=actor, count=1)
    one_more = {"count": EnrolmentCountRow.count + 1}
    session.execute(hour.on_conflict_do_update(index_elements=["hour", "by"], set_=one_more))
    return certify(issuer, device_key, int(expires.timestamp()))


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
