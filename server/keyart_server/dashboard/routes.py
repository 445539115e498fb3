"""`/`: campaigns and bundles at a glance; the sign-in for who is not known."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Response

from ..access import Who
from ..campaigns import records
from ..service import Service


def routes(service: Service) -> Sequence[APIRouter]:
    reading = service.guard.router("read")
    reading.include_in_schema = False

    @reading.get("/")
    def home(who: Who) -> Response:
        with service.state.reading() as session:
            campaigns = records.every(session)
        return service.pages.show("home.html", actor=who, campaigns=campaigns, bundles=service.shelf.bundles())

    return (reading,)
