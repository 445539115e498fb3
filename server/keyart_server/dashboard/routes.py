"""The pages of the dashboard: one module each, named after its address."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from ..service import Service
from .pages import audit, budget, campaigns, experiments, fleet, overview, people, releases

PAGES = (overview, campaigns, experiments, releases, budget, fleet, audit, people)


def routes(service: Service) -> Sequence[APIRouter]:
    return [router for module in PAGES for router in module.routes(service)]
