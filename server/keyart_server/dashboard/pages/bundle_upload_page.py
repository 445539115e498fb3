"""The page `/releases/new`: the upload of a bundle, which becomes a release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request, Response

from keyart.errors import BundleError, InputError

from ...access import Actor, Who
from ...releases import bundle_archive, publishing, release_store
from ...service import Service
from ..responses import FormFields, UploadedFile, form_choice, page_router, redirect, render_page
from ..upload_form import UploadForm

PATH: Final = "/releases/new"
HELP: Final = "The six files of a bundle folder, such as keyart export writes, in a zip file; up to 8 MB."
STAGES, AT_ONCE = "stages", "at-once"
CHOICES: Final = (
    (STAGES, "In stages", "A few devices get it first. The guard holds it if they do worse."),
    (
        AT_ONCE,
        "To all devices at once",
        "No device has a model to compare it with, or the model is known to be good.",
    ),
)


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes of the page and of its form."""
    operating = page_router(service, "operate")

    def show(request: Request, who: Actor, chosen: str = "", error: str = "", status: int = 200) -> Response:
        with service.state.reading() as session:
            newest = release_store.newest_version(session)
            rolling = release_store.list_all(session, "rolling", limit=1)
        form = UploadForm(
            PATH, "Bundle (zip)", ".zip", HELP, "Upload the bundle", error=error,
            legend="Roll-out", choice="rollout", choices=CHOICES,
            chosen=chosen or (AT_ONCE if newest is None else STAGES),
        )  # fmt: skip
        return render_page(
            service, request, who, "bundle_upload.html", status,
            upload=form, newest=newest, rolling=rolling[0].version if rolling else None,
        )  # fmt: skip

    @operating.get(PATH)
    def shown(request: Request, who: Who) -> Response:
        return show(request, who)

    @operating.post(PATH)
    def upload(request: Request, who: Who, sent: FormFields, file: UploadedFile) -> Response:
        chosen = form_choice(sent, "rollout", (STAGES, AT_ONCE))
        try:
            if not file:
                raise InputError("Choose a zip file that holds the six files of a bundle.")
            release = publishing.submit(service, who.name, bundle_archive.unpack(file), chosen == AT_ONCE)
        except (BundleError, InputError) as error:
            return show(request, who, chosen, f"{error} Nothing was published.", 422)
        sentence = {
            "released": f"Model {release.version} is released to all devices.",
            "rolling": f"Model {release.version} is rolling out.",
        }.get(release.standing, f"Model {release.version} is {release.standing}. {release.reason}".strip())
        succeeded = release.standing in ("released", "rolling", "candidate")
        return redirect(service, who, f"/releases/{release.version}", sentence, succeeded)

    return (operating,)
