"""`/campaigns`: list, create, and one of them with its rounds; start, pause, resume, stop."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import func, select

from keyart.errors import InputError, SettingError
from keyart_federated.campaigns import checked
from keyart_federated.campaigns.campaign import STANDINGS
from keyart_federated.campaigns.noise import DELTA, EPSILON

from ... import budget
from ...access import Who
from ...budget import Charge
from ...campaigns import KINDS, Action, Kind, campaign_store
from ...rounds import round_store
from ...service import Service
from ...state.tables import RoundRow
from .. import campaign_kinds, queries, settings_form
from ..charts import over_time
from ..responses import Id, Sent, choice, go, page, router, there
from ..results import sort
from ..round_progress import progress

SHOWN: Final = 25  # rounds on a page
CHARTED: Final = 200  # rounds in a chart
ASKED: Final[tuple[Action, ...]] = ("start", "pause", "resume", "stop")


def routes(service: Service) -> Sequence[APIRouter]:
    reading, operating = router(service, "read"), router(service, "operate")
    state, clock = service.state, service.clock

    @reading.get("/campaigns")
    def listed(
        request: Request,
        who: Who,
        standing: Annotated[str, Query(alias="state")] = "",
        kind: str = "",
    ) -> Response:
        with state.reading() as session:
            every = campaign_store.every(session)
            charges = budget.every(session)
            counted = select(RoundRow.campaign_id, func.count()).where(RoundRow.standing == "done")
            done = {row[0]: row[1] for row in session.execute(counted.group_by(RoundRow.campaign_id))}
        shown = [one for one in every if standing in ("", one.state) and kind in ("", one.kind)]
        values: dict[str, Any] = {
            "standing": standing,
            "kind": kind,
            "standings": STANDINGS,
            "about": campaign_kinds.ABOUT,
        }
        return page(
            service, request, who, "campaigns.html",
            campaigns=shown, of=len(every), done=done, added=costs(charges), **values,
        )  # fmt: skip

    def ask(
        request: Request, who: Who, kind: Kind | None, sent: Mapping[str, str], mistake: str, status: int
    ) -> Response:
        form = None if kind is None else settings_form.form(kind)
        return page(
            service, request, who, "campaign_new.html", status,
            kind=kind, form=form, sent=sent, mistake=mistake, about=campaign_kinds.ABOUT,
        )  # fmt: skip

    @operating.get("/campaigns/new")
    def new(request: Request, who: Who, kind: str = "") -> Response:
        known = kind if kind in KINDS else None
        return ask(request, who, known, {}, "", 200)

    @operating.post("/campaigns")
    def create(request: Request, who: Who, sent: Sent) -> Response:
        kind = cast(Kind, choice(sent, "kind", KINDS))
        try:
            with state.writing() as session:
                made = campaign_store.create(session, clock(), who.name, kind=kind, **_told(kind, sent))
        except SettingError as error:
            return ask(request, who, kind, sent, str(error), 422)
        return go(
            service, who, f"/campaigns/{made.id}", f"{made.name} is a draft. Look at it once more, then start it."
        )

    @reading.get("/campaigns/{campaign_id}")
    def shown(
        request: Request, who: Who, campaign_id: Id, pages: Annotated[int, Query(alias="page", ge=1, le=400)] = 1
    ) -> Response:
        with state.reading() as session:
            campaign = there(campaign_store.find(session, campaign_id), "campaign")
            wanted = max(pages * SHOWN + 1, CHARTED)
            found = round_store.of_campaign(session, campaign_id, wanted)
            going_on = [one for one in found if one.going_on]
            came = queries.came(session, going_on)
            charges = budget.every(session)
            halted = queries.halted(session, [campaign])
        about = campaign_kinds.ABOUT[campaign.kind]
        told = {one.id: sort(one.told) for one in found if one.standing == "done"}
        rates = [(one.changed, first) for one in reversed(found) if one.id in told and (first := told[one.id].first)]
        here = found[(pages - 1) * SHOWN : pages * SHOWN]
        return page(
            service, request, who, "campaign.html",
            campaign=campaign,
            about=about,
            actions=campaign_kinds.actions(campaign) if who.may("operate") else [],
            epsilon=campaign.epsilon or EPSILON,
            delta=campaign.delta or DELTA,
            settings=json.loads(campaign.settings),
            rounds=[(one, progress(one, came.get(one.id, {})).steps) for one in here],
            told=told,
            newest=next((told[one.id] for one in found if one.id in told and told[one.id].shows), None),
            going_on=[(one, progress(one, came.get(one.id, {}))) for one in going_on],
            chart=over_time(rates[-CHARTED:], about.chart) if about.chart else None,
            paid=sum(one.campaign_id == campaign_id for one in charges),
            added=costs(charges).get(campaign_id, 0.0),
            waits=service.waiting.get(campaign_id) or halted.get(campaign_id, ""),
            pages=pages,
            older=len(found) > pages * SHOWN,
        )  # fmt: skip

    def mover(action: Action) -> Any:
        def move(campaign_id: Id, who: Who) -> Response:
            path = f"/campaigns/{campaign_id}"
            try:
                with state.writing() as session:
                    moved = there(campaign_store.move(session, clock(), who.name, campaign_id, action), "campaign")
            except InputError as error:
                return go(service, who, path, str(error), done=False)
            return go(service, who, path, campaign_kinds.DONE[action].format(name=moved.name))

        return move

    for action in ASKED:
        operating.post(f"/campaigns/{{campaign_id}}/{action}")(mover(action))
    return operating, reading  # /campaigns/new comes before /campaigns/{campaign_id}


def costs(charges: Sequence[Charge]) -> dict[str, float]:
    """What each campaign's rounds have added to the fleet's ε when they were paid. charges: oldest first."""
    found: dict[str, float] = {}
    before = 0.0
    for charge in charges:
        found[charge.campaign_id] = found.get(charge.campaign_id, 0.0) + charge.spent - before
        before = charge.spent
    return found


def _told(kind: Kind, sent: Mapping[str, str]) -> dict[str, Any]:
    """What the form says, for `records.create`. Raises SettingError."""
    found: dict[str, Any] = {"name": sent.get("name", "").strip()}
    settings = settings_form.settings(kind, sent)
    if text := sent.get("epsilon", "").strip():
        found["epsilon"] = settings_form.number("ε", text, float)
    if text := sent.get("rounds", "").strip():
        found["rounds"] = settings_form.number("rounds", text, int)
    elif "looks" in settings:
        found["rounds"] = settings["looks"]
    return {**found, "settings": checked(kind, settings)}
