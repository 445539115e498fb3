"""The page `/catalog`: the current catalogue, what its checks found, its versions, and the upload of a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request, Response

from keyart.errors import CatalogError

from ...access import Actor, Who
from ...catalogs import catalog_store, catalog_upload
from ...catalogs.catalog_store import KEPT_VERSIONS
from ...rounds import round_store
from ...service import Service
from ..responses import UploadedFile, page_router, redirect, render_page
from ..upload_form import UploadForm

PATH: Final = "/catalog"
MAX_VERSIONS: Final = 20
HELP: Final = (
    "A file of Catalog.save or Catalog.save_compact, such as keyart catalog import writes; up to 8 MB, or more if it "
    "is compressed with gzip."
)


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes of the page and of its form."""
    reading, operating = page_router(service, "read"), page_router(service, "operate")

    def show(request: Request, who: Actor, error: str = "", status: int = 200) -> Response:
        with service.state.reading() as session:
            versions = catalog_store.list_all(session, MAX_VERSIONS)
            active_rounds = len(round_store.list_active(session))
        form = UploadForm(
            PATH,
            "Catalogue file",
            ".json,.gz,.bin,.catalog",
            HELP,
            "Upload the catalogue",
            compress=True,
            error=error,
        )
        return render_page(
            service, request, who, "catalog.html", status,
            current=versions[0] if versions else None,
            versions=versions,
            kept=KEPT_VERSIONS,
            active_rounds=active_rounds,
            upload=form if who.has_scope("operate") else None,
        )  # fmt: skip

    @reading.get(PATH)
    def shown(request: Request, who: Who) -> Response:
        return show(request, who)

    @operating.post(PATH)
    def upload(request: Request, who: Who, file: UploadedFile) -> Response:
        with service.state.reading() as session:
            before = catalog_store.newest(session)
        try:
            version = catalog_upload.accept(service, who.name, file)
        except CatalogError as error:
            return show(request, who, f"{error} Nothing was changed.", 422)
        if before is not None and version.number == before.number:
            return redirect(service, who, PATH, f"This is version {version.number}, which is in use already.")
        sentence = (
            f"Version {version.number} of the catalogue is in use: {version.titles:,} titles with "
            f"{version.artworks:,} artworks."
        )
        return redirect(service, who, PATH, sentence)

    return reading, operating
