"""What needs a person, the gravest first: a sentence each, with the page on which to act. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ..budget import Budget
from ..budget.forecast import Forecast
from ..campaigns import Campaign
from ..releases.release import Release
from ..rounds import Round
from ..rounds.stage_windows import SILENT_AFTER
from . import formatting
from .queries import Failure

GATEWAY_REMOVED_AFTER: Final = timedelta(days=1)  # one that is silent for longer was taken away
FAILURE_WINDOW: Final = timedelta(days=1)  # rounds that failed since then
BUDGET_WARNING: Final = timedelta(days=14)  # the budget ends
SIGNATURE_WARNING: Final = timedelta(hours=12)  # a timestamp is valid for a day, and signed anew four times a day


@dataclass(frozen=True, slots=True)
class Alert:
    """word: what it is about. grave: something stands still, or soon does."""

    title: str
    sentence: str
    link: str
    urgent: bool = True


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is looked at. failed: rounds since `FAILED`, newest first. gateways: when each was heard of. expires: the
    signed timestamp; None: nothing is published. damage: of the bundle repository, "" where there is none. catalog:
    whether the server has one. halted: why the server has paused a campaign, by its id."""

    at: datetime
    campaigns: Mapping[str, Campaign]
    going_on: Sequence[Round]
    failed: Sequence[Failure]
    releases: Sequence[Release]
    budget: Budget
    ahead: Forecast
    gateways: Mapping[str, datetime]
    expires: datetime | None
    damage: str
    catalog: bool
    halted: Mapping[str, str]


def alerts(snapshot: Snapshot) -> list[Alert]:
    collected = [
        *_releases(snapshot), *_signatures(snapshot), *_budget(snapshot), *_blocked(snapshot), *_gateways(snapshot),
        *_paused_by_server(snapshot), *_failures(snapshot),
    ]  # fmt: skip
    return sorted(collected, key=lambda alert: not alert.urgent)


def _releases(snapshot: Snapshot) -> list[Alert]:
    collected = []
    for release in snapshot.releases:
        link = f"/releases/{release.version}"
        if release.standing == "held":
            sentence = f"Model {release.version}: {release.reason} Let it go on, or withdraw it."
            collected.append(Alert("Release held", sentence, link))
        if release.standing == "waiting":
            collected.append(Alert("Release waits", f"Model {release.version}: {release.reason}", link))
    return collected


def _signatures(snapshot: Snapshot) -> list[Alert]:
    if snapshot.damage:
        return [Alert("Bundles damaged", snapshot.damage, "/releases")]
    if snapshot.expires is None or snapshot.expires > snapshot.at + SIGNATURE_WARNING:
        return []
    if snapshot.expires <= snapshot.at:
        sentence = "The signed timestamp has expired, and devices take no new bundle."
    else:
        when = formatting.relative_time(snapshot.expires, snapshot.at)
        sentence = f"The signed timestamp expires {when} and has not been renewed."
    return [Alert("Signature", f"{sentence} The server's log says why.", "/releases")]


def _budget(snapshot: Snapshot) -> list[Alert]:
    is_running = _has_running_campaign(snapshot)
    if snapshot.budget.left <= snapshot.ahead.next_round_epsilon:
        remaining = (
            f"ε {formatting.epsilon(snapshot.budget.left)} of {formatting.number(snapshot.budget.epsilon)} is left"
        )
        sentence = f"{remaining}, and another round does not fit. What is running stands still."
        return [Alert("Budget spent", sentence, "/budget", is_running)]
    if (
        is_running
        and snapshot.ahead.exhausted_at is not None
        and snapshot.ahead.exhausted_at <= snapshot.at + BUDGET_WARNING
    ):
        exhausted_at = snapshot.ahead.exhausted_at
        when = formatting.relative_time(exhausted_at, snapshot.at)
        sentence = f"At this pace the privacy budget is spent by {formatting.day(exhausted_at)}, {when}."
        return [Alert("Budget", sentence, "/budget", False)]
    return []


def _has_running_campaign(snapshot: Snapshot) -> bool:
    return any(campaign.state == "running" for campaign in snapshot.campaigns.values())


def _blocked(snapshot: Snapshot) -> list[Alert]:
    """Campaigns run, and no round can begin."""
    collected = []
    if _has_running_campaign(snapshot) and not snapshot.catalog:
        sentence = "Campaigns run, and the server knows no titles to ask about. Start it with --catalog FILE."
        collected.append(Alert("No catalogue", sentence, "/campaigns?state=running"))
    if _has_running_campaign(snapshot) and not any(release.standing == "released" for release in snapshot.releases):
        sentence = "Campaigns run, and no model is with all devices yet. Start the server with --bundle FOLDER."
        collected.append(Alert("No model", sentence, "/releases"))
    return collected


def _paused_by_server(snapshot: Snapshot) -> list[Alert]:
    """Campaigns that the server has paused, since they cannot go on without a person."""
    return [
        Alert("Campaign paused", f"{snapshot.campaigns[campaign_id].name}: {reason}", f"/campaigns/{campaign_id}")
        for campaign_id, reason in snapshot.halted.items()
    ]


def _gateways(snapshot: Snapshot) -> list[Alert]:
    silent = {name: at for name, at in snapshot.gateways.items() if at < snapshot.at - SILENT_AFTER}
    if snapshot.going_on and len(silent) == len(snapshot.gateways):
        sentence = "No gateway was heard of in the last 5 minutes, so no device can answer the rounds that go on."
        return [Alert("No gateway", sentence, "/fleet")]
    return [
        Alert(
            "Gateway silent",
            f"{name} was last heard of {formatting.relative_time(at, snapshot.at)}.",
            "/fleet",
            False,
        )
        for name, at in sorted(silent.items())
        if at >= snapshot.at - GATEWAY_REMOVED_AFTER
    ]


def _failures(snapshot: Snapshot) -> list[Alert]:
    """One for a campaign, by its newest."""
    by_campaign: dict[str, list[Failure]] = {}
    for failure in snapshot.failed:
        by_campaign.setdefault(failure.campaign_id, []).append(failure)
    collected = []
    for campaign_id, rounds in by_campaign.items():
        campaign = snapshot.campaigns.get(campaign_id)
        if campaign is not None and campaign.state in ("running", "paused"):
            failed_rounds = formatting.counted(len(rounds), "round")
            sentence = (
                f"{campaign.name}: {failed_rounds} in the last day. Round {rounds[0].number}: {rounds[0].reason}"
            )
            collected.append(Alert("Rounds failed", sentence, f"/campaigns/{campaign_id}", False))
    return collected
