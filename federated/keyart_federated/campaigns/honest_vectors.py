"""Honest vectors: what the vector of one device can hold, by kind of campaign, for the guard of sums (`guard`).

Everything here follows from how devices make vectors (`keyart.campaigns.kinds`), so it holds for every honest device,
whatever its person watches. All numbers are shares of the clip (a norm of 1), before rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyart.campaigns import (
    COWATCH_PART_SHARES,
    EVALUATION_PART_NORM,
    MOMENTS_NORM,
    SIDE_NORM,
    CowatchLayout,
    EvaluationLayout,
    ExperimentRequest,
    PopulationLayout,
    SegmentLayout,
    TrainingLayout,
    TrendingLayout,
    VectorLayout,
    population_part_norm,
    training_main_norm,
)

from ..types import Doubles

Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Pairs:
    """Pairs of entries of a vector, [p] each.

    Attributes:
        first: Places of the first entries.
        second: Places of the second ones.
        ratio: Factor of the first entries, in which the two are compared.
    """

    first: Places
    second: Places
    ratio: Doubles

    @classmethod
    def of(cls, weights: Doubles, pairs: Iterable[tuple[int, int]]) -> Pairs:
        """Return pairs of entries that are compared once each is divided by its weight, [size]."""
        places = np.array([*pairs], dtype=np.intp).reshape(-1, 2)
        first, second = places[:, 0], places[:, 1]
        return cls(first, second, np.asarray(np.abs(weights[second]) / np.abs(weights[first])))


@dataclass(frozen=True)
class HonestVectors:
    """Bounds on the vector that one honest device can send.

    Attributes:
        low: Smallest value of each entry, [size].
        high: Largest value of each entry, [size].
        parts: Slices of the vector, each with the largest norm that it has.
        ordered: Pairs of which the second is at most the first times the ratio, and if `low` of the second is
            negative, at least minus that.
        squared: Pairs of the sum of z and that of z²: |Σ z| ≤ √(n Σ z²) with n devices (Cauchy and Schwarz).
        signal: Entries whose mean over devices is long at first and shorter in later rounds. None: no such entries.
    """

    low: Doubles
    high: Doubles
    parts: tuple[tuple[slice, float], ...] = ()
    ordered: Pairs | None = None
    squared: Pairs | None = None
    signal: slice | None = None

    @property
    def size(self) -> int:
        """Return the number of entries."""
        return len(self.low)


def training(layout: TrainingLayout) -> HonestVectors:
    """Return the bounds of training.

    There is one norm for what is clipped together and one for the moments; curvature is not negative; side entries
    are shares. Entry 1 of those counts devices for which entry 0 is 1; quality plays (4) are plays (3). Curvature
    grows with the log, so that it is no part of the signal.
    """
    main, curvature, side = slice(0, layout.scaled), layout.places["curvature"], layout.places["side"]
    high = np.full(layout.size, training_main_norm())
    parts = [(main, training_main_norm())]
    if "moments" in layout.places:
        high[layout.places["moments"]] = MOMENTS_NORM
        parts.append((layout.places["moments"], MOMENTS_NORM))
    high[side] = SIDE_NORM
    low = -high
    low[curvature] = low[side] = 0.0
    start = side.start
    ordered = Pairs.of(high, [(start, start + 1), (start + 3, start + 4)])
    return HonestVectors(low, high, tuple(parts), ordered, signal=slice(0, curvature.start))


def population(layout: PopulationLayout) -> HonestVectors:
    """Return the bounds of the population: each part has its share of the norm; counts are not negative."""
    return _of_parts(layout, dict.fromkeys(layout.sizes, population_part_norm()), ("contexts", "titles"))


def cowatch(layout: CowatchLayout) -> HonestVectors:
    """Return the bounds of co-watch, in which each part has its share of the norm.

    Views x by title are in 0–1, so that x² is at most x.
    """
    norms = {name: float(np.sqrt(share)) for name, share in COWATCH_PART_SHARES.items()}
    honest = _of_parts(layout, norms, ("views", "weighted", "squares", "viewers"))
    views, squares = layout.places["views"], layout.places["squares"]
    pairs = zip(range(views.start, views.stop), range(squares.start, squares.stop), strict=True)
    return HonestVectors(honest.low, honest.high, honest.parts, Pairs.of(honest.high, pairs))


def trending(layout: TrendingLayout) -> HonestVectors:
    """Return the bounds of trending: plays are counts."""
    return HonestVectors(np.zeros(layout.size), np.ones(layout.size))


def segments(layout: SegmentLayout, signed: bool) -> HonestVectors:
    """Return the bounds of segments. `signed`: whether numbers may be negative, as differences are.

    Whoever is counted in a segment is counted in "all", the first. A rate counts whole devices, so that it is at most
    their number, and its square is at most the rate.
    """
    n = len(layout.segments)
    high = layout.weights
    low = np.concatenate([np.zeros(n), -high[n : 2 * n] if signed else np.zeros(n), np.zeros(n)])
    pairs = [(0, place) for place in range(1, n)]
    if not signed:
        pairs += [(place - n, place) for place in range(n, 3 * n)]
    squared = Pairs.of(high, [(n + place, 2 * n + place) for place in range(n)])
    return HonestVectors(low, high, ordered=Pairs.of(high, pairs), squared=squared)


def evaluation(layout: EvaluationLayout) -> HonestVectors:
    """Return the bounds of an evaluation: shares, of which some are at most others.

    A reward is at most 1, so that what is rewarded is at most what is weighed.
    """
    high = np.full(layout.size, EVALUATION_PART_NORM)
    place = {name: part.start for name, part in layout.places.items()}
    ordered = [
        ("devices", "logged"), ("devices", "weight"), ("weight", "rewarded"), ("weight", "weight_weight"),
        ("weight_weight", "weight_rewarded"), ("weight_rewarded", "rewarded_rewarded"),
    ]  # fmt: skip
    squared = [("weight", "weight_weight"), ("rewarded", "rewarded_rewarded")]
    return HonestVectors(
        np.zeros(layout.size),
        high,
        ordered=Pairs.of(high, [(place[a], place[b]) for a, b in ordered]),
        squared=Pairs.of(high, [(place[a], place[b]) for a, b in squared]),
    )


def experiment(request: ExperimentRequest) -> HonestVectors:
    """Return the bounds of an experiment: by arm (and group), counted devices, metrics in ±1 and their squares."""
    layout, m = request.layout, len(request.asked)
    arms, past, groups = (layout.places[name] for name in layout.sizes)
    counts: list[int] = []
    values: list[int] = []
    squares: list[int] = []
    for arm in range(arms.start, arms.stop, 1 + 2 * m):
        counts += [arm] * m
        values += range(arm + 1, arm + 1 + m)
        squares += range(arm + 1 + m, arm + 1 + 2 * m)
    for group in range(groups.start, groups.stop, 3):
        counts.append(group)
        values.append(group + 1)
        squares.append(group + 2)
    signed = [*values, *range(past.start, past.start + m)]
    high = request.weights
    low = np.zeros(layout.size)
    low[signed] = -high[signed]
    return HonestVectors(
        low,
        high,
        ordered=Pairs.of(high, [*zip(counts, values, strict=True), *zip(counts, squares, strict=True)]),
        squared=Pairs.of(high, zip(values, squares, strict=True)),
    )


def _of_parts(layout: VectorLayout, norms: Mapping[str, float], counts: Sequence[str]) -> HonestVectors:
    """Return bounds of parts with a norm each; entries of `counts` are not negative."""
    high = np.concatenate([np.full(size, norms[name]) for name, size in layout.sizes.items()])
    low = -high
    for name in counts:
        low[layout.places[name]] = 0.0
    return HonestVectors(low, high, tuple((place, norms[name]) for name, place in layout.places.items()))
