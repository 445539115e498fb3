"""Judges campaigns against the fleet as the server knows it (`keyart_federated.campaigns.feasibility`).

Judgements are cached: pages ask for those of all running campaigns at every refresh.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from sqlalchemy.orm import Session

from keyart.errors import BundleError, InputError, SettingError
from keyart_federated.campaigns import CampaignFinding, DeployedModel, Feasibility, KnownFleet, assess, checked

from .. import budget
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
    base = _base(service, session)
    if isinstance(base, str):
        return Feasibility(devices or 0, (CampaignFinding("server", "warning", "Rounds cannot begin yet.", base),))
    return _assess(base, campaign, fleet_state(service, session, campaign.id, devices), with_precision)


def require_feasible(service: Service, session: Session, campaign: Campaign) -> None:
    """Raise InfeasibleCampaign if a draft cannot finish on this fleet."""
    found = assess_campaign(service, session, campaign, with_precision=False)
    if campaign.state == "draft" and not found.can_finish:
        first, others = found.blocking[0].sentence, len(found.blocking) - 1
        more = f" Its feasibility has {others} more such finding{'s' if others > 1 else ''}." if others else ""
        raise InfeasibleCampaign(f"This campaign cannot finish on this fleet; confirm the start. {first}{more}")


def infeasible_campaigns(service: Service, session: Session, campaigns: Iterable[Campaign]) -> dict[str, Feasibility]:
    """Return, by id, the running campaigns that cannot finish on the fleet as it is now."""
    running = [campaign for campaign in campaigns if campaign.state == "running"]
    base = _base(service, session) if running else ""
    if isinstance(base, str):
        return {}
    fleet, own = fleet_state(service, session), budget.event_counts_by_campaign(session)
    judged = {
        campaign.id: _assess(base, campaign, replace(fleet, own=tuple(own[campaign.id].items())), False)
        for campaign in running
    }
    return {campaign_id: found for campaign_id, found in judged.items() if not found.can_finish}


def _base(service: Service, session: Session) -> DeployedModel | str:
    try:
        return current_base(service, session)
    except BundleError as error:
        return str(error)


def _assess(base: DeployedModel, campaign: Campaign, fleet: KnownFleet, with_precision: bool) -> Feasibility:
    try:
        checked(campaign.kind, json.loads(campaign.settings), campaign.epsilon, campaign.delta)
        return _assessed(_Inputs(campaign, fleet, with_precision, base.version, str(base.bundle), base))
    except BundleError as error:
        return Feasibility(fleet.devices, (CampaignFinding("server", "warning", str(error)),))
    except SettingError as error:
        return Feasibility(fleet.devices, (CampaignFinding("settings", "blocking", str(error)),))


@dataclass(frozen=True)
class _Inputs:
    """The inputs of a judgement. Bases are compared by their version and bundle."""

    campaign: Campaign
    fleet: KnownFleet
    with_precision: bool
    version: int
    bundle: str
    base: DeployedModel = field(compare=False)


@lru_cache(maxsize=256)
def _assessed(inputs: _Inputs) -> Feasibility:
    return assess(inputs.campaign, inputs.base, inputs.fleet, inputs.with_precision)
