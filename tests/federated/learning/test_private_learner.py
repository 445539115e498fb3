"""The server's step: noise alone moves little, and the more noise there is the less."""

from __future__ import annotations

import numpy as np
import pytest

from keyart.model.ranker.weights import play_parameter_count
from keyart_federated.learning.optimiser import STARTING_VARIANCE


def noise(size: int, variance: float, seed: int) -> np.ndarray:
    return np.rint(np.random.default_rng(seed).normal(size=size) * variance**0.5).astype(np.int64)


def moved(step, total: np.ndarray, variance: float) -> tuple[np.ndarray, np.ndarray]:
    """How far θ moves: its weights, and the two intercepts, whose prior is wide open."""
    spec, before = step.encoded.spec, step.learner.state.model.theta
    away = step.answered(total, variance).state.model.theta - before
    mains = len(spec.main_names)
    intercepts = [play_parameter_count(spec) - mains, len(before) - mains]
    return np.delete(away, intercepts), away[intercepts]


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_moves_little(first_step, seed):
    """Of the plan's own noise at ε = 4: weights stay well within their prior, pictures too."""
    total = noise(len(first_step.total), first_step.variance, seed)
    weights, intercepts = moved(first_step, total, first_step.variance)
    prior = STARTING_VARIANCE**0.5
    assert np.sqrt((weights**2).mean()) < 0.2 * prior and np.abs(weights).max() < prior
    assert np.abs(intercepts).max() < 2.0
    appeal = first_step.answered(total, first_step.variance).state.model.appeal
    assert np.abs(appeal).max() < prior


def test_a_sum_that_tells_something_moves_more_than_its_noise(quiet_step):
    weights, _ = moved(quiet_step, quiet_step.total, quiet_step.variance)
    of_noise = [
        moved(quiet_step, noise(len(quiet_step.total), quiet_step.variance, seed), quiet_step.variance)[0]
        for seed in range(5)
    ]
    assert (weights**2).sum() > 5 * max((one**2).sum() for one in of_noise)


@pytest.mark.parametrize("seed", range(3))
def test_where_noise_drowns_all_the_model_stays(first_step, seed):
    variance = 1e14 * first_step.variance
    total = noise(len(first_step.total), variance / 1e14, seed) * 10**7
    weights, intercepts = moved(first_step, total, variance)
    assert np.abs(weights).max() < 1e-6 and np.abs(intercepts).max() < 1e-3
    after = first_step.answered(total, variance)
    assert np.abs(after.state.model.appeal).max() < 1e-6
    assert after.rates == pytest.approx(first_step.learner.rates, abs=1e-6)


def test_a_sum_of_nothing_moves_nothing(first_step):
    weights, intercepts = moved(first_step, np.zeros_like(first_step.total), first_step.variance)
    np.testing.assert_array_equal(weights, 0.0)
    np.testing.assert_array_equal(intercepts, 0.0)


@pytest.mark.parametrize("entry", [2**31 - 1, -(2**31), 2**62])
def test_a_sum_that_is_absurd_gives_a_finite_model(first_step, entry):
    model = first_step.answered(np.full_like(first_step.total, entry), first_step.variance).state.model
    assert np.isfinite(model.to_array()).all()


def test_a_step_counts_and_leaves_what_it_began_with(first_step):
    before = first_step.learner.state
    theta = before.model.theta.copy()
    after = first_step.answered(first_step.total, first_step.variance)
    assert after.state.rounds == before.rounds + 1 and after.state.model.version == before.model.version + 1
    np.testing.assert_array_equal(before.model.theta, theta)
    assert first_step.learner.state is before
