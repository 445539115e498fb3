"""The routes `/api/v1/releases` (list, promote, hold, withdraw) and `/api/v1/bundles` (upload a bundle)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from keyart.bundle import MAX_MODEL_VERSION
from keyart.errors import BundleError, InputError

from ..access import Who
from ..http.error_responses import error_schema, found_or_404
from ..service import Service
from . import bundle_archive, publishing, release_store
from .release import ReasonRequired, Release, ReleaseStatus

Version = Annotated[int, Path(ge=0, le=MAX_MODEL_VERSION, description="Model version.")]
ZIP = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}, "required": True}


class ReleaseDecision(BaseModel):
    """Body of a decision about a release; a promotion to all devices needs a reason."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    reason: str = Field("", max_length=300, description="One or two sentences for the audit log.")


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes: reading, then changing."""
    reading, operating = service.guard.router("read"), service.guard.router("operate")
    missing: dict[int | str, dict[str, Any]] = {404: error_schema("No release has this version.")}
    conflict: dict[int | str, dict[str, Any]] = {409: error_schema("The release's status does not allow this.")}

    @reading.get("/api/v1/releases")
    def list_releases(standing: Annotated[ReleaseStatus | None, Query()] = None) -> list[Release]:
        """List releases, newest version first; `standing` restricts the list to one status."""
        with service.state.reading() as session:
            return release_store.list_all(session, standing)

    @reading.get("/api/v1/releases/{version}", responses=missing)
    def show_release(version: Version) -> Release:
        """Return one release with its gate results."""
        with service.state.reading() as session:
            return found_or_404(release_store.find(session, version), "release")

    @operating.post(
        "/api/v1/bundles",
        status_code=201,
        responses={**conflict, 413: error_schema("The body is too large.")},
        openapi_extra={"requestBody": ZIP},
    )
    async def publish_bundle(
        request: Request, response: Response, who: Who, at_once: Annotated[bool, Query()] = False
    ) -> Release:
        """Upload a bundle as a zip of its six files.

        It passes the gates that need no device and is then rolled out in stages, or to all devices at once. Its
        status may be `waiting` if a key or a decision is missing.
        """
        body = await request.body()
        try:
            files = await run_in_threadpool(bundle_archive.unpack, body)
            release = await run_in_threadpool(publishing.submit, service, who.name, files, at_once)
        except BundleError as error:
            raise HTTPException(422, str(error)) from None
        except InputError as error:
            raise HTTPException(409, str(error)) from None
        response.headers["Location"] = f"/api/v1/releases/{release.version}"
        return release

    def mover(step: Callable[[Service, int, str, str], Release]) -> Any:
        def move(version: Version, who: Who, decision: ReleaseDecision | None = None) -> Release:
            show_release(version)
            try:
                return step(service, version, who.name, "" if decision is None else " ".join(decision.reason.split()))
            except ReasonRequired as error:
                raise HTTPException(422, str(error)) from None
            except InputError as error:
                raise HTTPException(409, str(error)) from None

        return move

    for verb, step in (("go-on", publishing.promote), ("hold", publishing.hold), ("withdraw", publishing.withdraw)):
        operating.add_api_route(
            f"/api/v1/releases/{{version}}/{verb}",
            mover(step),
            methods=["POST"],
            name=f"{verb.replace('-', '_')}_release",
            responses={**missing, **conflict},
        )
    return reading, operating
