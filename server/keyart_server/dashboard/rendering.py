"""Renders templates, and serves their assets under addresses that change with the content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from keyart_federated import charts
from keyart_federated.campaigns.result_words import words_of

from ..http.security_headers import CACHE_FOREVER
from ..rounds.round_result import Rate
from .formatting import FILTERS
from .settings_form import label_of
from .status_icons import icon_of

ASSETS: Final = Path(__file__).parent / "assets"
MEDIA: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
LIVE: Final = "live"  # the block of a page that is refreshed
DEFAULT_VALUES: Final[dict[str, Any]] = {"actor": None, "notice": None, "here": ""}


class Pages:
    """The templates: `pages.show("overview.html", …)`. Every value is escaped; an undefined one is an error.

    Args:
        server_trusted: Whether each page warns that the server certifies devices itself.
    """

    def __init__(self, server_trusted: bool) -> None:
        self._templates = _environment(server_trusted)

    def show(
        self, template: str, status: int = 200, headers: dict[str, str] | None = None, /, **values: Any
    ) -> Response:
        """Render a page as a response."""
        text = self._templates.get_template(template).render({**DEFAULT_VALUES, **values})
        return HTMLResponse(text, status, headers)

    def live(self, template: str, /, **values: Any) -> str:
        """Render the live part of a page."""
        page = self._templates.get_template(template)
        return "".join(page.blocks[LIVE](page.new_context({**DEFAULT_VALUES, **values})))


@cache
def _environment(server_trusted: bool) -> Environment:
    """Return the templates, which each process compiles once."""
    environment = Environment(
        loader=PackageLoader("keyart_server.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals.update(
        style=STYLE.address, script=SCRIPT.address, upload_script=UPLOAD_SCRIPT.address, icon=ICON.address,
        icon_of=icon_of, draw_chart=_chart, draw_interval=_interval, words_of=words_of,
        label_of_setting=label_of, server_trusted=server_trusted,
    )  # fmt: skip
    environment.globals["ui"] = environment.get_template("ui.html").module
    return environment


def _chart(chart: charts.Chart, name: str) -> Markup:
    return Markup(charts.render(chart, name))  # noqa: S704  # it escapes every text


def _interval(estimate: Rate, low: float, high: float) -> Markup:
    drawn = charts.interval_svg(estimate.mean, estimate.low, estimate.high, (low, high))
    return Markup(drawn)  # noqa: S704  # numbers only


class Asset:
    """A static file that pages load."""

    def __init__(self, name: str, more: str = "") -> None:
        self.content = (ASSETS / name).read_bytes() + more.encode()
        kind = name.rpartition(".")[2]
        self.media = MEDIA[kind]
        self.address = f"/assets/{hashlib.sha256(self.content).hexdigest()[:16]}.{kind}"


STYLE: Final = Asset("keyart.css", charts.STYLE)
SCRIPT: Final = Asset("live.js")
UPLOAD_SCRIPT: Final = Asset("upload.js")
ICON: Final = Asset("keyart.svg")


def routes(_: object) -> Sequence[APIRouter]:
    """Return one public route per asset."""
    router = APIRouter(include_in_schema=False)

    def offer(asset: Asset) -> None:
        @router.get(asset.address)
        async def send() -> Response:
            return Response(asset.content, media_type=asset.media, headers={"Cache-Control": CACHE_FOREVER})

    offer(STYLE)
    offer(SCRIPT)
    offer(UPLOAD_SCRIPT)
    offer(ICON)
    return (router,)
