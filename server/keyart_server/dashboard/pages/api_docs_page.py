"""The page `/api-docs`: the HTTP API of this server, from its OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from ...access import Who
from ...service import Service
from ..api_reference import api_sections
from ..responses import page_router, render_page


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the route of the page."""
    reading = page_router(service, "read")

    @reading.get("/api-docs")
    def api_docs(request: Request, who: Who) -> Response:
        sections = api_sections(request.app.openapi(), str(request.base_url).rstrip("/"))
        return render_page(service, request, who, "api_docs.html", sections=sections)

    return (reading,)
