"""A candidate's way through the gates: those that need no device, then a comparison on held-out devices."""

from __future__ import annotations

from typing import Any, Final

from keyart.errors import KeyartError
from keyart_federated import campaigns as kinds

from ..campaigns import records as campaigns
from ..releases import Release, publishing
from ..releases import records as releases
from ..rounds.round import COMPARE
from ..service import Service
from . import asking
from .estimates import from_told, to_told

MOST_TRIES: Final = 3  # of a comparison that fails: then the quality counts as not measured


def step(service: Service) -> None:
    """What is due for all candidates of campaigns."""
    with service.state.reading() as session:
        candidates = releases.every(session, "candidate")
    for release in candidates:
        if release.campaign_id is not None:
            _vet(service, release, release.campaign_id)


def _vet(service: Service, release: Release, campaign_id: str) -> None:
    if not release.gates and publishing.examine(service, release.version).standing != "candidate":
        return
    with service.state.reading() as session:
        campaign = campaigns.find(session, campaign_id)
        rounds = asking.history(session, campaign_id, f"{COMPARE}{release.version}")
        number = asking.next_number(session, campaign_id)
        base = asking.base_of(service, session)
        files = releases.files(session, release.version)
    if campaign is None or isinstance(base, str):
        return
    if not kinds.compares(campaign):  # its operator has said so
        publishing.decide(service, release.version)
    elif rounds and rounds[0].standing == "done":
        publishing.decide(service, release.version, from_told(rounds[0].told))
    elif asking.failures(rounds) >= MOST_TRIES or campaign.state == "stopped":
        publishing.decide(service, release.version, {})
    elif not rounds or rounds[0].standing == "failed":
        until = asking.pause_after(rounds)
        if campaign.state == "paused" or (until is not None and service.clock() < until):
            return
        with publishing.laid_out(files) as folder:
            try:
                asked = kinds.request_comparison(folder, base, campaign, number, service.clock())
            except KeyartError as error:
                service.waiting[campaign.id] = str(error)
                publishing.decide(service, release.version, {})
                return
        with service.state.writing() as session:
            refused = asking.begin(service, session, campaign, number, asked, f"{COMPARE}{release.version}")
        if refused:
            publishing.decide(service, release.version, {})


def read(summed: kinds.PrivateSum, base: kinds.DeployedModel) -> dict[str, Any]:
    """What a round that judges a release tells: estimates by segment."""
    return to_told(kinds.read_comparison(summed, base))
