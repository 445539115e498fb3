"""Error rates of tests that are peeked at, and of verdicts under noise, from many experiments on made-up viewers.

A viewer plays an artwork with a probability of their own (Beta), and keeps watching with another. The past is drawn
from the same viewer. Nothing here is fitted to anybody: it shows what the method does, and not what artworks do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from keyart.campaigns import METRICS, experiment_vectors

from ..types import Doubles, Ints
from .analysis import analyse
from .boundary import Boundary
from .device_metrics import Baseline
from .experiment_design import Experiment
from .interim_analysis import InterimSum, Results, added, next_thetas
from .verdict import Word, verdicts

PLAY, KEEP = (3.0, 9.0), (6.0, 4.0)  # Beta: a quarter of pictures is played, three plays of five are kept
PICTURES = 60  # on a device, before the start, and after it
RAW_EPSILON = 1e4  # what a plan without noise is like
BURN_IN = 100  # devices, before a running variance means anything
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ExperimentFleet:
    """Devices of an experiment: their arms [d], and metrics now and in the past [d, METRICS], NaN if not measured."""

    arm: Ints
    now: Doubles
    past: Doubles


def drawn(rng: np.random.Generator, devices: int, lift: float) -> ExperimentFleet:
    """Draw devices, of which those in arm 1 have more quality plays by the share `lift`."""
    play, keep = rng.beta(*PLAY, devices), rng.beta(*KEEP, devices)
    arm = rng.integers(2, size=devices)

    def lived(more: Doubles) -> Doubles:
        plays = rng.binomial(PICTURES, play)
        kept = rng.binomial(plays, np.minimum(keep * more, 1.0))
        told = np.full((devices, len(METRICS)), np.nan)
        told[:, METRICS.index("quality_plays")] = kept / PICTURES
        told[:, METRICS.index("take_rate")] = plays / PICTURES
        told[:, METRICS.index("abandonment")] = np.where(plays > 0, 1 - kept / np.maximum(plays, 1), np.nan)
        return told

    past = lived(np.ones(devices))
    return ExperimentFleet(arm, lived(np.where(arm == 1, 1.0 + lift, 1.0)), past)


def baselines(seed: int = 0, devices: int = 50_000) -> dict[str, Baseline]:
    """Return the baselines of these viewers, as a pilot would find them."""
    fleet = drawn(np.random.default_rng([seed, 7]), devices, 0.0)
    known = {}
    for name in ("quality_plays", "abandonment"):
        both = np.stack([table[:, METRICS.index(name)] for table in (fleet.now, fleet.past)])
        now, past = both[:, ~np.isnan(both).any(axis=0)]
        known[name] = Baseline(float(now.mean()), float(now.std()), float(np.corrcoef(now, past)[0, 1]))
    return known


def played(experiment: Experiment, fleet: ExperimentFleet, random: Callable[[int], bytes] | None) -> Results:
    """Run the whole experiment on a fleet, look by look, on noised sums, or on exact ones if `random` is None."""
    results = Results(experiment)
    order = np.array_split(np.arange(len(fleet.arm)), experiment.looks)
    for look, (day, mine) in enumerate(zip(experiment.look_days, order, strict=True)):
        thetas = next_thetas(experiment, results.looks)
        question = experiment.question(thetas)
        nobody = np.zeros(len(mine), dtype=np.intp)
        vectors = experiment_vectors(question, fleet.arm[mine], nobody, fleet.now[mine], fleet.past[mine])
        total, variance = added(experiment, look, vectors, random)
        results = results.with_look(InterimSum(day, thetas, len(mine), variance, total))
    return results


def decided(results: Results) -> tuple[Word, int]:
    """Return the verdict of a team that stops at the first decision, and the number of looks until then."""
    looks = results.looks
    word: Word = "not yet"
    for k in range(1, len(looks) + 1):
        (verdict,) = verdicts(results.experiment, analyse(results.experiment, looks[:k]))
        word = verdict.word
        if word != "not yet":
            return word, k
    return word, len(looks)


@dataclass(frozen=True)
class Peeking:
    """Shares of A/A tests that ever called a difference.

    Attributes:
        tests: Number of tests.
        private: Always-valid test on private sums, peeked at each look.
        raw: The same test on raw data, peeked at after every device.
        fixed: z-test on raw data, peeked at each look.
        once: z-test at the end alone.
        private_by_look: Shares that have called one up to each look, [K].
        fixed_by_look: The same of `fixed`, [K].
    """

    tests: int
    private: float
    raw: float
    fixed: float
    once: float
    private_by_look: Doubles
    fixed_by_look: Doubles


def peek(experiment: Experiment, tests: int, seed: int, progress: Progress = lambda done, of: None) -> Peeking:
    """Run A/A tests of an experiment, all four ways on the same fleets."""
    z = NormalDist().inv_cdf(1 - experiment.level / 2)
    private, fixed = np.zeros((2, tests, experiment.looks), dtype=np.bool_)
    raw = np.zeros(tests, dtype=np.bool_)
    for test in range(tests):
        rng = np.random.default_rng([seed, test])
        fleet = drawn(rng, experiment.devices, 0.0)
        (course,) = analyse(experiment, played(experiment, fleet, rng.bytes).looks).courses[experiment.first]
        private[test] = (course.low > 0) | (course.high < 0)
        apart, deviation, devices = _running(fleet, experiment.first)
        bound = Boundary.best_at(float((devices[-1] * deviation[-1]) ** 2), experiment.level)
        raw[test] = (np.abs(apart) > bound.reach((devices * deviation) ** 2) / devices)[BURN_IN:].any()
        at_looks = np.cumsum([len(part) for part in np.array_split(np.arange(len(apart)), experiment.looks)]) - 1
        fixed[test] = (np.abs(apart) > z * deviation)[at_looks]
        progress(test + 1, tests)
    ever = {name: np.logical_or.accumulate(called, axis=1) for name, called in (("p", private), ("f", fixed))}
    return Peeking(
        tests,
        float(ever["p"][:, -1].mean()),
        float(raw.mean()),
        float(ever["f"][:, -1].mean()),
        float(fixed[:, -1].mean()),
        ever["p"].mean(axis=0),
        ever["f"].mean(axis=0),
    )


def _running(fleet: ExperimentFleet, metric: str) -> tuple[Doubles, Doubles, Doubles]:
    """Return after each device the difference of means, its standard error, and the devices so far, from raw data."""
    value, arm = fleet.now[:, METRICS.index(metric)], fleet.arm
    n = [np.maximum(np.cumsum(arm == a), 1) for a in (0, 1)]
    sums, squares = ([np.cumsum(np.where(arm == a, value**p, 0.0)) for a in (0, 1)] for p in (1, 2))
    variance = sum((squares[a] / n[a] - (sums[a] / n[a]) ** 2) / n[a] for a in (0, 1))
    devices = np.arange(1, len(value) + 1, dtype=np.float64)
    return sums[1] / n[1] - sums[0] / n[0], np.sqrt(np.maximum(variance, 1e-12)), devices


@dataclass(frozen=True)
class Agreement:
    """The agreement of verdicts on private sums with those on raw data, over A/B tests.

    Attributes:
        trials: Number of tests.
        same: Share with the same verdict.
        private: Share of "better" on private sums.
        raw: Share of "better" on raw data.
        private_looks: Mean number of looks until a decision on private sums.
        raw_looks: The same on raw data.
    """

    trials: int
    same: float
    private: float
    raw: float
    private_looks: float
    raw_looks: float


def agree(
    experiment: Experiment, lift: float, trials: int, seed: int, progress: Progress = lambda done, of: None
) -> Agreement:
    """Test the same fleets twice: by private sums, and by the same test on raw data."""
    raw = replace(experiment, epsilon=RAW_EPSILON)
    found = []
    for trial in range(trials):
        rng = np.random.default_rng([seed, trial])
        fleet = drawn(rng, experiment.devices, lift)
        found.append((decided(played(experiment, fleet, rng.bytes)), decided(played(raw, fleet, None))))
        progress(trial + 1, trials)
    words = np.array([(one[0], other[0]) for one, other in found])
    looks = np.array([(one[1], other[1]) for one, other in found], dtype=np.float64)
    better = (words == "better").mean(axis=0)
    same = float((words[:, 0] == words[:, 1]).mean())
    return Agreement(trials, same, float(better[0]), float(better[1]), *map(float, looks.mean(axis=0)))
