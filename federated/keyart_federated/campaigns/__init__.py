"""Campaigns: what each kind asks the fleet, and what it reads in the sums. Pure: no database, clock, network.

Kinds, a module each with its settings, `plan`, `ask` and `read` (`keyart.campaigns.kinds` has the device's half):

training       better weights, round by round
population     who there is
trending       which titles are played now
rates          how often an artwork is right, by device class and daypart
cowatch        title latents from what is watched together
experiment     arms against each other, look by look
evaluation     what a bundle would be worth
comparison     what held-out devices, and the first to have it, say of a candidate

What they share:

registry       finds the module of a campaign
protocol       the values that a driver of rounds and a kind exchange
campaign       a campaign and its states
settings       settings of every kind; `statistics`: of the kinds that ask one question again and again
noise          how a campaign's ε is divided over its sums
round_offer    a round's offer, and which sums it accepts
private_sum    the result of a round
state_codec    what is kept between two rounds, as bytes
segments       estimates by device class and daypart
bundle_model   a bundle as a model, and back
rollout_plan   how a candidate reaches the fleet
"""

from __future__ import annotations

from .comparison import compares, read_comparison, request_comparison, request_guard, rollout_plan_of
from .noise import PlannedRounds, planned_epsilon
from .private_sum import PrivateSum, own_offer
from .protocol import CampaignKind, DeployedModel, Finished, RoundRequest, RoundResult, Wait
from .registry import SETTINGS, ask, checked, find, plan, read
from .trending import trending

__all__ = [
    "SETTINGS",
    "CampaignKind",
    "DeployedModel",
    "Finished",
    "PlannedRounds",
    "PrivateSum",
    "RoundRequest",
    "RoundResult",
    "Wait",
    "ask",
    "checked",
    "compares",
    "find",
    "own_offer",
    "plan",
    "planned_epsilon",
    "read",
    "read_comparison",
    "request_comparison",
    "request_guard",
    "rollout_plan_of",
    "trending",
]
