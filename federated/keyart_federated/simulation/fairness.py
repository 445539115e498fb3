"""Fairness: who gains by the choices, and whether they stay healthy: titles, pictures and viewers, not only plays.

Pure functions over what a simulation keeps anyway. The world decides which titles are shown, so that a title's share
of the impressions is the world's doing; what the chooser makes of it is the capture and the pictures. Sources: Gini
index (Gini 1912; the mean difference by ranks), Shannon entropy in bits, funnel of play and quality play.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..metrics import MetricEstimate, Rewards, WorldTruth, mean, minus_one, ratio
from ..types import Doubles, Floats, Ints, SmallInts

DECILES = 10


@dataclass(frozen=True)
class Fairness:
    """Fairness metrics of a policy on a world. A title's popularity is its number of impressions.

    Attributes:
        exposure_by_decile: Share of all impressions of each tenth of the titles, the least popular first.
        capture_by_decile: Capture of each tenth; 0 where it has no titles or no impressions.
        coverage: Share of artworks shown at least once, among those whose title was shown.
        exposure_gini: Gini coefficient of showings among the same artworks.
        random_exposure_gini: The coefficient that drawing artworks by chance has, in expectation.
        bottom_half_plays_gained: Expected quality plays of the less popular half of titles above those of
            random artworks.
        bottom_half_lift: The same as a share of those.
        tag_entropy_first_quarter: Entropy in bits of the tags that a viewer was shown in the first quarter of
            the impressions, mean over viewers.
        tag_entropy_last_quarter: The same in the last quarter; it falls in a loop that narrows.
        clickbait_rate: Abandoned plays as a share of plays.
    """

    exposure_by_decile: tuple[float, ...]
    capture_by_decile: tuple[float, ...]
    coverage: float
    exposure_gini: float
    random_exposure_gini: float
    bottom_half_plays_gained: float
    bottom_half_lift: MetricEstimate
    tag_entropy_first_quarter: MetricEstimate
    tag_entropy_last_quarter: MetricEstimate
    clickbait_rate: MetricEstimate

    def estimates(self) -> dict[str, MetricEstimate]:
        """Return the metrics that have an interval over devices."""
        return {name: value for name, value in self._named().items() if isinstance(value, MetricEstimate)}

    def plain(self) -> dict[str, Any]:
        """Return all metrics by name, without intervals."""
        return {
            name: value.value if isinstance(value, MetricEstimate) else value for name, value in self._named().items()
        }

    def _named(self) -> Mapping[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def measure(
    truth: WorldTruth, of: Rewards, shown: SmallInts, played: Floats, quality: Floats, artwork_tags: Floats
) -> Fairness:
    """Return the fairness metrics of a simulation.

    Args:
        truth: The world's expected rewards.
        of: Expected rewards of the shown artworks.
        shown: Place in the catalogue of the shown artworks, [devices, impressions]; −1 where none was shown.
        played: 1 for a play, else 0, [devices, impressions].
        quality: 1 for a quality play, else 0, [devices, impressions].
        artwork_tags: Tag weights, [artworks, tags].
    """
    popularity = np.bincount(truth.title.ravel(), minlength=len(truth.first) - 1)
    order = np.argsort(popularity, kind="stable")
    gained, possible = (by_title(truth, x - of.random) for x in (of.policy, of.oracle))
    deciles = np.array_split(order, DECILES)
    bottom = np.isin(truth.title, order[: len(order) // 2])
    policy, random = (np.where(bottom, x, 0.0).sum(axis=1) for x in (of.policy, of.random))
    showings, by_chance = exposure(truth, shown, popularity)
    quarter = max(1, shown.shape[1] // 4)
    plays = played.sum(axis=1, dtype=np.float64)
    return Fairness(
        exposure_by_decile=tuple(float(popularity[titles].sum() / popularity.sum()) for titles in deciles),
        capture_by_decile=tuple(
            ratio(gained[titles].sum(keepdims=True), possible[titles].sum(keepdims=True)).value for titles in deciles
        ),
        coverage=float((showings > 0).mean()),
        exposure_gini=gini(showings),
        random_exposure_gini=gini(by_chance),
        bottom_half_plays_gained=float((policy - random).sum()),
        bottom_half_lift=minus_one(ratio(policy, random)) if random.any() else MetricEstimate(0.0, 0.0, 0.0),
        tag_entropy_first_quarter=mean(tag_entropy(shown[:, :quarter], artwork_tags)),
        tag_entropy_last_quarter=mean(tag_entropy(shown[:, -quarter:], artwork_tags)),
        clickbait_rate=ratio(plays - quality.sum(axis=1, dtype=np.float64), plays),
    )


def by_title(truth: WorldTruth, x: Doubles) -> Doubles:
    """Return sums of x [devices, impressions] by title, [titles]."""
    sums = np.zeros(len(truth.first) - 1)
    np.add.at(sums, truth.title.ravel(), x.ravel())
    return sums


def exposure(truth: WorldTruth, shown: SmallInts, popularity: Ints) -> tuple[Doubles, Doubles]:
    """Return the showings of each artwork whose title was shown, and those that drawing by chance would give it."""
    pictures = np.diff(truth.first)
    by_chance = np.repeat(popularity / pictures, pictures)
    showings = np.bincount(shown[shown >= 0], minlength=int(truth.first[-1])).astype(np.float64)
    return showings[by_chance > 0], by_chance[by_chance > 0]


def gini(x: Doubles) -> float:
    """Return the Gini coefficient of x [n] ≥ 0: 0 if all are equal, towards 1 if one has all."""
    if not x.any():
        return 0.0
    n = len(x)
    ranks = 2.0 * np.arange(1, n + 1) - n - 1
    return float(ranks @ np.sort(x) / (n * x.sum()))


def tag_entropy(shown: SmallInts, artwork_tags: Floats) -> Doubles:
    """Return the entropy in bits of the tag weights that each device was shown, [devices]; 0 without tags."""
    weights = np.zeros((len(shown), artwork_tags.shape[1]))
    for pictures in shown.T:  # a column at a time: never [devices, impressions, tags]
        some = pictures >= 0
        weights[some] += artwork_tags[pictures[some]]
    total = weights.sum(axis=1, keepdims=True)
    share = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    logs = np.log2(share, out=np.zeros_like(share), where=share > 0)
    return np.asarray(np.abs((share * logs).sum(axis=1)))  # −Σ p log p, without a −0
