"""Judges campaigns against the fleet as the server knows it (`keyart_federated.campaigns.feasibility`).

Judgements are cached: pages ask for those of all running campaigns at every refresh.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from sqlalchemy.orm import Session

from keyart.errors import InputError, SettingError
from keyart_federated.campaigns import CampaignFinding, DeployedModel, Feasibility, FleetState, assess, checked

from ..releases.deployed_model import current_base
from ..service import Service
from . import Campaign
from .fleet_state import fleet_state


class InfeasibleCampaign(InputError):
    """A campaign that cannot finish was to be started."""


def assess_campaign(
    service: Service, session: Session, campaign: Campaign, devices: int | None = None, with_precision: bool = True
) -> Feasibility:
    """Return the feasibility of a campaign.

    Args:
        service: the server.
        session: a transaction.
        campaign: the campaign, which need not be stored.
        devices: size of the fleet as a person states it; None for what the server knows.
        with_precision: whether the errors of its results are forecast, too.
    """
    base, fleet = current_base(service, session), fleet_state(service, session, campaign.id, devices)
    if isinstance(base, str):
        return Feasibility(fleet.devices, (CampaignFinding("server", "warning", "Rounds cannot begin yet.", base),))
    try:
        checked(campaign.kind, json.loads(campaign.settings), campaign.epsilon, campaign.delta)
        return _assessed(_Inputs(campaign, fleet, with_precision, base.version, str(base.bundle), base))
    except SettingError as error:
        return Feasibility(fleet.devices, (CampaignFinding("settings", "blocking", str(error)),))


def require_feasible(service: Service, session: Session, campaign: Campaign) -> None:
    """Raise InfeasibleCampaign if a draft cannot finish on this fleet."""
    found = assess_campaign(service, session, campaign, with_precision=False)
    if campaign.state == "draft" and not found.can_finish:
        raise InfeasibleCampaign(" ".join(finding.sentence for finding in found.blocking))


def infeasible_campaigns(service: Service, session: Session, campaigns: Iterable[Campaign]) -> dict[str, Feasibility]:
    """Return, by id, the running campaigns that cannot finish on the fleet as it is now."""
    judged = {
        campaign.id: assess_campaign(service, session, campaign, with_precision=False)
        for campaign in campaigns
        if campaign.state == "running"
    }
    return {campaign_id: found for campaign_id, found in judged.items() if not found.can_finish}


@dataclass(frozen=True)
class _Inputs:
    """The inputs of a judgement. Bases are compared by their version and bundle."""

    campaign: Campaign
    fleet: FleetState
    with_precision: bool
    version: int
    bundle: str
    base: DeployedModel = field(compare=False)


@lru_cache(maxsize=256)
def _assessed(inputs: _Inputs) -> Feasibility:
    return assess(inputs.campaign, inputs.base, inputs.fleet, inputs.with_precision)
