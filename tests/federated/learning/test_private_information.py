"""Information of several noised gradients: exact where there is no noise, nothing where there is only noise."""

from __future__ import annotations

import numpy as np
import pytest

from keyart_federated.learning.information import AGE, Information

SIZE, DECISIONS = 12, 5_000.0
TINY, HUGE = 1e-9, 1e18


def fisher(seed: int = 0, diagonal: bool = False) -> np.ndarray:
    """Of all decisions; entries of very different size."""
    rng = np.random.default_rng(seed)
    spread = 10.0 ** rng.uniform(-1, 3, SIZE)
    if diagonal:
        return spread
    half = rng.normal(size=(SIZE, 4 * SIZE)) * np.sqrt(spread)[:, None]
    return half @ half.T


def times(curvature: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return curvature * vector if curvature.ndim == 1 else curvature @ vector


def solved(precision: np.ndarray, pull: np.ndarray, prior_variance: float) -> np.ndarray:
    """Posterior mean of the step, with a prior around where the model is."""
    whole = np.diag(precision) if precision.ndim == 1 else precision
    return np.linalg.solve(whole + np.eye(SIZE) / prior_variance, pull)


@pytest.fixture(params=[False, True], ids=["matrix", "diagonal"])
def curvature(request: pytest.FixtureRequest) -> np.ndarray:
    return fisher(diagonal=request.param)


TRUTH = np.random.default_rng(1).normal(size=SIZE)


def test_without_noise_one_step_is_at_the_optimum(curvature):
    gradient = times(curvature, TRUTH)  # of a quadratic whose optimum stands TRUTH from here
    known = Information.none(SIZE).joined(gradient, np.full(SIZE, TINY), DECISIONS)
    precision, pull = known.of_truth(curvature, DECISIONS)
    np.testing.assert_allclose(solved(precision, pull, 1e9), TRUTH, rtol=1e-5)
    np.testing.assert_allclose(precision, curvature, rtol=1e-6, atol=1e-6)


def test_with_nothing_but_noise_the_model_stays(curvature):
    noise = np.full(SIZE, HUGE)
    told = np.random.default_rng(2).normal(size=SIZE) * np.sqrt(noise)
    precision, pull = Information.none(SIZE).joined(told, noise, DECISIONS).of_truth(curvature, DECISIONS)
    assert np.abs(solved(precision, pull, 1.0)).max() < 1e-4


def test_the_precision_is_positive_and_no_more_than_the_curvature(curvature):
    """Noise takes from what a gradient tells: 0 ≤ A ≤ F."""
    noise = 10.0 ** np.random.default_rng(3).uniform(-3, 6, SIZE)
    precision, _ = Information.none(SIZE).joined(np.zeros(SIZE), noise, DECISIONS).of_truth(curvature, DECISIONS)
    a, f = (np.diag(x) if x.ndim == 1 else x for x in (precision, curvature))
    np.testing.assert_array_equal(a, a.T)
    scale = np.abs(f).max()
    assert np.linalg.eigvalsh(a).min() >= -1e-9 * scale
    assert np.linalg.eigvalsh(f - a).min() >= -1e-9 * scale


def test_the_truth_is_observed_with_the_precision_that_it_says(curvature):
    """Over many noises: A⁻¹ (A Δ) is the truth in the mean; its covariance is A⁻¹, of which the sample makes F⁻¹."""
    rng = np.random.default_rng(4)
    noise = np.full(SIZE, 30.0)
    whole = np.diag(curvature) if curvature.ndim == 1 else curvature
    root = np.linalg.cholesky(whole)
    errors, normed = [], []
    for _ in range(800):
        gradient = whole @ TRUTH + root @ rng.normal(size=SIZE) + rng.normal(size=SIZE) * np.sqrt(noise)
        precision, pull = Information.none(SIZE).joined(gradient, noise, DECISIONS).of_truth(curvature, DECISIONS)
        a = np.diag(precision) if precision.ndim == 1 else precision
        error = np.linalg.solve(a, pull) - TRUTH
        errors.append(error)
        normed.append(error @ a @ error)
    deviation = np.std(errors, axis=0) / len(errors) ** 0.5
    assert (np.abs(np.mean(errors, axis=0)) < 5 * deviation).all()
    assert abs(np.mean(normed) - SIZE) < 5 * (2 * SIZE / len(normed)) ** 0.5  # χ² of SIZE degrees


def test_rounds_weigh_by_their_noise_and_their_age():
    first, second = np.arange(SIZE) + 1.0, np.ones(SIZE)
    noise = np.full(SIZE, 4.0)
    known = Information.none(SIZE).joined(first * DECISIONS, noise, DECISIONS)
    np.testing.assert_allclose(known.gradient, first)
    np.testing.assert_allclose(known.precision, DECISIONS**2 / 4.0)
    both = known.joined(second * DECISIONS, 2 * noise, DECISIONS)
    np.testing.assert_allclose(both.gradient, (AGE * first + second / 2) / (AGE + 0.5))
    np.testing.assert_allclose(both.precision, (AGE + 0.5) * DECISIONS**2 / 4.0)


def test_an_older_gradient_is_carried_along_the_step(curvature):
    """In a quadratic a round at the new model says what the moved one says already."""
    step = np.random.default_rng(5).normal(size=SIZE)
    here, there = times(curvature, TRUTH), times(curvature, TRUTH - step)
    noise = np.full(SIZE, TINY)
    known = Information.none(SIZE).joined(here, noise, DECISIONS).moved(times(curvature, step) / DECISIONS)
    np.testing.assert_allclose(known.gradient * DECISIONS, there, rtol=1e-9, atol=1e-9)
    precision, pull = known.joined(there, noise, DECISIONS).of_truth(curvature, DECISIONS)
    np.testing.assert_allclose(solved(precision, pull, 1e9), TRUTH - step, rtol=1e-5)


def test_a_second_noised_round_tells_more(curvature):
    noise = np.full(SIZE, 1e3)
    known = Information.none(SIZE).joined(times(curvature, TRUTH), noise, DECISIONS)
    again = known.joined(times(curvature, TRUTH), noise, DECISIONS)
    one, two = (one.of_truth(curvature, DECISIONS)[0] for one in (known, again))
    assert two.sum() > one.sum() if curvature.ndim == 1 else np.trace(two) > np.trace(one)
