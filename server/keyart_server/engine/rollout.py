"""Rolls a release out from share to share, guarded by take rates: an early check, and a check at the end of a stage.

Each check has two rounds in each sub-cohort: take rates of devices with the release, and of devices with the version
before it. The gates judge the median of the differences.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from keyart.errors import KeyartError
from keyart_federated import campaigns as federated_campaigns
from keyart_federated.campaigns.segments import SegmentEstimate, difference
from keyart_federated.campaigns.sub_cohorts import combined

from ..campaigns import Campaign, campaign_store
from ..releases import Release, publishing, release_store
from ..releases.deployed_model import current_base
from ..rounds import Round
from ..rounds.round import GUARD_TOPIC, cohort_topics
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
    cohorts = federated_campaigns.cohorts_of(campaign)
    topics = [f"{GUARD_TOPIC}{release.version} {release.share:g} {check} {{}}" for check in range(len(checks))]
    with service.state.reading() as session:
        base = current_base(service, session)
        rounds = {
            topic.format(group): [
                scheduling.recent_rounds(session, campaign.id, of_cohort)
                for of_cohort in cohort_topics(topic.format(group), cohorts)
            ]
            for topic in topics
            for group in (NEW, OLD)
        }
    if isinstance(base, str):
        return
    for topic in topics:
        # One group after the other, so that a device that updates in between is in one of them only.
        for group, version in ((NEW, release.version), (OLD, base.version)):
            attempts = rounds[topic.format(group)]
            if not all(scheduling.is_finished(of_cohort, MAX_TRIES) for of_cohort in attempts):
                _begin_rounds(service, campaign, base, release, version, topic.format(group), attempts, at)
                return
    pairs = zip(*(rounds[topics[-1].format(group)] for group in (NEW, OLD)), strict=True)
    differences = [_difference(*(decode_estimates(attempts[0].result) for attempts in pair)) for pair in pairs]
    publishing.apply_guard(service, release.version, combined(differences) if any(differences) else {})


def _difference(new: Mapping[str, SegmentEstimate], old: Mapping[str, SegmentEstimate]) -> dict[str, SegmentEstimate]:
    """Return new − old by segment, in a sub-cohort."""
    return {segment: difference(new[segment], old[segment]) for segment in new if segment in old}


def _begin_rounds(
    service: Service,
    campaign: Campaign,
    base: federated_campaigns.DeployedModel,
    release: Release,
    version: int,
    topic: str,
    attempts: list[list[Round]],
    at: datetime,
) -> None:
    """Begin the rounds that are due in the sub-cohorts; `attempts` are their rounds so far."""
    for cohort, (of_cohort, rounds) in enumerate(zip(cohort_topics(topic, len(attempts)), attempts, strict=True)):
        if scheduling.is_finished(rounds, MAX_TRIES) or not scheduling.is_due(rounds, at):
            continue
        with service.state.writing() as session:
            number = scheduling.next_round_number(session, campaign.id)
            try:
                request = federated_campaigns.request_guard(
                    version, base, campaign, number, at, release.changed, cohort
                )
                refusal = scheduling.begin_round(service, session, campaign, number, request, of_cohort)
            except KeyartError as error:
                refusal = str(error)
            if refusal:
                release_store.move(session, at, "server", release.version, "hold", reason=refusal)
                return


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
