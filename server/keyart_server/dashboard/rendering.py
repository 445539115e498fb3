"""Templates to pages, and the stylesheet, whose address changes with its content so that browsers may keep it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from ..headers import FOR_GOOD

FOLDER: Final = Path(__file__).parent
STYLE: Final = (FOLDER / "assets" / "keyart.css").read_bytes()
STYLE_ADDRESS: Final = f"/assets/{hashlib.sha256(STYLE).hexdigest()[:16]}.css"


class Pages:
    """`pages.show("home.html", …)`; every value is escaped, an unknown one is an error."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("keyart_server.dashboard"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["style"] = STYLE_ADDRESS
        self._templates.filters["moment"] = moment

    def show(
        self, template: str, status: int = 200, headers: dict[str, str] | None = None, /, **values: Any
    ) -> Response:
        text = self._templates.get_template(template).render({"actor": None, **values})
        return HTMLResponse(text, status, headers)


def moment(at: datetime | str) -> str:
    """In UTC, to the minute. at: with zone, or ISO 8601."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return moment.astimezone(UTC).strftime("%d %b %Y, %H:%M UTC")


def routes(_: object) -> Sequence[APIRouter]:
    router = APIRouter(include_in_schema=False)

    @router.get(STYLE_ADDRESS)
    async def style() -> Response:
        return Response(STYLE, media_type="text/css", headers={"Cache-Control": FOR_GOOD})

    return (router,)
