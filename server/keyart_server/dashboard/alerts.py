"""Alerts that require an action, most urgent first: one sentence each, with the page to act on. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from keyart_federated.campaigns import Feasibility

from ..budget import Budget
from ..budget.forecast import Forecast
from ..campaigns import Campaign
from ..releases.release import Release
from ..releases.release_facts import facts_by_version
from ..rounds import Round
from ..rounds.stage_windows import REMOVED_AFTER, is_alive
from ..webhooks import Webhook
from . import formatting
from .queries import Failure

FAILURE_WINDOW: Final = timedelta(days=1)  # failures are reported for this long
BUDGET_WARNING: Final = timedelta(days=14)  # warn this long before the budget is exhausted
SIGNATURE_WARNING: Final = timedelta(hours=12)  # a timestamp is valid for a day and refreshed four times a day


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert.

    Attributes:
        title: its subject in a few words.
        urgent: whether something has stopped, or soon will.
    """

    title: str
    sentence: str
    link: str
    urgent: bool = True


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The data that alerts are derived from.

    Attributes:
        failed: rounds that failed within `FAILURE_WINDOW`, newest first.
        gateways: time of the last heartbeat by gateway.
        expires: expiry of the signed timestamp; None if nothing is published.
        damage: damage of the bundle repository, or "".
        catalog: whether the server has a catalogue.
        halted: why the server has paused a campaign, by its id.
        webhooks: receivers of events.
        infeasible: running campaigns that cannot finish on the fleet as it is now, by id.
    """

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
    webhooks: Sequence[Webhook] = ()
    infeasible: Mapping[str, Feasibility] = field(default_factory=dict)


def alerts(snapshot: Snapshot) -> list[Alert]:
    """Return all alerts, urgent ones first."""
    collected = [
        *_releases(snapshot), *_signatures(snapshot), *_budget(snapshot), *_blocked(snapshot), *_gateways(snapshot),
        *_paused_by_server(snapshot), *_infeasible(snapshot), *_failures(snapshot), *_webhooks(snapshot),
    ]  # fmt: skip
    return sorted(collected, key=lambda alert: not alert.urgent)


def _releases(snapshot: Snapshot) -> list[Alert]:
    collected = []
    facts = facts_by_version(snapshot.releases)
    replacing = {fact.rollback_version for fact in facts.values() if fact.rollback == "pending"}
    for release in snapshot.releases:
        link = f"/releases/{release.version}"
        if release.standing == "held":
            sentence = f"Model {release.version}: {release.reason} Promote it or withdraw it."
            collected.append(Alert("Release held", sentence, link))
        if release.version in replacing:
            sentence = f"Devices keep a withdrawn model until model {release.version} is published. {release.reason}"
            collected.append(Alert("Rollback pending", sentence.strip(), link))
        elif release.standing == "waiting":
            collected.append(Alert("Release waiting", f"Model {release.version}: {release.reason}", link))
    return collected


def _signatures(snapshot: Snapshot) -> list[Alert]:
    if snapshot.damage:
        return [Alert("Bundles damaged", snapshot.damage, "/releases")]
    if snapshot.expires is None or snapshot.expires > snapshot.at + SIGNATURE_WARNING:
        return []
    if snapshot.expires <= snapshot.at:
        sentence = "The signed timestamp has expired, so devices install no new bundle."
    else:
        when = formatting.relative_time(snapshot.expires, snapshot.at)
        sentence = f"The signed timestamp expires {when} and has not been renewed."
    return [Alert("Signature", f"{sentence} See the server's log.", "/releases")]


def _budget(snapshot: Snapshot) -> list[Alert]:
    is_running = _has_running_campaign(snapshot)
    if snapshot.budget.left <= snapshot.ahead.next_round_epsilon:
        remaining = (
            f"ε {formatting.epsilon(snapshot.budget.left)} of {formatting.number(snapshot.budget.epsilon)} is left"
        )
        sentence = f"{remaining}, which is not enough for another round. Running campaigns have stopped."
        return [Alert("Budget spent", sentence, "/budget", is_running)]
    if (
        is_running
        and snapshot.ahead.exhausted_at is not None
        and snapshot.ahead.exhausted_at <= snapshot.at + BUDGET_WARNING
    ):
        exhausted_at = snapshot.ahead.exhausted_at
        when = formatting.relative_time(exhausted_at, snapshot.at)
        sentence = f"At the current rate the privacy budget is exhausted by {formatting.day(exhausted_at)}, {when}."
        return [Alert("Budget", sentence, "/budget", False)]
    return []


def _has_running_campaign(snapshot: Snapshot) -> bool:
    return any(campaign.state == "running" for campaign in snapshot.campaigns.values())


def _blocked(snapshot: Snapshot) -> list[Alert]:
    """Return alerts about running campaigns for which no round can begin."""
    collected = []
    if _has_running_campaign(snapshot) and not snapshot.catalog:
        sentence = "Campaigns are running, but the server has no catalogue. Upload one."
        collected.append(Alert("No catalogue", sentence, "/catalog"))
    if _has_running_campaign(snapshot) and not any(release.standing == "released" for release in snapshot.releases):
        sentence = (
            "Campaigns are running, but no model is released to all devices. Upload a bundle, or promote a release."
        )
        collected.append(Alert("No model", sentence, "/releases"))
    return collected


def _paused_by_server(snapshot: Snapshot) -> list[Alert]:
    """Return alerts about campaigns that the server has paused because they need a person."""
    return [
        Alert("Campaign paused", f"{snapshot.campaigns[campaign_id].name}: {reason}", f"/campaigns/{campaign_id}")
        for campaign_id, reason in snapshot.halted.items()
    ]


def _webhooks(snapshot: Snapshot) -> list[Alert]:
    """Return alerts about webhooks that the server has disabled."""
    return [
        Alert("Webhook disabled", f"{webhook.name}: {webhook.reason}", f"/webhooks/{webhook.id}", False)
        for webhook in snapshot.webhooks
        if webhook.disabled is not None and webhook.reason
    ]


def _infeasible(snapshot: Snapshot) -> list[Alert]:
    """Return alerts about running campaigns that cannot make progress on this fleet: why, and what to do."""
    return [
        Alert(
            "Campaign cannot progress",
            " ".join(
                (f"{snapshot.campaigns[campaign_id].name}:", found.blocking[0].sentence, found.blocking[0].advice)
            ),
            f"/campaigns/{campaign_id}",
        )
        for campaign_id, found in snapshot.infeasible.items()
    ]


def _gateways(snapshot: Snapshot) -> list[Alert]:
    silent = {name: at for name, at in snapshot.gateways.items() if not is_alive(at, snapshot.at)}
    if snapshot.going_on and len(silent) == len(snapshot.gateways):
        sentence = "No gateway has reported in the last 5 minutes, so devices cannot take part in the active rounds."
        return [Alert("No gateway", sentence, "/fleet")]
    return [
        Alert(
            "Gateway silent",
            f"{name} last reported {formatting.relative_time(at, snapshot.at)}.",
            "/fleet",
            False,
        )
        for name, at in sorted(silent.items())
        if at >= snapshot.at - REMOVED_AFTER
    ]


def _failures(snapshot: Snapshot) -> list[Alert]:
    """Return one alert per campaign, about its newest failure."""
    by_campaign: dict[str, list[Failure]] = {}
    for failure in snapshot.failed:
        by_campaign.setdefault(failure.campaign_id, []).append(failure)
    collected = []
    for campaign_id, rounds in by_campaign.items():
        campaign = snapshot.campaigns.get(campaign_id)
        if campaign is not None and campaign.state in ("running", "paused"):
            failed_rounds = formatting.counted(len(rounds), "round")
            newest = rounds[0]
            sentence = (
                f"{campaign.name}: {failed_rounds} failed in the last day. Round {newest.number}: {newest.reason}"
            )
            collected.append(Alert("Rounds failed", sentence, f"/campaigns/{campaign_id}", False))
    return collected
