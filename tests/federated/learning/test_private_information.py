"""Information of several noised gradients: exact where there is no noise, nothing where there is only noise."""

from __future__ import annotations

import numpy as np
import pytest

from keyart_federated.learning.information import MISFIT, Information, Stiffness

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


def diagonal_of(curvature: np.ndarray) -> np.ndarray:
    return curvature if curvature.ndim == 1 else np.diag(curvature)


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
    known = Information.none(SIZE).joined(gradient, np.full(SIZE, TINY), DECISIONS, diagonal_of(curvature))
    precision, pull = known.of_truth(curvature, DECISIONS)
    np.testing.assert_allclose(solved(precision, pull, 1e9), TRUTH, rtol=1e-5)
    np.testing.assert_allclose(precision, curvature, rtol=1e-6, atol=1e-6)


def test_with_nothing_but_noise_the_model_stays(curvature):
    noise = np.full(SIZE, HUGE)
    told = np.random.default_rng(2).normal(size=SIZE) * np.sqrt(noise)
    precision, pull = (
        Information.none(SIZE).joined(told, noise, DECISIONS, diagonal_of(curvature)).of_truth(curvature, DECISIONS)
    )
    assert np.abs(solved(precision, pull, 1.0)).max() < 1e-4


def test_noise_that_is_lost_beside_the_prior_is_left_out():
    """One entry more, and it counts; either way the posterior is the same."""
    matrix, noise, prior = fisher(diagonal=False), np.full(SIZE, 2e-4), np.full(SIZE, 1.0)
    known = Information.none(SIZE).joined(matrix @ TRUTH, noise, DECISIONS, np.diag(matrix))
    precision, pull = known.of_truth(matrix, DECISIONS, prior)
    assert precision is matrix
    exact = known.of_truth(matrix, DECISIONS, np.where(np.arange(SIZE) == 1, 0.1, prior))
    assert (exact[0] != matrix).any()
    np.testing.assert_allclose(solved(*exact, 1.0), solved(precision, pull, 1.0), rtol=1e-3)


def test_the_precision_is_positive_and_no_more_than_the_curvature(curvature):
    """Noise takes from what a gradient tells: 0 ≤ A ≤ F."""
    noise = 10.0 ** np.random.default_rng(3).uniform(-3, 6, SIZE)
    known = Information.none(SIZE).joined(np.zeros(SIZE), noise, DECISIONS, diagonal_of(curvature))
    precision, _ = known.of_truth(curvature, DECISIONS)
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
        known = Information.none(SIZE).joined(gradient, noise, DECISIONS, diagonal_of(curvature))
        precision, pull = known.of_truth(curvature, DECISIONS)
        a = np.diag(precision) if precision.ndim == 1 else precision
        error = np.linalg.solve(a, pull) - TRUTH
        errors.append(error)
        normed.append(error @ a @ error)
    deviation = np.std(errors, axis=0) / len(errors) ** 0.5
    assert (np.abs(np.mean(errors, axis=0)) < 5 * deviation).all()
    assert abs(np.mean(normed) - SIZE) < 5 * (2 * SIZE / len(normed)) ** 0.5  # χ² of SIZE degrees


def test_rounds_of_one_log_weigh_by_their_noise(curvature):
    first, second = np.arange(SIZE) + 1.0, np.ones(SIZE)
    noise, diagonal = np.full(SIZE, 4.0), diagonal_of(curvature)
    known = Information.none(SIZE).joined(first * DECISIONS, noise, DECISIONS, diagonal)
    np.testing.assert_allclose(known.gradient, first)
    np.testing.assert_allclose(known.precision, DECISIONS**2 / 4.0)
    both = known.joined(second * DECISIONS, 2 * noise, DECISIONS, diagonal)
    np.testing.assert_allclose(both.gradient, (first + second / 2) / 1.5)
    np.testing.assert_allclose(both.precision, 1.5 * DECISIONS**2 / 4.0)


def test_a_longer_log_has_another_gradient(curvature):
    """The mean over D decisions differs from that over the first D₀ of them with variance F (1/D₀ − 1/D)."""
    rng, d0, d = np.random.default_rng(6), 40, 100
    f = diagonal_of(curvature) / DECISIONS  # a decision
    decisions = rng.normal(size=(4000, d, SIZE)) * np.sqrt(f)
    apart = decisions.mean(axis=1) - decisions[:, :d0].mean(axis=1)
    known = Information.none(SIZE).joined(np.zeros(SIZE), np.full(SIZE, TINY), d0, f * d0)
    assert known.aged(d0, f * d0).precision == pytest.approx(known.precision)
    np.testing.assert_allclose(1 / known.aged(d, f * d).precision, (apart**2).mean(axis=0), rtol=0.12)


def test_without_noise_only_the_newest_round_counts(curvature):
    diagonal, tiny = diagonal_of(curvature), np.full(SIZE, TINY)
    known = Information.none(SIZE).joined(7.0 * np.ones(SIZE), tiny, DECISIONS / 2, diagonal / 2)
    new = np.arange(SIZE) + 1.0
    np.testing.assert_allclose(known.joined(new, tiny, DECISIONS, diagonal).gradient, new / DECISIONS, rtol=1e-6)
    stepped = Information.none(SIZE).joined(7.0 * np.ones(SIZE), tiny, DECISIONS, diagonal).moved(np.ones(SIZE))
    np.testing.assert_allclose(stepped.joined(new, tiny, DECISIONS, diagonal).gradient, new / DECISIONS, rtol=1e-6)


def test_an_older_gradient_is_carried_along_the_step(curvature):
    """In a quadratic, a round at the new model says what the carried one says already."""
    step = np.random.default_rng(5).normal(size=SIZE)
    here, there = times(curvature, TRUTH), times(curvature, TRUTH - step)
    noise, diagonal = np.full(SIZE, TINY), diagonal_of(curvature)
    known = Information.none(SIZE).joined(here, noise, DECISIONS, diagonal)
    known = known.moved(times(curvature, step) / DECISIONS)
    np.testing.assert_allclose(known.gradient * DECISIONS, there, rtol=1e-9, atol=1e-9)
    precision, pull = known.joined(there, noise, DECISIONS, diagonal).of_truth(curvature, DECISIONS)
    np.testing.assert_allclose(solved(precision, pull, 1e9), TRUTH - step, rtol=1e-5)


def test_a_second_noised_round_tells_more(curvature):
    noise, diagonal = np.full(SIZE, 1e3), diagonal_of(curvature)
    known = Information.none(SIZE).joined(times(curvature, TRUTH), noise, DECISIONS, diagonal)
    again = known.joined(times(curvature, TRUTH), noise, DECISIONS, diagonal)
    one, two = (one.of_truth(curvature, DECISIONS)[0] for one in (known, again))
    assert two.sum() > one.sum() if curvature.ndim == 1 else np.trace(two) > np.trace(one)


# Stiffness: how many times the simulated curvature is met


@pytest.mark.parametrize(("noise", "kept"), [(1e-6, 1.0), (HUGE, 0.0)], ids=["no noise", "nothing but noise"])
def test_steps_say_how_stiff_an_entry_is(noise, kept):
    """Entry by entry, the true curvature is found after a few steps; noise alone leaves the simulated one."""
    rng = np.random.default_rng(7)
    true = np.linspace(0.6, 6.0, SIZE)
    simulated, doubt = np.full(SIZE, 50.0), np.full(SIZE, noise)
    known, stiffness, at = Information.none(SIZE), Stiffness.none(SIZE), np.zeros(SIZE)
    for _ in range(6):
        gradient = simulated * true * (1.0 - at) + rng.normal(size=SIZE) * np.sqrt(noise)
        stiffness = stiffness.joined(known.aged(DECISIONS, simulated), gradient, doubt, DECISIONS)
        known = known.joined(gradient, doubt, DECISIONS, simulated * stiffness.ratio)
        step = rng.normal(size=SIZE) * 0.3
        stiffness = Stiffness(stiffness.ratio, stiffness.precision, simulated * step / DECISIONS)
        known = known.moved(stiffness.fall * stiffness.ratio, stiffness.misfit)
        at = at + step
    np.testing.assert_allclose(stiffness.ratio, 1.0 + kept * (true - 1.0), rtol=0.05)
    assert (stiffness.misfit <= 2 * MISFIT).all()
