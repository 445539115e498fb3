"""The routes `/tuf/metadata` and `/tuf/targets`: public static files for devices, suitable for any CDN.

Numbered files never change, so caches may keep them forever; timestamp.json is replaced in place. A missing file may
appear at any time, so its absence is cached for a minute only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Path, Request, Response
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from ..http.error_responses import error_schema
from ..http.security_headers import CACHE_FOREVER
from ..service import Service

CACHE_ONE_MINUTE: Final = "public, max-age=60"
NUMBER: Final = r"(?:0|[1-9][0-9]{0,15})"
METADATA: Final = re.compile(rf"timestamp\.json|{NUMBER}\.(?:root|targets|snapshot)\.json", re.ASCII)
FILE: Final = r"[a-z][a-z0-9_]*\.[a-z0-9]+"
TARGET: Final = re.compile(rf"{NUMBER}/[0-9a-f]{{64}}\.{FILE}", re.ASCII)
PLAIN_TARGET: Final = re.compile(rf"{NUMBER}/{FILE}", re.ASCII)


FileName = Annotated[str, Path(description="Name of the file.")]
VersionText = Annotated[str, Path(description="Model version.")]


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the public routes of metadata and targets."""
    router = APIRouter()
    folders = {
        "metadata": StaticFiles(directory=service.data.tuf / "metadata", check_dir=False),
        "targets": StaticFiles(directory=service.data.tuf / "targets", check_dir=False),
        "bundles": StaticFiles(directory=service.data.tuf / "bundles", check_dir=False),
    }
    options: dict[str, Any] = {
        "response_class": FileResponse,
        "responses": {404: error_schema("No such file has been published.")},
    }

    async def send(folder: str, path: str, request: Request) -> Response:
        response = await folders[folder].get_response(path, request.scope)
        response.headers["Cache-Control"] = CACHE_ONE_MINUTE if path == "timestamp.json" else CACHE_FOREVER
        return response

    @router.head("/tuf/metadata/{name}", include_in_schema=False)
    @router.get("/tuf/metadata/{name}", **options)
    async def metadata(name: FileName, request: Request) -> Response:
        """Return signed metadata (The Update Framework)."""
        return await send("metadata", _checked_name(METADATA, name), request)

    @router.head("/tuf/targets/{version}/{name}", include_in_schema=False)
    @router.get("/tuf/targets/{version}/{name}", **options)
    async def target(version: VersionText, name: FileName, request: Request) -> Response:
        """Return a file of the bundle with this model version.

        TUF clients ask for `SHA256.NAME`. The plain name is answered too, for devices with keyart 0.1 and for people.
        """
        path = f"{version}/{name}"
        if PLAIN_TARGET.fullmatch(path):
            return await send("bundles", path, request)
        return await send("targets", _checked_name(TARGET, path), request)

    return (router,)


def _checked_name(pattern: re.Pattern[str], path: str) -> str:
    """Return the path if it is a published name; no other path is looked up on disk."""
    if not pattern.fullmatch(path):
        raise HTTPException(404, "No such file has been published.", {"Cache-Control": CACHE_ONE_MINUTE})
    return path
