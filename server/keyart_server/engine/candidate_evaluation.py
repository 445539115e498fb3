"""Takes candidates through the gates: those that need no device, then a comparison on held-out devices."""

from __future__ import annotations

from typing import Final

from keyart.errors import KeyartError
from keyart_federated import campaigns as federated_campaigns

from ..campaigns import campaign_store
from ..releases import Release, publishing, release_store
from ..rounds.round import COMPARISON_TOPIC
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
        rounds = scheduling.recent_rounds(session, campaign_id, f"{COMPARISON_TOPIC}{release.version}")
        number = scheduling.next_round_number(session, campaign_id)
        base = scheduling.current_base(service, session)
        files = release_store.files(session, release.version)
    if campaign is None or isinstance(base, str):
        return
    if not federated_campaigns.compares(campaign):  # the campaign's settings skip the comparison
        publishing.decide(service, release.version)
    elif rounds and rounds[0].standing == "done":
        publishing.decide(service, release.version, decode_estimates(rounds[0].result))
    elif scheduling.consecutive_failures(rounds) >= MAX_TRIES or campaign.state == "stopped":
        publishing.decide(service, release.version, {})
    elif not rounds or rounds[0].standing == "failed":
        retry_time = scheduling.retry_at(rounds)
        if campaign.state == "paused" or (retry_time is not None and service.clock() < retry_time):
            return
        with publishing.temporary_bundle_folder(files) as folder:
            try:
                request = federated_campaigns.request_comparison(folder, base, campaign, number, service.clock())
            except KeyartError as error:
                service.blocked[campaign.id] = str(error)
                publishing.decide(service, release.version, {})
                return
        with service.state.writing() as session:
            refusal = scheduling.begin_round(
                service, session, campaign, number, request, f"{COMPARISON_TOPIC}{release.version}"
            )
        if refusal:
            publishing.decide(service, release.version, {})
