"""A release's way from share to share: its devices and the others are asked how they fare, early and at the end.

Two rounds each time: take rates of devices that have it, and of those with the version before.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from keyart.errors import KeyartError
from keyart_federated import campaigns as kinds
from keyart_federated.campaigns.segments import difference

from ..campaigns import Campaign
from ..campaigns import records as campaigns
from ..releases import Release, publishing
from ..releases import records as releases
from ..rounds import Round
from ..rounds.round import GUARD
from ..service import Service
from . import asking
from .estimates import from_told

EARLY: Final = 0.25  # of a stage's hours: a bad model is to be held soon
MOST_TRIES: Final = 3
NEW, OLD = "new", "old"


def step(service: Service) -> None:
    """What is due for all that roll out."""
    with service.state.reading() as session:
        rolling = releases.every(session, "rolling")
    for release in rolling:
        if not release.half_published:
            _watch(service, release)


def _watch(service: Service, release: Release) -> None:
    """As far as it goes now; each look is two rounds, and the first one may only hold it."""
    at, hours = service.clock(), timedelta(hours=release.plan.hours)
    looks = [due for due in ((EARLY * hours, hours) if hours else (hours,)) if at >= release.changed + due]
    if not looks:
        return
    campaign = _campaign_of(service, release)
    with service.state.reading() as session:
        base = asking.base_of(service, session)
        judging = [f"{GUARD}{release.version} {release.share:g} {look} {{}}" for look in range(len(looks))]
        rounds = {
            name.format(which): asking.history(session, campaign.id, name.format(which))
            for name in judging
            for which in (NEW, OLD)
        }
    if isinstance(base, str):
        return
    for name in judging:
        # One after the other, so that a device which changes over in between is in one of them.
        for which, version in ((NEW, release.version), (OLD, base.version)):
            found = rounds[name.format(which)]
            if not _settled(found):
                _ask(service, campaign, base, release, version, name.format(which), found, at)
                return
    new, old = (from_told(rounds[judging[-1].format(which)][0].told) for which in (NEW, OLD))
    rates = {segment: difference(new[segment], old[segment]) for segment in new if segment in old}
    publishing.watch(service, release.version, rates)


def _settled(rounds: list[Round]) -> bool:
    """Whether it was read, or will not be any more."""
    return bool(rounds) and (rounds[0].standing == "done" or asking.failures(rounds) >= MOST_TRIES)


def _ask(
    service: Service,
    campaign: Campaign,
    base: kinds.DeployedModel,
    release: Release,
    version: int,
    name: str,
    rounds: list[Round],
    at: datetime,
) -> None:
    if rounds and rounds[0].standing != "failed":
        return  # it goes on
    until = asking.pause_after(rounds)
    if until is not None and at < until:
        return
    with service.state.writing() as session:
        number = asking.next_number(session, campaign.id)
        try:
            asked = kinds.request_guard(version, base, campaign, number, at, release.changed)
            refused = asking.begin(service, session, campaign, number, asked, name)
        except KeyartError as error:
            refused = str(error)
        if refused:
            releases.move(session, at, "server", release.version, "hold", reason=refused)


def _campaign_of(service: Service, release: Release) -> Campaign:
    """In whose name devices are asked: that of the release's own campaign, or one for what came by hand."""
    with service.state.writing() as session:
        return _found(session, service, release)


def _found(session: Session, service: Service, release: Release) -> Campaign:
    at = service.clock()
    every = {campaign.id: campaign for campaign in campaigns.every(session)}
    if release.campaign_id is not None:
        return every[release.campaign_id]
    name = f"Roll-out of model {release.version}"
    known = next((campaign for campaign in every.values() if campaign.name == name), None)
    if known is not None:
        return known
    made = campaigns.create(session, at, "server", name, "training", settings=kinds.checked("training", {}))
    for action in ("start", "finish"):  # it asks nothing of its own accord
        campaigns.move(session, at, "server", made.id, action)
    return made
