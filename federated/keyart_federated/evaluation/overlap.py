"""The overlap of a log and a policy: whether the log shows enough of what the policy would show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from keyart.errors import NoOverlap

from .decisions import Decisions

MIN_EFFECTIVE: Final = 10.0  # decisions: fewer, out of a log ten times as long, are what luck has left
MIN_EFFECTIVE_SHARE: Final = 0.1  # effective decisions of all, below which the fewest are asked for
MAX_WEIGHT_ERROR: Final = 0.2  # of the mean weight from 1: a bias of as many per cent may come of it
MIN_ERROR_DEVIATIONS: Final = 5.0  # that the mean weight is off, before it is no chance
DOUBTFUL_EFFECTIVE: Final = 100.0
DOUBTFUL_DEVIATIONS: Final = 3.0
DOUBTFUL_LARGEST: Final = 0.1  # of all weight, on one decision


@dataclass(frozen=True, slots=True)
class Overlap:
    """The overlap of a log and a policy.

    Attributes:
        decisions: Number of decisions.
        units: Number of units.
        effective: Number of decisions of equal weight that the weighted ones count as (L. Kish, "Survey
            sampling", 1965, section 11.7).
        mean_weight: Mean weight; 1 is expected, whatever the policy.
        deviations: Distance of the mean weight from 1 in standard errors, over units.
        largest_weight: Largest weight of a decision.
        largest_share: Its share of all weight.
        unseen: Share of decisions whose artwork the policy would never show.
    """

    decisions: int
    units: int
    effective: float
    mean_weight: float
    deviations: float
    largest_weight: float
    largest_share: float
    unseen: float

    @classmethod
    def of(cls, log: Decisions) -> Overlap:
        """Return the overlap of a log."""
        weight = log.weight
        total = float(weight.sum())
        off = log.by_unit(weight - 1)
        scatter = math.sqrt(float((off**2).sum()))
        return cls(
            decisions=len(weight),
            units=log.units,
            effective=total**2 / float((weight**2).sum()) if total else 0.0,
            mean_weight=total / len(weight),
            deviations=float(off.sum()) / scatter if scatter else 0.0,
            largest_weight=float(weight.max()),
            largest_share=float(weight.max()) / total if total else 0.0,
            unseen=float(np.mean(weight == 0)),
        )

    def require(self) -> None:
        """Raise NoOverlap if no interval would hold."""
        off = abs(self.mean_weight - 1) > MAX_WEIGHT_ERROR and abs(self.deviations) > MIN_ERROR_DEVIATIONS
        if self.mean_weight == 0 or (off and self.mean_weight < 1):
            raise NoOverlap(
                f"The mean weight is {self.mean_weight:.2f} where 1 is expected: the log hardly shows what the "
                "policy would show. Raise Policy.exploration for a while, or take a nearer policy."
            )
        if off:
            raise NoOverlap(
                f"The mean weight is {self.mean_weight:.2f} where 1 is expected: the log was not drawn with these "
                "propensities, or the target probabilities are not those of one policy. Look how they were logged."
            )
        if self.effective < min(MIN_EFFECTIVE, MIN_EFFECTIVE_SHARE * self.decisions):
            raise NoOverlap(
                f"Of {self.decisions:,} decisions {self.effective:.1f} count: the policy would show what the log "
                "showed by luck. Raise Policy.exploration for a while, log more, or take a nearer policy."
            )

    @property
    def doubts(self) -> tuple[str, ...]:
        """Sentences about weaknesses that do not forbid an answer, but should be known with it."""
        said = []
        if self.effective < DOUBTFUL_EFFECTIVE:
            said.append(
                f"Only {self.effective:.0f} of {self.decisions:,} decisions count: the interval is a rough one."
            )
        if self.largest_share > DOUBTFUL_LARGEST:
            said.append(f"One decision holds {self.largest_share:.0%} of all weight.")
        if abs(self.deviations) > DOUBTFUL_DEVIATIONS:
            said.append(
                f"The mean weight is {self.mean_weight:.3f}, {abs(self.deviations):.1f} standard errors from 1: are "
                "propensities and target probabilities those of the pictures shown?"
            )
        return tuple(said)
