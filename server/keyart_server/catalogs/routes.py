"""The routes `/api/v1/catalog`: the current catalogue, its versions, and the upload of a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import TypeAdapter
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from .. import idempotency
from ..access import Who
from ..http.error_responses import error_schema, found_or_404
from ..http.pagination import Page, Paging
from ..idempotency import CreatedAnswer, Once, OnceRequest
from ..service import Service
from . import catalog_store, catalog_upload
from .catalog_store import CatalogVersion

BINARY: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


_VERSION: Final = TypeAdapter(CatalogVersion)


class CatalogPage(Page[CatalogVersion]):
    """One page of the versions of the catalogue, newest first."""


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes: reading, then changing."""
    reading, operating = service.guard.router("read"), service.guard.router("operate")
    missing: dict[int | str, dict[str, Any]] = {404: error_schema("There is no such version of the catalogue.")}

    @reading.get("/api/v1/catalog", responses=missing)
    def show_catalog() -> CatalogVersion:
        """Return the current version of the catalogue, with what its checks found."""
        with service.state.reading() as session:
            return found_or_404(catalog_store.newest(session), "catalogue")

    @reading.get("/api/v1/catalog/versions")
    def list_catalogs(paging: Paging) -> CatalogPage:
        """List the versions of the catalogue, newest first."""
        with service.state.reading() as session:
            versions, following = catalog_store.list_page(session, paging)
            return CatalogPage(items=versions, next=following)

    @reading.get(
        "/api/v1/catalog/versions/{number}/file",
        response_class=Response,
        responses={200: {"content": BINARY}, **missing},
    )
    def download_catalog(
        number: Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the version.")],
    ) -> Response:
        """Return the file of a version, as it was uploaded. The server keeps the files of the newest five."""
        with service.state.reading() as session:
            content = found_or_404(catalog_store.content(session, number), "version of the catalogue")
        named = f'attachment; filename="catalog-{number}.json"'
        return Response(content, media_type="application/octet-stream", headers={"Content-Disposition": named})

    @operating.post(
        "/api/v1/catalog",
        status_code=201,
        response_model=CatalogVersion,
        responses={**idempotency.CONFLICT, 413: error_schema("The body is too large; compress it with gzip.")},
        openapi_extra={"requestBody": {"content": BINARY, "required": True}},
    )
    async def upload_catalog(request: Request, who: Who, once: Once) -> Response:
        """Upload a catalogue as `Catalog.save` or `Catalog.save_compact` writes it, or the same compressed with gzip.

        It is checked completely and replaces the current version at once, in every process of the server. A round
        that counts titles or artworks and is active meanwhile comes to nothing.
        """
        body = await request.body()
        return await run_in_threadpool(_upload, service, who.name, body, once)

    return reading, operating


def _upload(service: Service, actor: str, upload: bytes, once: OnceRequest) -> Response:
    """Make an uploaded file the current catalogue, once."""
    add = catalog_upload.prepare(service, actor, upload)

    def change(session: Session) -> CreatedAnswer:
        return CreatedAnswer(_VERSION.dump_json(add(session)).decode())

    response = once.create(service.state, service.clock(), change)
    catalog_upload.renew_copy(service)
    return response
