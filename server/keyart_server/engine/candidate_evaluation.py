"""Takes candidates through the gates: those that need no device, then a comparison on held-out devices.

The comparison is a round in each sub-cohort, all at once; the gates judge the median of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyart.errors import KeyartError
from keyart_federated import campaigns as federated_campaigns
from keyart_federated.campaigns.sub_cohorts import combined

from ..campaigns import Campaign, campaign_store
from ..releases import Release, publishing, release_store
from ..releases.deployed_model import current_base
from ..rounds.round import COMPARISON_TOPIC, cohort_topics
from ..service import Service
from . import scheduling
from .estimate_codec import decode_estimates

MAX_TRIES: Final = 3  # failed comparisons after which the quality counts as not measured


def step(service: Service) -> None:
    """Do what is due for all candidates of campaigns."""
    with service.state.reading() as session:
        candidates = release_store.list_all(session, "candidate")
    for release in candidates:
        if release.campaign_id is not None:
            _evaluate(service, release, release.campaign_id)


def _evaluate(service: Service, release: Release, campaign_id: str) -> None:
    if not release.gates and publishing.examine(service, release.version).standing != "candidate":
        return
    with service.state.reading() as session:
        campaign = campaign_store.find(session, campaign_id)
        base = current_base(service, session)
        files = release_store.files(session, release.version)
    if campaign is None or isinstance(base, str):
        return
    if not federated_campaigns.compares(campaign):  # the campaign's settings skip the comparison
        publishing.decide(service, release.version)
        return
    topics = cohort_topics(f"{COMPARISON_TOPIC}{release.version}", federated_campaigns.cohorts_of(campaign))
    with service.state.reading() as session:
        attempts = [scheduling.recent_rounds(session, campaign_id, topic) for topic in topics]
    if all(scheduling.is_finished(rounds, MAX_TRIES, campaign.state == "stopped") for rounds in attempts):
        results = [decode_estimates(rounds[0].result if rounds else {}) for rounds in attempts]
        publishing.decide(service, release.version, combined(results) if any(results) else {})
        return
    if campaign.state == "paused":
        return
    for cohort, (topic, rounds) in enumerate(zip(topics, attempts, strict=True)):
        if not scheduling.is_finished(rounds, MAX_TRIES) and scheduling.is_due(rounds, service.clock()):
            refusal = _compare(service, campaign, base, files, cohort, topic)
            if refusal:
                service.blocked[campaign.id] = refusal
                publishing.decide(service, release.version, {})
                return


def _compare(
    service: Service,
    campaign: Campaign,
    base: federated_campaigns.DeployedModel,
    files: Mapping[str, bytes],
    cohort: int,
    topic: str,
) -> str:
    """Begin the round that compares a candidate (its files) on a sub-cohort; return "", or why it cannot begin."""
    with service.state.reading() as session:
        number = scheduling.next_round_number(session, campaign.id)
    with publishing.temporary_bundle_folder(files) as folder:
        try:
            request = federated_campaigns.request_comparison(folder, base, campaign, number, service.clock(), cohort)
        except KeyartError as error:
            return str(error)
    with service.state.writing() as session:
        return scheduling.begin_round(service, session, campaign, number, request, topic)
