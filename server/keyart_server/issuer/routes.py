"""The issuer's routes. Bodies are bytes; neither keys nor vouchers are logged."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from keyart.client import CERTIFICATE_PATH, CHALLENGE_PATH, REVOKED_PATH
from keyart.errors import InputError, MessageError
from keyart.secagg import KEY_BYTES, MAX_REQUEST_BYTES, CertificationRequest

from ..gateway.binary_bodies import BINARY, BUSY, BYTES, READ, SENT, Responses, read
from ..gateway.rate_limits import RateLimiter
from ..http.client_network import client_network
from ..http.error_responses import error_schema
from .certificate_authority import CertificateAuthority, voucher_hash
from .issuer_metrics import IssuerMetrics

VOUCHER_TRIES: Final = 5.0  # with one voucher at once, then one a minute
LIST_CACHE: Final = "public, max-age=3600"


class VoucherRequest(BaseModel):
    """A request for a number of vouchers.

    Attributes:
        count: number of vouchers.
    """

    count: int = 1


def issuer_routes(
    authority: CertificateAuthority, token: str, rates: RateLimiter, counts: IssuerMetrics
) -> Sequence[APIRouter]:
    """Return the routes of an issuer.

    Args:
        authority: Certifies.
        token: Bearer token of whoever may make vouchers and revoke keys.
        rates: Limits per network.
        counts: Counts certificates, vouchers and revocations.
    """
    router = APIRouter()
    tries = RateLimiter(1 / 60, VOUCHER_TRIES)

    @router.post(
        CHALLENGE_PATH,
        response_class=Response,
        responses={200: {"content": {BYTES: BINARY}}, **READ, **BUSY},
        openapi_extra=SENT,
    )
    async def challenge(request: Request) -> Response:
        """Return a challenge for a device's public key, which is the body (32 bytes)."""
        rates.take(client_network(request))
        return Response(authority.challenge(await _key(request)), media_type=BYTES)

    @router.post(
        CERTIFICATE_PATH,
        response_class=Response,
        responses={
            200: {"content": {BYTES: BINARY}},
            403: error_schema("Nothing entitles the device to a certificate."),
            **READ,
            **BUSY,
        },
        openapi_extra=SENT,
    )
    async def certificate(request: Request) -> Response:
        """Certify a key: the body proves possession, the header `Authorization: Voucher …` entitles."""
        rates.take(client_network(request))
        kind, _, voucher = request.headers.get("authorization", "").partition(" ")
        given = voucher if kind == "Voucher" else None
        if given is not None:
            tries.take(voucher_hash(given).hex())
        content = await read(request, MAX_REQUEST_BYTES)
        try:
            wanted = CertificationRequest.from_bytes(content)
        except MessageError as error:
            raise HTTPException(400, str(error)) from None
        try:
            made = await run_in_threadpool(authority.certificate, wanted, given)
        except InputError as error:
            counts.certificate("refused")
            raise HTTPException(403, str(error)) from None
        counts.certificate("certified")
        return Response(made, media_type=BYTES)

    @router.get(REVOKED_PATH, response_class=Response, responses={200: {"content": {BYTES: BINARY}}, **BUSY})
    async def revoked() -> Response:
        """Return the signed revocation list. The same for all, so that caches carry it."""
        data = await run_in_threadpool(authority.current_list)
        return Response(data, media_type=BYTES, headers={"Cache-Control": LIST_CACHE})

    def account_service(request: Request) -> None:
        given = request.headers.get("authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, f"Bearer {token}".encode()):
            raise HTTPException(401, "This needs the issuer's token (issuer.token in its data folder).")

    guarded: dict[str, Any] = {"dependencies": [Depends(account_service)]}
    refused: Responses = {401: error_schema("The issuer's token is missing or wrong.")}

    @router.post("/issuer/vouchers", responses=refused, **guarded)
    async def vouchers(wanted: VoucherRequest) -> JSONResponse:
        """Make one-use vouchers, for the app's account service; needs the issuer's token."""
        made = await run_in_threadpool(authority.vouchers, wanted.count)
        counts.vouchers(len(made))
        return JSONResponse({"vouchers": made})

    @router.post(
        "/issuer/revoke",
        status_code=204,
        response_class=Response,
        responses={**refused, **READ},
        openapi_extra=SENT,
        **guarded,
    )
    async def revoke(request: Request) -> Response:
        """Revoke a device's public key, which is the body (32 bytes); needs the issuer's token."""
        await run_in_threadpool(authority.revoke, await _key(request))
        counts.revocation()
        return Response(status_code=204)

    return (router,)


async def _key(request: Request) -> bytes:
    key = await read(request, KEY_BYTES)
    if len(key) != KEY_BYTES:
        raise HTTPException(400, f"A device's public key has {KEY_BYTES} bytes, not {len(key)}.")
    return key
