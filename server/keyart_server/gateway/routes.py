"""`/device`: what is going on, and each step of a round. Bodies are bytes, as the SDK makes and takes them.

Who asks is told by a ticket or by a signature inside the body, and by nothing else: addresses are counted in memory,
and neither they nor tickets nor keys are logged or stored.
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

from ..http.error_responses import RETRY_SECONDS, refusal
from ..releases import release_store
from ..rounds.round import GOING_ON
from ..service import Service
from ..state.tables import RoundRow
from . import enrolment
from .binary_bodies import BINARY, BUSY, BYTES, READ, SENT, Responses, read
from .context import NOWHERE, Door
from .rate_limits import by_proxy, direct
from .round_cache import Known
from .stage_requests import question
from .tickets import Ticket
from .validation import OVER, Verdict

NAME: Final = "main"  # of the door that is part of the server
STEP_SECONDS: Final = 2  # until a device asks for its question again
SHORT, LONG = "public, max-age=5", "public, max-age=60"
LATER_STAGES: Final = (Stage.SHARE, Stage.MASKED, Stage.UNMASK)

RoundId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="As it stands in `/device/current`.")]
TicketText = Annotated[
    str | None,
    Security(
        APIKeyHeader(
            name="Authorization",
            scheme_name="Ticket",
            description="`Ticket` and what handing in the keys has given.",
            auto_error=False,
        )
    ),
]
_ROUND: Final[Responses] = {404: refusal("There is no such round."), 410: refusal("This is over for this device.")}
_TICKET: Final[Responses] = {401: refusal("No ticket of this round; the keys, handed in again, give it once more.")}


class Model(BaseModel):
    """version: the newest. share: of all devices, those that take it; the others take `before`."""

    version: int | None
    share: float
    before: int | None


class Listed(BaseModel):
    """A round; it asks devices whose draw lies in [low, high). closes: Unix seconds, the last for newcomers."""

    id: str
    low: float
    high: float
    closes: int


class Now(BaseModel):
    """again: seconds until a device with nothing to do comes again."""

    again: int
    model: Model
    rounds: list[Listed]


def routes(service: Service) -> Sequence[APIRouter]:
    """Of the server itself."""
    rates = direct() if service.settings.tls else by_proxy()
    door = Door(service.state, NAME, (service.keys.issuer_public,), service.clock, release_store.offered, rates)
    return enrolment.routes(service), devices(door)


def devices(door: Door) -> APIRouter:
    router = APIRouter()

    @router.get("/device/current", response_model=Now, responses={304: {"description": "As before."}, **BUSY})
    async def current(request: Request) -> Response:
        """What is going on: rounds that ask devices, and the model on its way. The same for all devices."""
        door.count(request)
        told = await door.current.told()
        headers = {"ETag": told.etag, "Cache-Control": SHORT}
        if request.headers.get("if-none-match") == told.etag:
            return Response(status_code=304, headers=headers)
        return Response(told.content, headers=headers, media_type="application/json")

    @router.get(
        "/device/rounds/{round_id}/offer",
        response_class=Response,
        responses={200: {"content": {BYTES: BINARY}}, **_ROUND, **BUSY},
    )
    async def offer(round_id: RoundId, request: Request) -> Response:
        """The signed offer, while the round goes on."""
        door.count(request)

        def kept() -> Any:
            with door.state.reading() as session:
                rows = select(RoundRow.offer, RoundRow.standing).where(RoundRow.id == round_id)
                return session.execute(rows).one_or_none()

        row = await run_in_threadpool(kept)
        if row is None:
            raise HTTPException(404, NOWHERE)
        if row.standing not in GOING_ON:
            raise HTTPException(410, OVER)
        return Response(row.offer, headers={"Cache-Control": LONG}, media_type=BYTES)

    @router.post(
        "/device/rounds/{round_id}/keys",
        response_class=Response,
        responses={
            200: {"content": {"text/plain; charset=utf-8": {"schema": {"type": "string"}}}},
            403: refusal("The round does not ask this device."),
            409: refusal("This device has handed in other keys before."),
            **_ROUND,
            **READ,
            **BUSY,
        },
        openapi_extra=SENT,
    )
    async def join(round_id: RoundId, request: Request) -> Response:
        """Hands in a device's keys for the round. The answer is its ticket; the same keys again give the same one."""
        door.count(request)
        known = await door.round(round_id)
        content = await read(request, known.most_bytes(Stage.KEYS))
        return _answered(await door.intake.take(known, Stage.KEYS, None, content))

    for stage in LATER_STAGES:
        _later(router, door, stage)
    return router


def _later(router: APIRouter, door: Door, stage: Stage) -> None:
    """Question and answer of a stage."""
    name = stage.name.lower()
    path = f"/device/rounds/{{round_id}}/{name}"

    @router.get(
        path,
        name=f"{name}_question",
        response_class=Response,
        responses={
            200: {"content": {BYTES: BINARY}},
            202: {"description": "Not yet; see Retry-After."},
            **_ROUND,
            **_TICKET,
            **BUSY,
        },
    )
    async def ask(round_id: RoundId, request: Request, text: TicketText) -> Response:
        """The device's question at this stage."""
        door.count(request)
        ticket = _ticket(await door.round(round_id), text)

        def asked() -> bytes | Verdict:
            with door.state.reading() as session:
                return question(session, door.clock(), round_id, stage, ticket)

        told = await run_in_threadpool(asked)
        return _answered(told) if isinstance(told, Verdict) else Response(told, media_type=BYTES)

    @router.post(
        path,
        name=f"{name}_answer",
        status_code=204,
        response_class=Response,
        responses={409: refusal("This device has answered otherwise before."), **_ROUND, **_TICKET, **READ, **BUSY},
        openapi_extra=SENT,
    )
    async def answer(round_id: RoundId, request: Request, text: TicketText) -> Response:
        """Hands in the device's answer. After a 204 it is durable; the same one again gets the same 204."""
        door.count(request)
        known = await door.round(round_id)
        ticket = _ticket(known, text)
        content = await read(request, known.most_bytes(stage))
        return _answered(await door.intake.take(known, stage, ticket, content))


def _ticket(known: Known, text: str | None) -> Ticket:
    kind, _, ticket = (text or "").partition(" ")
    try:
        return Ticket.from_text(ticket if kind == "Ticket" else "", known.key, known.terms.round_id)
    except MessageError as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": "Ticket"}) from None


def _answered(verdict: Verdict) -> Response:
    if verdict.status == 202:
        return Response(status_code=202, headers={"Retry-After": str(STEP_SECONDS)})
    if verdict.status == 503:
        raise HTTPException(503, verdict.told, {"Retry-After": str(RETRY_SECONDS)})
    if verdict.status >= 400:
        raise HTTPException(verdict.status, verdict.told)
    return Response(verdict.told, verdict.status, media_type="text/plain" if verdict.told else None)
