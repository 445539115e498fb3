"""The Skellam bound against exact divergences of one-dimensional distributions, plain and sampled."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import skellam

from keyart_federated.accounting import ORDERS, Gaussian, Skellam, epsilon, skellam_epsilon

CASES = [(noise, shift) for noise in (0.7, 1.0, 3.0) for shift in (1, 2, 7, 40)]


def log_pmfs(variance: float, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """Of Skellam noise around 0 and around `shift`, where double precision still holds their ratio."""
    reach = int(25 * np.sqrt(variance) + 2 * shift + 25)
    x = np.arange(-reach, reach + shift + 1)
    with np.errstate(divide="ignore"):
        return skellam.logpmf(x, variance / 2, variance / 2), skellam.logpmf(x - shift, variance / 2, variance / 2)


def divergence(log_p: np.ndarray, log_q: np.ndarray, order: float) -> float:
    there = np.isfinite(log_p) & np.isfinite(log_q) & (log_p > -600) & (log_q > -600)
    terms = order * log_p[there] + (1 - order) * log_q[there]
    return float(np.logaddexp.reduce(terms) / (order - 1))


@pytest.mark.parametrize(("noise", "shift"), CASES)
def test_bound_holds_at_every_order(noise, shift) -> None:
    log_p, log_q = log_pmfs((noise * shift) ** 2, shift)
    bound = Skellam(noise, shift, 1).divergences()
    close = []
    for order, most in zip(ORDERS, bound, strict=True):
        if order <= 12:
            exact = divergence(log_q, log_p, order)
            assert exact <= most * (1 + 1e-9), order
            close.append(exact / most)
    if noise * shift > 20:
        assert min(close[20:]) > 0.85  # and it says something


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.7])
@pytest.mark.parametrize(("noise", "shift"), CASES)
def test_sampled_bound_holds_in_both_directions(noise, shift, rate) -> None:
    log_p, log_q = log_pmfs((noise * shift) ** 2, shift)
    log_mixed = np.logaddexp(np.log1p(-rate) + log_p, np.log(rate) + log_q)
    for order, most in zip(ORDERS, Skellam(noise, shift, 1, rate).divergences(), strict=True):
        if order <= 8:
            forward, backward = divergence(log_mixed, log_p, order), divergence(log_p, log_mixed, order)
            assert max(forward, backward) <= most + 1e-9, order
            assert backward <= forward + 1e-9  # Mironov, Talwar, Zhang 2019, theorem 5


def test_of_the_two_directions_the_mixture_on_top_is_the_larger_at_any_ratio() -> None:
    """E_p[g^α] ≥ E_p[g^(1−α)], g = 1 − q + q r: pointwise, for each ratio r together with 1 / r (weight r)."""
    rng = np.random.default_rng(1)
    ratio, rate, order = np.exp(rng.uniform(0, 5, 10_000)), rng.uniform(0, 1, 10_000), rng.uniform(1, 20, 10_000)
    up, down = 1 - rate + rate * ratio, 1 - rate + rate / ratio
    larger, smaller = up**order + ratio * down**order, up ** (1 - order) + ratio * down ** (1 - order)
    assert (larger >= smaller * (1 - 1e-12)).all()


def test_with_fine_steps_it_costs_what_the_gaussian_costs() -> None:
    for rate in (0.05, 1.0):
        fine = skellam_epsilon(1.3, 2.0**20, 2000, 10, 1e-6, rate)
        gauss = epsilon(1.3, rate, 10, 1e-6)
        assert gauss <= fine * (1 + 1e-9) and fine < 1.02 * gauss
    integers = [row for row, order in enumerate(ORDERS) if order == int(order)]
    np.testing.assert_allclose(
        Skellam(1.3, 2.0**20, 2000).divergences()[integers], Gaussian(1.3).divergences()[integers], rtol=1e-6
    )


def test_coarse_steps_and_long_vectors_cost_more() -> None:
    assert skellam_epsilon(1, 1000, 10, 1, 1e-6) < skellam_epsilon(1, 4, 10, 1, 1e-6)
    assert skellam_epsilon(1, 30, 4, 1, 1e-6) < skellam_epsilon(1, 30, 800, 1, 1e-6)


def test_sampling_never_costs() -> None:
    plain, sampled = Skellam(1, 20, 5).divergences(), Skellam(1, 20, 5, 0.999999).divergences()
    assert (sampled <= plain * (1 + 1e-9)).all() and (Skellam(1, 20, 5, 0.01).divergences() < sampled).all()
