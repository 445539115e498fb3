"""The routes `/api/v1/releases` (list, promote, hold, withdraw) and `/api/v1/bundles` (upload a bundle)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from keyart.bundle import MAX_MODEL_VERSION
from keyart.errors import BundleError, InputError

from .. import audit_log, idempotency
from ..access import Who
from ..http.error_responses import error_schema, found_or_404
from ..http.pagination import Paging
from ..idempotency import CreatedAnswer, Once, OnceRequest
from ..service import Service
from . import bundle_archive, publishing, release_store
from .release import ReasonRequired, Release, ReleaseStatus
from .release_resource import ReleasePage, ReleaseResource, describe_releases

Version = Annotated[int, Path(ge=0, le=MAX_MODEL_VERSION, description="Model version.")]
ZIP = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}, "required": True}
ROLLBACK_PENDING: Final[dict[str, Any]] = {
    "model": ReleaseResource,
    "description": "It is withdrawn, and devices keep the model until the rollback is published.",
}


class ReleaseReason(BaseModel):
    """Body of a request that changes the status of a release."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(
        "", max_length=audit_log.MAX_REASON_LENGTH, description="Why; required for the step to all devices.",
        examples=["The gates passed on three device classes."],
    )  # fmt: skip


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes: reading, then changing."""
    reading, operating = service.guard.router("read"), service.guard.router("operate")
    missing: dict[int | str, dict[str, Any]] = {404: error_schema("No release has this version.")}
    conflict: dict[int | str, dict[str, Any]] = {409: error_schema("The release's status does not allow this.")}

    @reading.get("/api/v1/releases")
    def list_releases(
        paging: Paging,
        standing: Annotated[ReleaseStatus | None, Query(description="Only releases with this status.")] = None,
    ) -> ReleasePage:
        """List releases, newest version first."""
        with service.state.reading() as session:
            releases, following = release_store.list_page(session, paging, standing)
            return ReleasePage(items=describe_releases(session, releases), next=following)

    @reading.get("/api/v1/releases/{version}", responses=missing)
    def show_release(version: Version) -> ReleaseResource:
        """Return one release with its gate results."""
        return _described(service, _require(version))

    def _require(version: int) -> Release:
        with service.state.reading() as session:
            return found_or_404(release_store.find(session, version), "release")

    @operating.post(
        "/api/v1/bundles",
        status_code=201,
        response_model=ReleaseResource,
        responses={**idempotency.CONFLICT, 413: error_schema("The body is too large.")},
        openapi_extra={"requestBody": ZIP},
    )
    async def publish_bundle(
        request: Request,
        who: Who,
        once: Once,
        at_once: Annotated[bool, Query(description="Give it to all devices at once.")] = False,
    ) -> Response:
        """Upload a bundle as a zip of its six files.

        It passes the gates that need no device and is then rolled out in stages, or to all devices at once. Its
        status may be `waiting` if a key or a decision is missing.
        """
        body = await request.body()
        try:
            return await run_in_threadpool(_submit, service, who.name, body, at_once, once)
        except BundleError as error:
            raise HTTPException(422, str(error)) from None
        except InputError as error:
            raise HTTPException(409, str(error)) from None

    @operating.post("/api/v1/releases/{version}/promote", responses={**missing, **conflict})
    def promote_release(version: Version, who: Who, body: ReleaseReason | None = None) -> ReleaseResource:
        """Publish a release that waits, or give a held one its next share.

        The step to all devices needs a reason, which the audit log keeps.
        """
        _require(version)
        return _moved(service, lambda: publishing.promote(service, version, who.name, _reason(body)))

    @operating.post("/api/v1/releases/{version}/hold", responses={**missing, **conflict})
    def hold_release(version: Version, who: Who, body: ReleaseReason | None = None) -> ReleaseResource:
        """Hold a release that rolls out: no further device gets it until it is promoted."""
        _require(version)
        return _moved(service, lambda: publishing.hold(service, version, who.name, _reason(body)))

    @operating.post("/api/v1/releases/{version}/withdraw", responses={**missing, **conflict, 202: ROLLBACK_PENDING})
    def withdraw_release(
        version: Version, who: Who, response: Response, body: ReleaseReason | None = None
    ) -> ReleaseResource:
        """Withdraw a release, and every other one that has its weights or was made from them.

        Devices that may have one of them get the newest other released weights under a new version, the rollback, at
        once. If it cannot be signed now, the answer is 202 and `rollback` is `pending`: devices keep the model until
        the rollback is published. The same request again changes nothing; it is answered with 200 from then on.
        """
        release = _require(version)
        if release.standing == "withdrawn":
            described = _described(service, release)
        else:
            described = _moved(service, lambda: publishing.withdraw(service, version, who.name, _reason(body)))
        if described.rollback == "pending":
            response.status_code = 202
        return described

    return reading, operating


def _reason(body: ReleaseReason | None) -> str:
    return "" if body is None else " ".join(body.reason.split())


def _submit(service: Service, actor: str, archive: bytes, at_once: bool, once: OnceRequest) -> Response:
    """Publish an uploaded bundle once.

    Publication takes several transactions. The key is recorded in the first, together with the candidate. After a
    kill in between the server finishes the publication, and a repetition is answered with the release as it stands.
    """
    at = service.clock()
    with once.in_progress():
        with service.state.writing() as session:
            first = once.replay(session, at)
        if first is not None:
            if first.body is None:
                version = int(str(first.location).rpartition("/")[2])
                with service.state.reading() as session:
                    release = found_or_404(release_store.find(session, version), "release")
                first = _answer(service, release)
            return first.response(replayed=True)

        def record(session: Session, candidate: Release) -> None:
            once.record(session, at, CreatedAnswer(None, f"/api/v1/releases/{candidate.version}"))

        files = bundle_archive.unpack(archive)
        answer = _answer(service, publishing.submit(service, actor, files, at_once, on_proposed=record))
        with service.state.writing() as session:
            once.record(session, at, answer)
        return answer.response()


def _answer(service: Service, release: Release) -> CreatedAnswer:
    return CreatedAnswer(_described(service, release).model_dump_json(), f"/api/v1/releases/{release.version}")


def _described(service: Service, release: Release) -> ReleaseResource:
    with service.state.reading() as session:
        return describe_releases(session, [release])[0]


def _moved(service: Service, step: Callable[[], Release]) -> ReleaseResource:
    """Return the release after a step. Raises 409 if its status forbids the step, 422 if a reason is missing."""
    try:
        return _described(service, step())
    except ReasonRequired as error:
        raise HTTPException(422, f'{error} Send {{"reason": "…"}}.') from None
    except InputError as error:
        raise HTTPException(409, str(error)) from None
