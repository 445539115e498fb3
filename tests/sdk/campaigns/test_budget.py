"""The device's own accountant: never below the server's, and infinite where nothing protects."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keyart.campaigns.budget import (
    ORDERS,
    Charge,
    divergences_at_orders,
    epsilon_of_divergences,
    epsilon_spent,
    skellam_divergences,
)
from keyart.errors import SettingError
from keyart_federated.accounting import Skellam, skellam_epsilon, to_epsilon


@pytest.mark.parametrize("noise", [0.4, 1.0, 3.0, 12.0])
@pytest.mark.parametrize("rounds", [1, 4, 30])
@pytest.mark.parametrize(("l2", "dimension"), [(4200.0, 20_000), (9.0, 4), (40.0, 800)])
def test_it_agrees_with_the_servers(noise, rounds, l2, dimension):
    mine = epsilon_spent([Charge(noise, l2, dimension)] * rounds, 1e-6)
    assert mine == pytest.approx(skellam_epsilon(noise, l2, dimension, rounds, 1e-6), rel=1e-9)


@pytest.mark.parametrize("delta", [1e-10, 1e-6, 0.01, 0.5])
def test_the_conversion_is_that_of_dp_accounting(delta):
    rng = np.random.default_rng(2)
    for scale in (1e-6, 0.01, 1, 30):
        divergences = np.sort(rng.uniform(0, scale, len(ORDERS)))
        assert epsilon_of_divergences(divergences, delta) == pytest.approx(
            to_epsilon(divergences, delta), rel=1e-9, abs=1e-12
        )


def test_rounds_of_different_campaigns_add_up():
    charges = [Charge(2.0, 100.0, 50), Charge(1.0, 4200.0, 9000), Charge(5.0, 64.0, 4)]
    together = sum(Skellam(c.noise_multiplier, c.l2, c.dimension).divergences() for c in charges)
    assert epsilon_spent(charges, 1e-6) == pytest.approx(to_epsilon(together, 1e-6), rel=1e-9)
    assert epsilon_spent(charges, 1e-6) > max(epsilon_spent([charge], 1e-6) for charge in charges)
    assert epsilon_spent(charges, 1e-6) == epsilon_spent(reversed(charges), 1e-6)


def test_nothing_costs_nothing_and_no_noise_costs_all():
    assert epsilon_spent([], 1e-6) == 0.0
    assert epsilon_spent([Charge(0.0, 10.0, 3)], 1e-6) == math.inf
    assert (np.diff(divergences_at_orders(skellam_divergences(100.0, 5.0, 3))) >= -1e-12).all()


@pytest.mark.parametrize("delta", [0.0, 1.0, -1.0, math.nan])
def test_a_delta_that_is_none(delta):
    with pytest.raises(SettingError):
        epsilon_spent([Charge(1.0, 10.0, 3)], delta)
