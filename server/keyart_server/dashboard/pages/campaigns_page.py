"""The pages under `/campaigns`: list, create, details with rounds, start, pause, resume and stop."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Query, Request, Response

from keyart.errors import InputError, SettingError
from keyart_federated.campaigns import PRESETS
from keyart_federated.campaigns.campaign import STANDINGS
from keyart_federated.campaigns.noise import DELTA, EPSILON

from ... import budget
from ...access import Actor, Who
from ...budget import epsilon_by_campaign
from ...campaigns import KINDS, Action, Kind, campaign_store
from ...campaigns.feasibility_check import assess_campaign, require_feasible
from ...campaigns.waiting import waiting_reasons
from ...http.error_responses import found_or_404
from ...releases import release_store
from ...rounds import round_store
from ...rounds.round_result import parse_result
from ...service import Service
from .. import campaign_form, campaign_kinds, settings_form
from ..campaign_charts import campaign_charts
from ..experiment_view import experiment_view
from ..responses import FormFields, Id, form_choice, form_reason, page_router, redirect, render_page
from ..round_measures import runs
from ..round_progress import round_progress

ROUNDS_PER_PAGE: Final = 25
MAX_CHARTED_ROUNDS: Final = 1000


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
            done = round_store.count_done(session, campaigns)
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

    @operating.get("/campaigns/new")
    def new(request: Request, who: Who, kind: str = "", preset: str = "") -> Response:
        chosen_kind = kind if kind in KINDS else None
        sent = {} if chosen_kind is None else settings_form.values_of_preset(preset, chosen_kind)
        return form_page(service, request, who, chosen_kind, sent, None, 200, chosen_preset=preset if sent else "")

    @operating.post("/campaigns")
    def create(request: Request, who: Who, sent: FormFields) -> Response:
        kind = cast(Kind, form_choice(sent, "kind", KINDS))
        try:
            with state.writing() as session:
                created = campaign_store.create(
                    session, clock(), who.name, kind=kind, **campaign_form.read_form(kind, sent)
                )
        except SettingError as error:
            return form_page(service, request, who, kind, sent, error, 422)
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
            submitted = round_store.submissions_by_stage(session, going_on)
            charges = budget.list_charges(session)
            waiting = waiting_reasons(session, [campaign])
            releases = release_store.list_for_campaigns(session, [campaign_id]) if campaign.kind == "training" else []
            found = None
            if campaign.state in ("draft", "running"):
                found = assess_campaign(service, session, campaign, with_precision=campaign.state == "draft")
        about = campaign_kinds.KIND_TEXTS[campaign.kind]
        page_rounds = recent[(pages - 1) * ROUNDS_PER_PAGE : pages * ROUNDS_PER_PAGE]
        results = {round_.id: parse_result(round_.result) for round_ in page_rounds if round_.standing == "done"}
        readable = (parse_result(round_.result) for round_ in recent if round_.standing == "done")
        newest = next((result for result in readable if result.shows), None)
        (run,) = runs({campaign_id: campaign.name}, recent, charges, releases)
        return render_page(
            service, request, who, "campaign.html",
            campaign=campaign,
            found=found,
            about=about,
            actions=campaign_kinds.actions(campaign) if who.has_scope("operate") else [],
            may_operate=who.has_scope("operate"),
            epsilon=campaign.epsilon or EPSILON,
            delta=campaign.delta or DELTA,
            rounds=[(round_, round_progress(round_, submitted.get(round_.id, {})).steps) for round_ in page_rounds],
            results=results,
            newest=newest,
            going_on=[(round_, round_progress(round_, submitted.get(round_.id, {}))) for round_ in going_on],
            settings=(settings := json.loads(campaign.settings)),
            charts=campaign_charts(run, campaign.kind, about.chart, settings.get("margin")),
            experiment=experiment_view(campaign, run.rounds) if campaign.kind == "experiment" else None,
            charged=sum(charge.campaign_id == campaign_id for charge in charges),
            added=epsilon_by_campaign(charges).get(campaign_id, 0.0),
            blocked=waiting.get(campaign_id, ""),
            pages=pages,
            older=len(recent) > pages * ROUNDS_PER_PAGE,
        )  # fmt: skip

    def mover(action: Action) -> Any:
        def move(campaign_id: Id, who: Who, sent: FormFields) -> Response:
            path = f"/campaigns/{campaign_id}"
            try:
                with state.writing() as session:
                    if action == "start" and not sent.get("force"):
                        draft = found_or_404(campaign_store.find(session, campaign_id), "campaign")
                        require_feasible(service, session, draft)
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


def form_page(
    service: Service,
    request: Request,
    who: Actor,
    kind: Kind | None,
    sent: Mapping[str, str],
    mistake: SettingError | None,
    status: int,
    **shown: Any,
) -> Response:
    """Render the form for a campaign.

    Args:
        service: the server.
        request: the request.
        who: who asks.
        kind: kind of the campaign; None to choose one.
        sent: values of the fields; missing ones take their defaults.
        mistake: what is wrong with the values, or None.
        status: status of the response.
        shown: `found`, the feasibility of these values; `check`, the plan of an experiment; `chosen_preset`, the
            preset that they come from; `edited`, the draft that is changed.
    """
    form = None if kind is None else settings_form.settings_form(kind)
    offered = {name: preset for name, preset in PRESETS.items() if kind in preset.settings}
    return render_page(
        service, request, who, "campaign_new.html", status,
        kind=kind, form=form, sent=sent, errors=campaign_form.errors_of(mistake), about=campaign_kinds.KIND_TEXTS,
        presets=offered, field_labels={} if form is None else settings_form.labels(form),
        **{"found": None, "check": None, "chosen_preset": "", "edited": None, **shown},
    )  # fmt: skip
