"""Campaigns: what each kind asks the fleet, and what it reads in the sums. Pure: no database, clock, network.

The package uses the SDK, `learning`, `accounting`, `experiments`, `evaluation` and `export`; simulations and the
server use it. Kinds are modules with their settings, `plan`, `ask` and `read` (`keyart.campaigns.kinds` has the
device's half):

training       better weights, round by round
population     who the viewers are
trending       which titles are played now
rates          how often an artwork is right, by device class and daypart
cowatch        title latents from which titles are watched together
experiment     arms against each other, one interim analysis a round
evaluation     what a bundle would be worth
comparison     the two requests that judge a candidate: held-out devices, and the first to have it

They share:

registry          finds the module of a campaign
protocol          the values that a driver of rounds and a kind exchange
campaign          a campaign and its states
settings          settings of every kind; `statistics`: of the kinds that repeat one request
noise             how a campaign's ε is divided over its sums
round_offer       a round's offer, and which sums it accepts
private_sum       the result of a round
guard             whether honest devices can make a sum; `honest_vectors`: what one of them can send, by kind
sub_cohorts       the median of several disjoint groups of devices, which no single device decides
private_estimate  checks and intervals of estimates; `segments`: estimates by device class and daypart
setting_texts     settings from the texts of a form or a command line
state_codec       the state between two rounds, as bytes
bundle_model      a bundle as a model, and back
rollout_plan      how a candidate reaches the fleet
progress          how many of the planned rounds are done
result_words      labels and units of results

Before a campaign starts:

feasibility       whether it can finish on this fleet: `findings`, which rest on
requirements      the devices that its rounds need
precision         the error that its results will have; `precision_findings`: the same in words
presets           settings for a fleet of a certain size
"""

from __future__ import annotations

from .comparison import cohorts_of, compares, read_comparison, request_comparison, request_guard, rollout_plan_of
from .feasibility import assess
from .findings import CampaignFinding, Feasibility, KnownFleet
from .noise import PlannedRounds, planned_epsilon
from .presets import PRESETS, Preset, PresetName
from .private_sum import PrivateSum, own_offer
from .progress import finished_rounds
from .protocol import CampaignKind, DeployedModel, Finished, RoundRequest, RoundResult, Wait
from .registry import SETTINGS, ask, checked, find, plan, read
from .trending import trending

__all__ = [
    "PRESETS",
    "SETTINGS",
    "CampaignFinding",
    "CampaignKind",
    "DeployedModel",
    "Feasibility",
    "Finished",
    "KnownFleet",
    "PlannedRounds",
    "Preset",
    "PresetName",
    "PrivateSum",
    "RoundRequest",
    "RoundResult",
    "Wait",
    "ask",
    "assess",
    "checked",
    "cohorts_of",
    "compares",
    "find",
    "finished_rounds",
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
