"""Enrolment: a key becomes a device's, on the word of whoever has a token for that."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from keyart.secagg import certify
from keyart.secagg.key_agreement import KEY_BYTES

from .. import audit
from ..access import Who
from ..service import Service
from ..state.insertion import insertion
from ..state.tables import EnrolledRow, EnrolmentsRow
from .bodies import BINARY, BUSY, BYTES, READ, SENT, read
from .rates import Rates

A_SECOND, AT_ONCE = 20.0, 1000.0  # with one token
VALID: Final = timedelta(days=90)
KEPT: Final = timedelta(days=30)  # after its end, so that a device which is away for a while is not a new one


def routes(service: Service) -> APIRouter:
    router = service.guard.router("enrol")
    rates = Rates(A_SECOND, AT_ONCE)
    state, clock, issuer = service.state, service.clock, service.keys.issuer

    @router.post(
        "/device/enrol",
        response_class=Response,
        responses={200: {"content": {BYTES: BINARY}}, **READ, **BUSY},
        openapi_extra=SENT,
    )
    async def enrol_device(request: Request, who: Who) -> Response:
        """The certificate of a device's public key, which is the body: 32 bytes."""
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
    """The certificate of a device's public key [32], for `art.federated.enrol`; the same key again renews it.

    issuer: private key.
    """
    expires = at + VALID
    row = {"by": actor, "at": at, "expires": expires}
    key_hash = hashlib.sha256(device_key).hexdigest()
    new = insertion(session, EnrolledRow).values(device_key_hash=key_hash, **row)
    session.execute(new.on_conflict_do_update(index_elements=["device_key_hash"], set_=row))
    hour = insertion(session, EnrolmentsRow).values(hour=_hour(at), by=actor, count=1)
    one_more = {"count": EnrolmentsRow.count + 1}
    session.execute(hour.on_conflict_do_update(index_elements=["hour", "by"], set_=one_more))
    return certify(issuer, device_key, int(expires.timestamp()))


def tell(session: Session, at: datetime) -> None:
    """Each token's certificates of each hour that is over become one row of the audit log.

    A row for each would be millions a year. The log tells who has brought in devices and not which: it keeps its rows
    for good, and the hash of a key must be able to go with the device.
    """
    over = select(EnrolmentsRow).where(EnrolmentsRow.hour < _hour(at)).order_by(EnrolmentsRow.hour, EnrolmentsRow.by)
    for row in session.scalars(over.with_for_update()):
        hour = row.hour.isoformat(timespec="minutes")
        audit.append(session, at, row.by, "device.enrol", "devices", count=row.count, hour=hour)
        session.delete(row)


def forget(session: Session, at: datetime) -> None:
    """Devices that did not come back."""
    session.execute(delete(EnrolledRow).where(EnrolledRow.expires < at - KEPT))


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
