"""Analysis: intervals that hold with the noise inside, groups, and arms that are not what was drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keyart.campaigns.kinds.experiment import experiment_vectors
from keyart.errors import FederatedError
from keyart_federated.experiments import Experiment, InterimSum, Results, analyse
from keyart_federated.experiments.interim_analysis import added
from keyart_federated.experiments.peeking import ExperimentFleet, baselines, drawn, played

KNOWN = baselines(devices=20_000)
EXPERIMENT = Experiment("buttons", 2400, KNOWN, looks=4)
LIFT = 0.15


def analysed(experiment: Experiment, seed: int, lift: float = LIFT, keep=None):
    rng = np.random.default_rng([seed, 8])
    fleet = drawn(rng, experiment.devices, lift)
    if keep is not None:
        kept = keep(fleet.arm, rng)
        fleet = ExperimentFleet(fleet.arm[kept], fleet.now[kept], fleet.past[kept])
    return analyse(experiment, played(experiment, fleet, rng.bytes).looks)


@pytest.mark.slow
def test_the_interval_holds_the_truth_at_all_looks_at_once():
    """And the estimate scatters as the variance says, noise included."""
    truth, missed, off = 0.15 * LIFT, 0, []
    for seed in range(100):
        (course,) = analysed(EXPERIMENT, seed).courses["quality_plays"]
        missed += bool((course.low > truth).any() or (course.high < truth).any())
        off.append((course.effect[-1] - truth) / (np.sqrt(course.variance) / course.weight * course.reach))
    assert missed / 100 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)
    assert 0.85 < np.std(off) < 1.1 and abs(np.mean(off)) < 0.35


def test_without_the_noise_in_it_the_interval_would_be_too_short():
    """Half of the variance is noise here, so this is no small thing."""
    (loud,) = analysed(EXPERIMENT, 1).courses["quality_plays"]
    raw = replace(EXPERIMENT, epsilon=1e4)
    (quiet,) = analyse(raw, played(raw, drawn(np.random.default_rng([1, 8]), 2400, LIFT), None).looks).courses[
        "quality_plays"
    ]
    assert loud.variance > 2 * quiet.variance


def test_the_past_makes_it_shorter():
    blind = {name: replace(one, correlation=0.0) for name, one in KNOWN.items()}
    raw = replace(EXPERIMENT, epsilon=1e4)
    fleet = drawn(np.random.default_rng(2), 4000, 0.0)
    (with_past,) = analyse(raw, played(raw, fleet, None).looks).courses["quality_plays"]
    first_look = replace(raw, metrics=blind, looks=1)
    (without,) = analyse(first_look, played(first_look, fleet, None).looks).courses["quality_plays"]
    correlation = KNOWN["quality_plays"].correlation
    assert with_past.variance / without.variance == pytest.approx(1 - correlation**2, abs=0.08)


def test_arms_of_which_one_answers_less_are_found():
    larger = replace(EXPERIMENT, devices=8000)
    assert not analysed(larger, 3).mismatch
    lame = analysed(larger, 3, keep=lambda arm, rng: (arm == 0) | (rng.random(len(arm)) < 0.8))
    assert lame.mismatch and lame.mismatches[0].difference[-1] < 0


@pytest.mark.slow
def test_a_mismatch_is_seldom_called_where_there_is_none():
    assert sum(analysed(EXPERIMENT, seed, 0.0).mismatch for seed in range(50)) <= 1


def test_groups_have_courses_of_their_own():
    experiment = replace(EXPERIMENT, devices=8000, looks=2, group="device", groups=("tv", "phone"), epsilon=8.0)
    rng = np.random.default_rng(4)
    fleet, results = drawn(rng, 8000, 0.0), Results(experiment)
    group = rng.choice([0, 0, 1], size=8000)  # nobody in the third
    now = fleet.now.copy()
    better = (fleet.arm == 1) & (group == 1)
    now[better, 0] = np.minimum(now[better, 0] + 0.1, 1.0)
    for look, mine in enumerate(np.array_split(np.arange(8000), 2)):
        question = experiment.question()
        vectors = experiment_vectors(question, fleet.arm[mine], group[mine], now[mine], fleet.past[mine])
        total, variance = added(experiment, look, vectors, rng.bytes)
        thetas = tuple(a.theta for a in question.asked)
        results = results.with_look(InterimSum(experiment.look_days[look], thetas, len(mine), variance, total))
    found = analyse(experiment, results.looks).groups
    assert set(found) == {"tv", "phone"}
    assert found["phone"][0].excludes_zero and not found["tv"][0].excludes_zero
    assert found["tv"][0].devices[-1] == pytest.approx(8000 * 2 / 3, rel=0.1)


def test_several_arms_share_the_level():
    experiment = replace(EXPERIMENT, arms=("now", "one", "two"), devices=6000)
    assert experiment.boundary("quality_plays").level == pytest.approx(0.025)
    rng = np.random.default_rng(5)
    fleet = drawn(rng, 6000, LIFT)
    arms = np.where(fleet.arm == 1, 1, 2 * rng.integers(2, size=6000))
    found = analyse(experiment, played(experiment, replace(fleet, arm=arms), rng.bytes).looks)
    one, two = found.courses["quality_plays"]
    assert (one.arm, two.arm) == ("one", "two") and one.effect[-1] > two.effect[-1]
    assert found.mismatch  # half of them are in one arm


def test_nothing_to_read_yet():
    with pytest.raises(FederatedError, match="no look yet"):
        analyse(EXPERIMENT, [])
