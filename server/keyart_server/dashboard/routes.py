"""The routes of the dashboard: one module per page, named after its address."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from ..service import Service
from .pages import (
    account_page,
    api_docs_page,
    audit_page,
    budget_page,
    bundle_upload_page,
    campaigns_page,
    catalog_page,
    compare_page,
    confirmation_page,
    drafts_page,
    enrolment_page,
    experiments_page,
    feasibility_page,
    first_steps_page,
    fleet_page,
    overview_page,
    people_page,
    releases_page,
    webhooks_page,
)

PAGES = (
    overview_page,
    compare_page,  # before /campaigns/{campaign_id}
    campaigns_page,
    drafts_page,
    confirmation_page,
    feasibility_page,
    experiments_page,
    bundle_upload_page,  # /releases/new must precede /releases/{version}
    releases_page,
    budget_page,
    fleet_page,
    enrolment_page,
    catalog_page,
    first_steps_page,
    audit_page,
    people_page,
    api_docs_page,
    account_page,
    webhooks_page,
)


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes of all pages."""
    return [router for module in PAGES for router in module.routes(service)]
