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
from ..rounds.stage_windows import SILENT
from . import formatting
from .queries import Failure

GIVEN_UP: Final = timedelta(days=1)  # one that is silent for longer was taken away
FAILED: Final = timedelta(days=1)  # rounds that failed since then
SOON: Final = timedelta(days=14)  # the budget ends
RENEWED: Final = timedelta(hours=12)  # a timestamp is valid for a day, and signed anew four times a day


@dataclass(frozen=True, slots=True)
class Need:
    """word: what it is about. grave: something stands still, or soon does."""

    word: str
    sentence: str
    link: str
    grave: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
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


def needs(seen: Seen) -> list[Need]:
    found = [
        *_releases(seen), *_signatures(seen), *_budget(seen), *_nothing_to_ask(seen), *_gateways(seen),
        *_halted(seen), *_failures(seen),
    ]  # fmt: skip
    return sorted(found, key=lambda need: not need.grave)


def _releases(seen: Seen) -> list[Need]:
    found = []
    for release in seen.releases:
        link = f"/releases/{release.version}"
        if release.standing == "held":
            said = f"Model {release.version}: {release.reason} Let it go on, or withdraw it."
            found.append(Need("Release held", said, link))
        if release.standing == "waiting":
            found.append(Need("Release waits", f"Model {release.version}: {release.reason}", link))
    return found


def _signatures(seen: Seen) -> list[Need]:
    if seen.damage:
        return [Need("Bundles damaged", seen.damage, "/releases")]
    if seen.expires is None or seen.expires > seen.at + RENEWED:
        return []
    if seen.expires <= seen.at:
        said = "The signed timestamp has expired, and devices take no new bundle."
    else:
        said = f"The signed timestamp expires {formatting.apart(seen.expires, seen.at)}, and was not signed anew."
    return [Need("Signature", f"{said} The server's log says why.", "/releases")]


def _budget(seen: Seen) -> list[Need]:
    working = _working(seen)
    if seen.budget.left <= seen.ahead.another:
        left = f"ε {formatting.epsilon(seen.budget.left)} of {formatting.number(seen.budget.epsilon)} is left"
        said = f"{left}, and another round does not fit. What is running stands still."
        return [Need("Budget spent", said, "/budget", working)]
    if working and seen.ahead.ends is not None and seen.ahead.ends <= seen.at + SOON:
        ends = seen.ahead.ends
        said = (
            f"At this pace the privacy budget is spent by {formatting.day(ends)}, {formatting.apart(ends, seen.at)}."
        )
        return [Need("Budget", said, "/budget", False)]
    return []


def _working(seen: Seen) -> bool:
    return any(campaign.state == "running" for campaign in seen.campaigns.values())


def _nothing_to_ask(seen: Seen) -> list[Need]:
    """Campaigns run, and no round can begin."""
    found = []
    if _working(seen) and not seen.catalog:
        said = "Campaigns run, and the server knows no titles to ask about. Start it with --catalog FILE."
        found.append(Need("No catalogue", said, "/campaigns?state=running"))
    if _working(seen) and not any(release.standing == "released" for release in seen.releases):
        said = "Campaigns run, and no model is with all devices yet. Start the server with --bundle FOLDER."
        found.append(Need("No model", said, "/releases"))
    return found


def _halted(seen: Seen) -> list[Need]:
    """Campaigns that the server has paused, since they cannot go on without a person."""
    return [
        Need("Campaign paused", f"{seen.campaigns[campaign_id].name}: {reason}", f"/campaigns/{campaign_id}")
        for campaign_id, reason in seen.halted.items()
    ]


def _gateways(seen: Seen) -> list[Need]:
    silent = {name: at for name, at in seen.gateways.items() if at < seen.at - SILENT}
    if seen.going_on and len(silent) == len(seen.gateways):
        said = "No gateway was heard of in the last 5 minutes, so no device can answer the rounds that go on."
        return [Need("No gateway", said, "/fleet")]
    return [
        Need("Gateway silent", f"{name} was last heard of {formatting.apart(at, seen.at)}.", "/fleet", False)
        for name, at in sorted(silent.items())
        if at >= seen.at - GIVEN_UP
    ]


def _failures(seen: Seen) -> list[Need]:
    """One for a campaign, by its newest."""
    by_campaign: dict[str, list[Failure]] = {}
    for of in seen.failed:
        by_campaign.setdefault(of.campaign_id, []).append(of)
    found = []
    for campaign_id, rounds in by_campaign.items():
        campaign = seen.campaigns.get(campaign_id)
        if campaign is not None and campaign.state in ("running", "paused"):
            many = formatting.count(len(rounds), "round")
            said = f"{campaign.name}: {many} in the last day. Round {rounds[0].number}: {rounds[0].reason}"
            found.append(Need("Rounds failed", said, f"/campaigns/{campaign_id}", False))
    return found
