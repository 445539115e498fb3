"""The routes under `/device`: discovery, and each step of a round. Bodies are the bytes of the SDK's messages.

A device identifies itself by a ticket, or by a signature inside the body. Addresses are counted in memory; neither
addresses nor tickets nor keys are logged or stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Path, Request, Response, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from keyart.errors import MessageError
from keyart.secagg import Stage

from ..http.error_responses import RETRY_SECONDS, error_schema
from ..releases import release_store
from ..rounds.round import ACTIVE
from ..service import Service
from ..state.tables import RoundRow
from .binary_bodies import BINARY, BUSY, BYTES, READ, SENT, Responses, read
from .context import UNKNOWN_ROUND, GatewayContext
from .rate_limits import for_direct_clients, for_proxied_clients
from .round_cache import CachedRound
from .stage_requests import stage_request
from .tickets import Ticket
from .validation import STAGE_CLOSED, SubmissionResult

MAIN_GATEWAY: Final = "main"  # name of the gateway that is part of the server
RETRY_REQUEST_SECONDS: Final = 2  # until a device polls for its request again
CACHE_SECONDS, CACHE_OFFER = "public, max-age=5", "public, max-age=60"
LATER_STAGES: Final = (Stage.SHARE, Stage.MASKED, Stage.UNMASK)

RoundId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="Round id as listed in `/device/current`.")]
TicketText = Annotated[
    str | None,
    Security(
        APIKeyHeader(
            name="Authorization",
            scheme_name="Ticket",
            description="`Ticket`, then the ticket that the device got for its keys.",
            auto_error=False,
        )
    ),
]
_ROUND: Final[Responses] = {
    404: error_schema("There is no such round."),
    410: error_schema("This stage is closed for this device."),
}
_TICKET: Final[Responses] = {
    401: error_schema("Not a ticket of this round; submitting the keys again returns the ticket.")
}


class OfferedModel(BaseModel):
    """The model on offer.

    Attributes:
        version: model version; null if there is none yet.
        share: share of devices that install it.
        before: model version that the other devices install; null if they keep what they have.
    """

    version: int | None
    share: float
    before: int | None


class ListedRound(BaseModel):
    """A round for devices with a sampling bucket in [low, high).

    Attributes:
        id: identifier of the round.
        low: lower end of the range.
        high: upper end of the range.
        closes: Unix seconds after which no device can join.
    """

    id: str
    low: float
    high: float
    closes: int


class CurrentState(BaseModel):
    """The discovery document.

    Attributes:
        again: polling interval of idle devices, in seconds.
        rounds: rounds that devices can join.
    """

    again: int
    model: OfferedModel
    rounds: list[ListedRound]


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the device routes of the server itself."""
    rates = for_direct_clients() if service.settings.tls else for_proxied_clients()
    context = GatewayContext(
        service.state,
        MAIN_GATEWAY,
        service.issuers,
        service.clock,
        release_store.offered,
        rates,
        service.metrics,
        service.revoked,
    )
    return (device_routes(context),)


def device_routes(context: GatewayContext) -> APIRouter:
    """Return the routes for devices."""
    router = APIRouter()

    @router.get(
        "/device/current", response_model=CurrentState, responses={304: {"description": "Not modified."}, **BUSY}
    )
    async def current(request: Request) -> Response:
        """List the rounds that sample devices, and the model on offer. The same for all devices."""
        context.limit_rate(request)
        document = await context.discovery.document()
        headers = {"ETag": document.etag, "Cache-Control": CACHE_SECONDS}
        if request.headers.get("if-none-match") == document.etag:
            return Response(status_code=304, headers=headers)
        return Response(document.content, headers=headers, media_type="application/json")

    @router.get(
        "/device/rounds/{round_id}/offer",
        response_class=Response,
        responses={200: {"content": {BYTES: BINARY}}, **_ROUND, **BUSY},
    )
    async def offer(round_id: RoundId, request: Request) -> Response:
        """Return the signed offer of an active round."""
        context.limit_rate(request)

        def load() -> Any:
            with context.state.reading() as session:
                rows = select(RoundRow.offer, RoundRow.standing).where(RoundRow.id == round_id)
                return session.execute(rows).one_or_none()

        row = await run_in_threadpool(load)
        if row is None:
            raise HTTPException(404, UNKNOWN_ROUND)
        if row.standing not in ACTIVE:
            raise HTTPException(410, STAGE_CLOSED)
        return Response(row.offer, headers={"Cache-Control": CACHE_OFFER}, media_type=BYTES)

    @router.post(
        "/device/rounds/{round_id}/keys",
        response_class=Response,
        responses={
            200: {"content": {"text/plain; charset=utf-8": {"schema": {"type": "string"}}}},
            403: error_schema("The round does not sample this device, or the campaign excludes it."),
            409: error_schema("This device has submitted other keys before."),
            **_ROUND,
            **READ,
            **BUSY,
        },
        openapi_extra=SENT,
    )
    async def join(round_id: RoundId, request: Request) -> Response:
        """Submit a device's keys for the round. Returns its ticket; the same keys again return the same ticket."""
        context.limit_rate(request)
        cached = await context.round(round_id)
        content = await read(request, cached.max_bytes(Stage.KEYS))
        return _response(await context.queue.submit(cached, Stage.KEYS, None, content))

    for stage in LATER_STAGES:
        _add_stage_routes(router, context, stage)
    return router


def _add_stage_routes(router: APIRouter, context: GatewayContext, stage: Stage) -> None:
    """Add the routes for request and submission of a stage."""
    name = stage.name.lower()
    path = f"/device/rounds/{{round_id}}/{name}"

    @router.get(
        path,
        name=f"{name}_question",
        response_class=Response,
        responses={
            200: {"content": {BYTES: BINARY}},
            202: {"description": "Not ready yet; see Retry-After."},
            **_ROUND,
            **_TICKET,
            **BUSY,
        },
    )
    async def ask(round_id: RoundId, request: Request, text: TicketText) -> Response:
        """Return the device's request at this stage."""
        context.limit_rate(request)
        ticket = _ticket(await context.round(round_id), text)

        def load() -> bytes | SubmissionResult:
            with context.state.reading() as session:
                return stage_request(session, context.clock(), round_id, stage, ticket)

        result = await run_in_threadpool(load)
        return _response(result) if isinstance(result, SubmissionResult) else Response(result, media_type=BYTES)

    @router.post(
        path,
        name=f"{name}_answer",
        status_code=204,
        response_class=Response,
        responses={
            409: error_schema("This device has submitted something else before."),
            **_ROUND,
            **_TICKET,
            **READ,
            **BUSY,
        },
        openapi_extra=SENT,
    )
    async def answer(round_id: RoundId, request: Request, text: TicketText) -> Response:
        """Submit the device's reply. After 204 it is durable; the same reply again gets the same 204."""
        context.limit_rate(request)
        cached = await context.round(round_id)
        ticket = _ticket(cached, text)
        content = await read(request, cached.max_bytes(stage))
        return _response(await context.queue.submit(cached, stage, ticket, content))


def _ticket(cached: CachedRound, text: str | None) -> Ticket:
    kind, _, ticket = (text or "").partition(" ")
    try:
        return Ticket.from_text(ticket if kind == "Ticket" else "", cached.key, cached.parameters.round_id)
    except MessageError as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": "Ticket"}) from None


def _response(result: SubmissionResult) -> Response:
    if result.status == 202:
        return Response(status_code=202, headers={"Retry-After": str(RETRY_REQUEST_SECONDS)})
    if result.status == 503:
        raise HTTPException(503, result.text, {"Retry-After": str(RETRY_SECONDS)})
    if result.status >= 400:
        raise HTTPException(result.status, result.text)
    return Response(result.text, result.status, media_type="text/plain" if result.text else None)
