"""The verdict about a policy: all estimates of one log, and what they say, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .decisions import Decisions
from .estimators import dr_ratio, ips_ratio, snips_ratio
from .overlap import Overlap
from .ratio import Estimate
from .shrinkage import shrunk_estimate

Answer = Literal["better", "worse", "unclear"]


@dataclass(frozen=True)
class PolicyVerdict:
    """The verdict about a policy.

    Attributes:
        level: Level of the intervals.
        logged: Reward a decision of the log's own choices.
        estimates: Reward a decision of the policy, by estimator.
        by: Estimator that decides.
        difference: Its value less the logged one, on the same decisions.
        overlap: Overlap of the log and the policy.
    """

    level: float
    logged: Estimate
    estimates: Mapping[str, Estimate]
    by: str
    difference: Estimate
    overlap: Overlap

    @classmethod
    def of(cls, log: Decisions, level: float = 0.95) -> PolicyVerdict:
        """Return the verdict of a log.

        The doubly robust estimate decides where there are predicted rewards, else the self-normalised one.

        Raises:
            InputError: The log has a single unit.
            SettingError: The level is out of range.
            NoOverlap: The log shows too little of what the policy would show.
        """
        overlap = Overlap.of(log)
        overlap.require()
        logged = log.logged()
        ratios = {"snips": snips_ratio(log), "ips": ips_ratio(log)}
        if log.predicted:
            ratios["dr"] = dr_ratio(log)
        by = "dr" if log.predicted else "snips"
        estimates = {name: ratio.estimate(level) for name, ratio in ratios.items()}
        if log.predicted:
            estimates["switch"] = shrunk_estimate(log, "switch", level=level)
            estimates["shrinkage"] = shrunk_estimate(log, "optimistic", level=level)
        return cls(level, logged.estimate(level), estimates, by, ratios[by].minus(logged, level), overlap)

    @property
    def answer(self) -> Answer:
        """Return the answer in a word."""
        if self.difference.low > 0:
            return "better"
        return "worse" if self.difference.high < 0 else "unclear"

    @property
    def sentence(self) -> str:
        """Return the answer as a sentence."""
        value, apart = self.estimates[self.by], self.difference
        told = (
            f"the policy would earn {value.value:.4g} a decision ({100 * self.level:g} %: {value.low:.4g} to "
            f"{value.high:.4g}), and the log earned {self.logged.value:.4g}"
        )
        if self.answer == "unclear":
            return f"Too close to tell: {told}. {self._longer()}"
        more = f"{abs(apart.value):.4g} {'more' if apart.value > 0 else 'less'}"
        ends = sorted((abs(apart.low), abs(apart.high)))
        return f"{self.answer.capitalize()}: {told}: {more} ({ends[0]:.4g} to {ends[1]:.4g})."

    def _longer(self) -> str:
        """Return how much longer a log would decide, were the difference as estimated."""
        apart = abs(self.difference.value)
        reach = (self.difference.high - self.difference.low) / 2
        times = (reach / apart) ** 2 if apart > 0 else math.inf
        if times > 100:
            return "A log of this kind would have to be more than 100 times as long to tell."
        return f"If the difference is what it looks, a log {max(times, 1.1):.2g} times as long would tell."

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            **{name: asdict(part) for name, part in (("logged", self.logged), ("difference", self.difference))},
            "level": self.level,
            "estimates": {name: asdict(estimate) for name, estimate in self.estimates.items()},
            "by": self.by,
            "overlap": {**asdict(self.overlap), "doubts": list(self.overlap.doubts)},
            "answer": self.answer,
            "sentence": self.sentence,
        }
