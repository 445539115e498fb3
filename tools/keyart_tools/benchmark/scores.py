"""The metrics of one policy on one world, and their mean over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keyart_federated import Report
from keyart_federated.baselines import Played
from keyart_federated.metrics import WorldTruth, figures, rewards
from keyart_federated.report import Interval
from keyart_federated.simulation import fairness
from keyart_federated.types import Floats

# The metrics of every policy, named as in `keyart_federated.Report`.
FIGURES = (
    "capture", "last_quarter_capture", "policy_value", "clickbait_rate", "coverage", "exposure_gini",
    "bottom_half_plays_gained", "bottom_half_lift", "tag_entropy_first_quarter", "tag_entropy_last_quarter",
)  # fmt: skip


@dataclass(frozen=True)
class PolicyScore:
    """Metrics by name (`FIGURES`), and the 95 % intervals of those that have one."""

    figures: Mapping[str, float]
    interval: Mapping[str, Interval]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; an infinite end of an interval (one device) becomes null."""
        ends = {name: [x if math.isfinite(x) else None for x in pair] for name, pair in self.interval.items()}
        return {"figures": dict(self.figures), "interval": ends}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> PolicyScore:
        """Read the result of `to_dict`.

        Raises:
            KeyError, TypeError, ValueError: the document is of another form.
        """
        values = {name: float(document["figures"][name]) for name in FIGURES}
        interval = {
            str(name): (-math.inf if low is None else float(low), math.inf if high is None else float(high))
            for name, (low, high) in document["interval"].items()
        }
        return cls(values, interval)


def score_baseline(truth: WorldTruth, played: Played, artwork_tags: Floats) -> PolicyScore:
    """Return the metrics of a baseline, computed by the same functions as those of a report."""
    of = rewards(truth, played.shown)
    fair = fairness.measure(truth, of, played.shown, played.played, played.quality, artwork_tags)
    estimates = {**figures(of), **fair.estimates()}
    named = {**{name: estimate.value for name, estimate in estimates.items()}, **fair.plain()}
    return PolicyScore(
        {name: named[name] for name in FIGURES},
        {name: (estimates[name].low, estimates[name].high) for name in FIGURES if name in estimates},
    )


def score_simulation(report: Report) -> PolicyScore:
    """Return the same metrics of a simulation."""
    return PolicyScore(
        {name: getattr(report, name) for name in FIGURES},
        {name: report.interval[name] for name in FIGURES if name in report.interval},
    )


def pooled(scores: Sequence[PolicyScore]) -> PolicyScore:
    """Return the mean over seeds; seeds are independent, so squared half-widths add up."""
    count = len(scores)
    means = {name: sum(score.figures[name] for score in scores) / count for name in scores[0].figures}
    interval = {}
    for name in scores[0].interval:
        half = math.hypot(*((high - low) / 2 for low, high in (score.interval[name] for score in scores))) / count
        interval[name] = (means[name] - half, means[name] + half)
    return PolicyScore(means, interval)
