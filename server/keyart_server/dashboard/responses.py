"""Responses of page routes: the page, its live part, or a redirect to the next page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BeforeValidator
from starlette.datastructures import ImmutableMultiDict, UploadFile

from .. import audit_log
from ..access import Actor, Scope
from ..service import Service
from . import flash_messages
from .flash_messages import FlashMessage

ID: Final = re.compile("[0-9a-f]{16}", re.ASCII)
VERSION: Final = re.compile("0|[1-9][0-9]{0,15}", re.ASCII)
LIVE_HEADER: Final = "x-keyart-part"  # a header that only the page's script can send


def page_router(service: Service, scope: Scope) -> APIRouter:
    """Return a guarded router for pages, which are not part of the OpenAPI document."""
    router = service.guard.router(scope)
    router.include_in_schema = False
    return router


def _matching(pattern: re.Pattern[str]) -> Any:
    """Validate a part of an address; anything else is 404, since it is not a mistake in a form."""

    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise HTTPException(404, "No such page.")
        return text

    return BeforeValidator(check)


Id = Annotated[str, _matching(ID)]
Version = Annotated[int, _matching(VERSION)]


async def _form_fields(request: Request) -> ImmutableMultiDict[str, str]:
    form = await request.form()
    return ImmutableMultiDict([(name, value) for name, value in form.multi_items() if isinstance(value, str)])


FormFields = Annotated[
    ImmutableMultiDict[str, str], Depends(_form_fields)
]  # the fields of a submitted form, without files


async def _uploaded_file(request: Request) -> bytes:
    sent = (await request.form()).get("file")
    return await sent.read() if isinstance(sent, UploadFile) else b""


UploadedFile = Annotated[
    bytes, Depends(_uploaded_file)
]  # content of the file field of a form; empty if none is chosen


def render_page(
    service: Service, request: Request, who: Actor, template: str, status: int = 200, /, **values: Any
) -> Response:
    """Render the page with the flash message; or its live part, or 304 if that is unchanged."""
    values = {"actor": who, "at": service.clock(), **values}
    if request.headers.get(LIVE_HEADER):
        part = service.pages.live(template, **values)
        tag = f'"{hashlib.sha256(part.encode()).hexdigest()[:32]}"'
        unchanged = request.headers.get("if-none-match") == tag
        return HTMLResponse("" if unchanged else part, 304 if unchanged else 200, {"ETag": tag})
    notice = flash_messages.take_flash(request, who)
    response = service.pages.show(template, status, notice=notice, **values)
    shown_to_person = request.headers.get("sec-fetch-dest", "document") == "document"  # not to a page's script
    if flash_messages.COOKIE in request.cookies and shown_to_person:
        response.delete_cookie(flash_messages.COOKIE)
    return response


def redirect(service: Service, who: Actor, path: str, sentence: str, succeeded: bool = True) -> Response:
    """Redirect to the page that shows the effect of a form, with a sentence about it."""
    response = RedirectResponse(path, 303)
    flash_messages.leave_flash(response, who, FlashMessage(sentence, succeeded), service.settings.secure)
    return response


def form_reason(sent: ImmutableMultiDict[str, str]) -> str:
    """Return the reason of a form as one line; "" if none was given."""
    return " ".join(sent.get("reason", "").split())[: audit_log.MAX_REASON_LENGTH]


def form_choice(sent: ImmutableMultiDict[str, str], name: str, among: Sequence[str]) -> str:
    """Return the value of a form field. Raises 422 for a value that the form does not offer."""
    value = sent.get(name, "")
    if value not in among:
        raise HTTPException(422, f"{name} must be one of {', '.join(among)}.")
    return value
