"""The pages under `/campaigns`: list, create, details with rounds, start, pause, resume and stop."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import func, select

from keyart.errors import InputError, SettingError
from keyart_federated.campaigns.campaign import STANDINGS
from keyart_federated.campaigns.noise import DELTA, EPSILON

from ... import budget
from ...access import Who
from ...budget import Charge
from ...campaigns import KINDS, Action, Kind, campaign_store
from ...http.error_responses import found_or_404
from ...rounds import round_store
from ...service import Service
from ...state.tables import RoundRow
from .. import campaign_form, campaign_kinds, queries, settings_form
from ..charts import rate_chart
from ..responses import FormFields, Id, form_choice, form_reason, page_router, redirect, render_page
from ..results import parse_result
from ..round_progress import round_progress

ROUNDS_PER_PAGE: Final = 25
MAX_CHARTED_ROUNDS: Final = 200


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes of the list, of a campaign and of its forms."""
    reading, operating = page_router(service, "read"), page_router(service, "operate")
    state, clock = service.state, service.clock

    @reading.get("/campaigns")
    def listed(
        request: Request,
        who: Who,
        standing: Annotated[str, Query(alias="state")] = "",
        kind: str = "",
    ) -> Response:
        with state.reading() as session:
            campaigns = campaign_store.list_all(session)
            charges = budget.list_charges(session)
            counted = select(RoundRow.campaign_id, func.count()).where(RoundRow.standing == "done")
            done = {row[0]: row[1] for row in session.execute(counted.group_by(RoundRow.campaign_id))}
        shown = [
            campaign for campaign in campaigns if standing in ("", campaign.state) and kind in ("", campaign.kind)
        ]
        values: dict[str, Any] = {
            "standing": standing,
            "kind": kind,
            "standings": STANDINGS,
            "about": campaign_kinds.KIND_TEXTS,
        }
        return render_page(
            service, request, who, "campaigns.html",
            campaigns=shown, total=len(campaigns), done=done, added=epsilon_by_campaign(charges), **values,
        )  # fmt: skip

    def form_page(
        request: Request,
        who: Who,
        kind: Kind | None,
        sent: Mapping[str, str],
        mistake: SettingError | None,
        status: int,
    ) -> Response:
        form = None if kind is None else settings_form.settings_form(kind)
        return render_page(
            service, request, who, "campaign_new.html", status,
            kind=kind, form=form, sent=sent, errors=campaign_form.errors_of(mistake), edited=None,
            field_labels={} if form is None else settings_form.labels(form), about=campaign_kinds.KIND_TEXTS,
        )  # fmt: skip

    @operating.get("/campaigns/new")
    def new(request: Request, who: Who, kind: str = "") -> Response:
        chosen_kind = kind if kind in KINDS else None
        return form_page(request, who, chosen_kind, {}, None, 200)

    @operating.post("/campaigns")
    def create(request: Request, who: Who, sent: FormFields) -> Response:
        kind = cast(Kind, form_choice(sent, "kind", KINDS))
        try:
            values = campaign_form.read_form(kind, sent)
            with state.writing() as session:
                created = campaign_store.create(session, clock(), who.name, kind=kind, **values)
        except SettingError as error:
            return form_page(request, who, kind, sent, error, 422)
        return redirect(
            service,
            who,
            f"/campaigns/{created.id}",
            f"{created.name} is a draft. Check the settings, then start it.",
        )

    @reading.get("/campaigns/{campaign_id}")
    def shown(
        request: Request, who: Who, campaign_id: Id, pages: Annotated[int, Query(alias="page", ge=1, le=400)] = 1
    ) -> Response:
        with state.reading() as session:
            campaign = found_or_404(campaign_store.find(session, campaign_id), "campaign")
            limit = max(pages * ROUNDS_PER_PAGE + 1, MAX_CHARTED_ROUNDS)
            recent = round_store.list_for_campaign(session, campaign_id, limit)
            going_on = [round_ for round_ in recent if round_.is_active]
            submitted = queries.submissions_by_stage(session, going_on)
            charges = budget.list_charges(session)
            paused_by_server = queries.pause_reasons(session, [campaign])
        about = campaign_kinds.KIND_TEXTS[campaign.kind]
        results = {round_.id: parse_result(round_.result) for round_ in recent if round_.standing == "done"}
        readable = (results[round_.id] for round_ in recent if round_.id in results)
        newest = next((result for result in readable if result.shows), None)
        rates = [
            (round_.changed, rate)
            for round_ in reversed(recent)
            if round_.id in results and (rate := results[round_.id].main_rate)
        ]
        page_rounds = recent[(pages - 1) * ROUNDS_PER_PAGE : pages * ROUNDS_PER_PAGE]
        return render_page(
            service, request, who, "campaign.html",
            campaign=campaign,
            about=about,
            actions=campaign_kinds.actions(campaign) if who.has_scope("operate") else [],
            may_operate=who.has_scope("operate"),
            epsilon=campaign.epsilon or EPSILON,
            delta=campaign.delta or DELTA,
            settings=json.loads(campaign.settings),
            rounds=[(round_, round_progress(round_, submitted.get(round_.id, {})).steps) for round_ in page_rounds],
            results=results,
            newest=newest,
            going_on=[(round_, round_progress(round_, submitted.get(round_.id, {}))) for round_ in going_on],
            chart=rate_chart(rates[-MAX_CHARTED_ROUNDS:], about.chart) if about.chart else None,
            charged=sum(charge.campaign_id == campaign_id for charge in charges),
            added=epsilon_by_campaign(charges).get(campaign_id, 0.0),
            blocked=service.blocked.get(campaign_id) or paused_by_server.get(campaign_id, ""),
            pages=pages,
            older=len(recent) > pages * ROUNDS_PER_PAGE,
        )  # fmt: skip

    def mover(action: Action) -> Any:
        def move(campaign_id: Id, who: Who, sent: FormFields) -> Response:
            path = f"/campaigns/{campaign_id}"
            try:
                with state.writing() as session:
                    moved = found_or_404(
                        campaign_store.move(session, clock(), who.name, campaign_id, action, form_reason(sent)),
                        "campaign",
                    )
            except InputError as error:
                return redirect(service, who, path, str(error), succeeded=False)
            return redirect(service, who, path, campaign_kinds.ACTION_DONE[action].format(name=moved.name))

        return move

    for action in campaign_kinds.ACTION_LABELS:
        operating.post(f"/campaigns/{{campaign_id}}/{action}")(mover(action))
    return operating, reading  # /campaigns/new must precede /campaigns/{campaign_id}


def epsilon_by_campaign(charges: Sequence[Charge]) -> dict[str, float]:
    """Return how much each campaign's rounds added to the fleet's ε. Charges come oldest first."""
    added: dict[str, float] = {}
    spent_before = 0.0
    for charge in charges:
        added[charge.campaign_id] = added.get(charge.campaign_id, 0.0) + charge.spent - spent_before
        spent_before = charge.spent
    return added
