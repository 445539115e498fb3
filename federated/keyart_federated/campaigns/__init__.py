"""Work: what campaigns of each kind ask the fleet, and what they read in its sums. Pure: no database, clock, network.

work        what the engine says and hears
settings    what a campaign of a kind can be told
question    an offer of a campaign, and how long it may take
noise       how a campaign's ε is divided over its sums
sums        what a round came to
memory      what is kept between two rounds, as bytes
model       a bundle as a model, and back
costs       what each of a training campaign's sums costs
training    better weights, round by round
statistics  rates, what is trending, who there is
experiment  arms against each other, look by look
evaluation  what a bundle would be worth
gates       what held-out devices and the first to have it say of a candidate
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .campaign import Kind
from .evaluation import Evaluation
from .experiment import Trial
from .gates import compares, comparison, guard_question, judged, plan_of
from .private_sum import Sum, own
from .protocol import Asked, Base, Finished, Read, Wait, Work
from .settings import checked
from .statistics import Statistics, trending
from .training import Training

WORKS: Final[Mapping[Kind, Work]] = {
    "training": Training(),
    "statistics": Statistics(),
    "experiment": Trial(),
    "evaluation": Evaluation(),
}


def of(kind: Kind) -> Work:
    """What campaigns of a kind do."""
    return WORKS[kind]


__all__ = [
    "Asked",
    "Base",
    "Finished",
    "Read",
    "Sum",
    "Wait",
    "Work",
    "checked",
    "compares",
    "comparison",
    "guard_question",
    "judged",
    "of",
    "own",
    "plan_of",
    "trending",
]
