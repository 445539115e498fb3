"""`/`: what needs a person, what is going on, what it costs."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from sqlalchemy import func, select

from keyart.errors import BundleError

from ... import budget
from ...access import Who
from ...budget.forecast import forecast
from ...campaigns import campaign_store
from ...releases import release_store
from ...rounds import round_store
from ...rounds.stage_windows import SILENT
from ...service import Service
from ...state.tables import EnrolledRow
from .. import lineage, queries
from ..alerts import FAILED, Seen, needs
from ..responses import page, router
from ..round_progress import progress

NEWEST_RELEASES = 50
MOST_ROUNDS = 12  # that are shown


def routes(service: Service) -> Sequence[APIRouter]:
    reading = router(service, "read")

    @reading.get("/")
    def overview(request: Request, who: Who) -> Response:
        at = service.clock()
        with service.state.reading() as session:
            known = {campaign.id: campaign for campaign in campaign_store.every(session)}
            going_on = round_store.going_on(session)
            came = queries.came(session, going_on)
            failed = queries.failures(session, at - FAILED)
            found = release_store.every(session, limit=NEWEST_RELEASES)
            left, charges = budget.of_fleet(session), budget.every(session)
            gateways = queries.gateways(session)
            halted = queries.halted(session, known.values())
            enrolled = session.scalar(select(func.count()).select_from(EnrolledRow)) or 0
        damage, expires = "", None
        try:
            expires = service.shelf.expires()
        except BundleError as error:
            damage = str(error)
        ahead = forecast(charges, left, at)
        seen = Seen(
            at, known, going_on, failed, found, left, ahead, gateways, expires, damage, service.catalog is not None,
            halted,
        )  # fmt: skip
        return page(
            service,
            request,
            who,
            "overview.html",
            needs=needs(seen),
            rounds=[
                (one, known.get(one.campaign_id), progress(one, came.get(one.id, {})))
                for one in going_on[:MOST_ROUNDS]
            ],
            going_on=len(going_on),
            running=[campaign for campaign in known.values() if campaign.state == "running"],
            waiting=service.waiting,
            campaigns=len(known),
            budget=left,
            ahead=ahead,
            release=lineage.newest(found),
            heard=sum(when >= at - SILENT for when in gateways.values()),
            gateways=len(gateways),
            enrolled=enrolled,
        )

    return (reading,)
