"""The pages under `/releases`: model versions with their gates and roll-out; promote, hold and withdraw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from keyart.errors import InputError

from ...access import Who
from ...campaigns import campaign_store
from ...fleet.fleet_summary import RECENT, fleet_summary
from ...http.error_responses import found_or_404
from ...releases import publishing, release_store, withdrawal
from ...releases.release import ReasonRequired, Release
from ...releases.release_facts import facts_by_version
from ...rounds import round_store
from ...service import Service
from .. import lineage, release_charts
from ..responses import FormFields, Version, form_reason, page_router, redirect, render_page
from .confirmation_page import ask, release_confirmation

RELEASES_PER_PAGE: Final = 50
STEPS: Final[Mapping[str, tuple[Callable[[Service, int, str, str], Release], str]]] = {
    "promote": (publishing.promote, "Model {version} is promoted."),
    "hold": (publishing.hold, "Model {version} is held: no further device gets it."),
    "withdraw": (publishing.withdraw, "Model {version} is withdrawn."),
}
PENDING: Final = "The rollback is pending: devices keep the model until model {rollback} is published."
LABELS: Final = {"promote": "Promote", "hold": "Hold", "withdraw": "Withdraw"}
# Steps that are offered for each status.
STEPS_BY_STATUS: Final[Mapping[str, tuple[str, ...]]] = {
    "candidate": ("withdraw",),
    "waiting": ("promote", "withdraw"),
    "rolling": ("hold", "withdraw"),
    "held": ("promote", "withdraw"),
    "released": ("withdraw",),
}


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes of the list, of a release and of its forms."""
    reading, operating = page_router(service, "read"), page_router(service, "operate")

    @reading.get("/releases")
    def listed(request: Request, who: Who, pages: Annotated[int, Query(alias="page", ge=1, le=1000)] = 1) -> Response:
        with service.state.reading() as session:
            releases = release_store.list_all(session)
            fleet = fleet_summary(session, service.clock())
            names = {campaign_.id: campaign_.name for campaign_ in campaign_store.list_all(session)}
        return render_page(
            service, request, who, "releases.html",
            releases=releases[(pages - 1) * RELEASES_PER_PAGE : pages * RELEASES_PER_PAGE],
            facts=facts_by_version(releases),
            fleet=fleet,
            days=RECENT.days,
            ancestors=lineage.ancestors(releases),
            newest=lineage.newest_offered(releases),
            names=names,
            gain_over_base=lineage.gain_over_base,
            pages=pages,
            older=len(releases) > pages * RELEASES_PER_PAGE,
        )  # fmt: skip

    @reading.get("/releases/{version}")
    def shown(request: Request, who: Who, version: Version) -> Response:
        with service.state.reading() as session:
            release = found_or_404(release_store.find(session, version), "model")
            releases, fleet = release_store.list_all(session), fleet_summary(session, service.clock())
            ending = [other.version for other in withdrawal.ending_with(version, releases)]
            campaign = None if release.campaign_id is None else campaign_store.find(session, release.campaign_id)
            evaluating = round_store.list_evaluating(session, version)
        steps = STEPS_BY_STATUS.get(release.standing, ()) if who.has_scope("operate") else ()
        measured = [(gate, lineage.difference(gate)) for gate in release.gates]
        return render_page(
            service, request, who, "release.html",
            release=release,
            facts=facts_by_version(releases)[version],
            fleet=fleet,
            days=RECENT.days,
            campaign=campaign,
            stages=lineage.rollout_stages(release),
            gates=[gate for gate, difference in measured if difference is None],
            comparisons=[(gate, difference) for gate, difference in measured if difference is not None],
            gain=lineage.gain_over_base(release),
            gate_charts=release_charts.gate_charts(release, release_charts.steps_of(release, evaluating)),
            steps=[(step, LABELS[step]) for step in steps],
            ending=sorted(ending),
        )  # fmt: skip

    def mover(name: str, step: Callable[[Service, int, str, str], Release], done: str) -> Any:
        def move(request: Request, version: Version, who: Who, sent: FormFields) -> Response:
            path = f"/releases/{version}"
            with service.state.reading() as session:
                found_or_404(release_store.find(session, version), "model")
            try:
                moved = step(service, version, who.name, form_reason(sent))
            except ReasonRequired as error:
                confirmation = release_confirmation(service, version, name)
                return ask(service, request, who, confirmation, error=str(error))
            except InputError as error:
                return redirect(service, who, path, str(error), succeeded=False)
            with service.state.reading() as session:
                facts = facts_by_version(release_store.list_all(session))[version]
            pending = PENDING.format(rollback=facts.rollback_version) if facts.rollback == "pending" else ""
            sentences = done.format(version=version), pending, moved.reason
            return redirect(service, who, path, " ".join(filter(None, sentences)), not pending)

        return move

    for name, (step, done) in STEPS.items():
        operating.post(f"/releases/{{version}}/{name}")(mover(name, step, done))
    return reading, operating
