"""Rolls a release out from share to share, guarded by take rates: an early check, and a check at the end of a stage.

Each check has two rounds: take rates of devices with the release, and of devices with the version before it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from keyart.errors import KeyartError
from keyart_federated import campaigns as federated_campaigns
from keyart_federated.campaigns.segments import difference

from ..campaigns import Campaign, campaign_store
from ..releases import Release, publishing, release_store
from ..rounds import Round
from ..rounds.round import GUARD_TOPIC
from ..service import Service
from . import scheduling
from .estimate_codec import decode_estimates

EARLY_SHARE: Final = 0.25  # fraction of a stage's hours after which the early check runs
MAX_TRIES: Final = 3
NEW, OLD = "new", "old"


def step(service: Service) -> None:
    """Do what is due for all rolling releases."""
    with service.state.reading() as session:
        rolling = release_store.list_all(session, "rolling")
    for release in rolling:
        if not release.half_published:
            _guard(service, release)


def _guard(service: Service, release: Release) -> None:
    """Run the checks that are due. The early check may only hold the release."""
    at, hours = service.clock(), timedelta(hours=release.plan.hours)
    checks = [
        delay for delay in ((EARLY_SHARE * hours, hours) if hours else (hours,)) if at >= release.changed + delay
    ]
    if not checks:
        return
    campaign = _campaign_of(service, release)
    with service.state.reading() as session:
        base = scheduling.current_base(service, session)
        topics = [f"{GUARD_TOPIC}{release.version} {release.share:g} {check} {{}}" for check in range(len(checks))]
        rounds = {
            topic.format(group): scheduling.recent_rounds(session, campaign.id, topic.format(group))
            for topic in topics
            for group in (NEW, OLD)
        }
    if isinstance(base, str):
        return
    for topic in topics:
        # One round after the other, so that a device that updates in between is in one of them only.
        for group, version in ((NEW, release.version), (OLD, base.version)):
            attempts = rounds[topic.format(group)]
            if not _is_finished(attempts):
                _begin_round(service, campaign, base, release, version, topic.format(group), attempts, at)
                return
    new, old = (decode_estimates(rounds[topics[-1].format(group)][0].result) for group in (NEW, OLD))
    rates = {segment: difference(new[segment], old[segment]) for segment in new if segment in old}
    publishing.apply_guard(service, release.version, rates)


def _is_finished(rounds: list[Round]) -> bool:
    """Tell whether the sum was read, or the maximum number of tries has failed."""
    return bool(rounds) and (rounds[0].standing == "done" or scheduling.consecutive_failures(rounds) >= MAX_TRIES)


def _begin_round(
    service: Service,
    campaign: Campaign,
    base: federated_campaigns.DeployedModel,
    release: Release,
    version: int,
    topic: str,
    rounds: list[Round],
    at: datetime,
) -> None:
    if rounds and rounds[0].standing != "failed":
        return  # it is still active
    retry_time = scheduling.retry_at(rounds)
    if retry_time is not None and at < retry_time:
        return
    with service.state.writing() as session:
        number = scheduling.next_round_number(session, campaign.id)
        try:
            request = federated_campaigns.request_guard(version, base, campaign, number, at, release.changed)
            refusal = scheduling.begin_round(service, session, campaign, number, request, topic)
        except KeyartError as error:
            refusal = str(error)
        if refusal:
            release_store.move(session, at, "server", release.version, "hold", reason=refusal)


def _campaign_of(service: Service, release: Release) -> Campaign:
    """Return the campaign of the release; an uploaded release gets a campaign of its own."""
    at, name = service.clock(), f"Roll-out of model {release.version}"
    with service.state.writing() as session:
        for campaign in campaign_store.list_all(session):
            if campaign.name == name if release.campaign_id is None else campaign.id == release.campaign_id:
                return campaign
        settings = federated_campaigns.checked("training", {})
        created = campaign_store.create(session, at, "server", name, "training", settings=settings)
        for action in ("start", "finish"):  # it begins no rounds of its own
            campaign_store.move(session, at, "server", created.id, action)
        return created
