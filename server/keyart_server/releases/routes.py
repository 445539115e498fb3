"""`/api/releases`: list, let go on, hold, withdraw. `/api/bundles`: publish one by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from keyart.bundle.fields import MAX_MODEL_VERSION
from keyart.errors import BundleError, InputError

from ..access import Who
from ..refusals import refusal
from ..service import Service
from . import archive, publishing, records
from .release import Release, Standing

Version = Annotated[int, Path(ge=0, le=MAX_MODEL_VERSION, description="Model version.")]
ZIP = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}, "required": True}


def routes(service: Service) -> Sequence[APIRouter]:
    reading, operating = service.guard.router("read"), service.guard.router("operate")
    missing: dict[int | str, dict[str, Any]] = {404: refusal("No release of that version.")}
    conflict: dict[int | str, dict[str, Any]] = {409: refusal("The release does not stand where this is possible.")}

    @reading.get("/api/releases")
    def list_releases(standing: Annotated[Standing | None, Query()] = None) -> list[Release]:
        """All releases, newest version first; standing: only those that stand there."""
        with service.state.reading() as session:
            return records.every(session, standing)

    @reading.get("/api/releases/{version}", responses=missing)
    def show_release(version: Version) -> Release:
        """One release, with what each gate said."""
        return _there(service, version)

    @operating.post(
        "/api/bundles",
        status_code=201,
        responses={**conflict, 413: refusal("The body is too large.")},
        openapi_extra={"requestBody": ZIP},
    )
    async def publish_bundle(
        request: Request, response: Response, who: Who, at_once: Annotated[bool, Query()] = False
    ) -> Release:
        """Publishes a bundle: a zip of its six files, through the gates that need no device. It is rolled out in
        stages, or to all devices at once; see its standing: it may wait for a key or a person's go."""
        body = await request.body()
        try:
            files = await run_in_threadpool(archive.unpacked, body)
            release = await run_in_threadpool(publishing.submit, service, who.name, files, at_once)
        except BundleError as error:
            raise HTTPException(422, str(error)) from None
        except InputError as error:
            raise HTTPException(409, str(error)) from None
        response.headers["Location"] = f"/api/releases/{release.version}"
        return release

    def mover(step: Callable[[Service, int, str], Release]) -> Any:
        def move(version: Version, who: Who) -> Release:
            _there(service, version)
            try:
                return step(service, version, who.name)
            except InputError as error:
                raise HTTPException(409, str(error)) from None

        return move

    for step in (publishing.go_on, publishing.hold, publishing.withdraw):
        verb = step.__name__.replace("_", "-")
        operating.add_api_route(
            f"/api/releases/{{version}}/{verb}",
            mover(step),
            methods=["POST"],
            name=f"{step.__name__}_release",
            responses={**missing, **conflict},
        )
    return reading, operating


def _there(service: Service, version: int) -> Release:
    with service.state.reading() as session:
        release = records.find(session, version)
    if release is None:
        raise HTTPException(404, "There is no release of that version.")
    return release
