"""ε of sampled Gaussian rounds against dp-accounting, and the least noise for an ε."""

from __future__ import annotations

import itertools
import logging
import math
from collections import Counter

import numpy as np
import pytest

from keyart.errors import SettingError
from keyart_federated.accounting import (
    ORDERS,
    Gaussian,
    Skellam,
    composed,
    composed_by_draw,
    epsilon,
    noise_for,
    skellam_epsilon,
    to_epsilon,
)

# 200 points: dp-accounting's PLD takes seconds where little noise meets many full rounds, so those are fewer.
GRID = [
    *itertools.product((0.6, 1.0, 1.5, 3.0), (0.001, 0.01, 0.1, 0.3), (1, 10, 100, 1000), (1e-5, 1e-6, 1e-10)),
    *((1.0, 1.0, 1, 1e-6), (0.5, 1.0, 10, 1e-6), (2.0, 1.0, 10, 1e-10), (30.0, 1.0, 20, 1e-6)),
    *((5.0, 0.9, 50, 1e-5), (0.4, 0.05, 5, 1e-8), (50.0, 0.5, 100, 1e-6), (1.0, 1e-5, 100, 1e-6)),
]


def peers(noise: float, rate: float, rounds: int, delta: float) -> tuple[float, float]:
    import dp_accounting  # which takes a second that only this test needs
    from dp_accounting.pld import PLDAccountant
    from dp_accounting.rdp import RdpAccountant

    event: dp_accounting.DpEvent = dp_accounting.GaussianDpEvent(noise)
    if rate < 1:
        event = dp_accounting.PoissonSampledDpEvent(rate, event)
    found = []
    for accountant in (PLDAccountant(), RdpAccountant()):
        accountant.compose(dp_accounting.SelfComposedDpEvent(event, rounds))
        found.append(float(accountant.get_epsilon(delta)))
    return found[0], found[1]


def check(points: list[tuple[float, float, int, float]]) -> None:
    for point in points:
        pld, rdp = peers(*point)
        assert pld <= epsilon(*point) <= 1.01 * rdp, point


def test_the_grid_has_200_points() -> None:
    assert len(set(GRID)) == 200


def test_between_pld_and_rdp() -> None:
    """Points that cost dp-accounting little."""
    check([(3.0, 0.01, 10, 1e-6), (1.0, 0.1, 10, 1e-5), (2.0, 1.0, 10, 1e-10)])


@pytest.mark.slow
def test_between_pld_and_rdp_on_a_part_of_the_grid() -> None:
    check(GRID[:192:27] + GRID[192:])


@pytest.mark.soak
def test_between_pld_and_rdp_on_the_whole_grid() -> None:
    check(GRID)


def test_reference_point() -> None:
    assert epsilon(1.0, 0.01, 1000, 1e-6) == pytest.approx(2.44, abs=0.005)


def test_edges() -> None:
    assert epsilon(1.0, 0.01, 0, 1e-6) == 0
    assert epsilon(0.0, 0.01, 0, 1e-6) == 0
    assert epsilon(1.0, 0.0, 10, 1e-6) == 0
    assert epsilon(0.0, 0.5, 1, 1e-6) == math.inf
    assert skellam_epsilon(0.0, 10, 5, 1, 1e-6) == math.inf
    assert skellam_epsilon(1.0, 10, 5, 0, 1e-6) == 0
    assert skellam_epsilon(0.0, 10, 5, 3, 1e-6, sampling_rate=0.0) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((-1.0, 0.1, 1, 1e-6), "noise multiplier"),
        ((math.nan, 0.1, 1, 1e-6), "noise multiplier"),
        ((math.inf, 0.1, 1, 1e-6), "noise multiplier"),
        ((1.0, 1.1, 1, 1e-6), "sampling rate"),
        ((1.0, math.nan, 1, 1e-6), "sampling rate"),
        ((1.0, 0.1, -1, 1e-6), "rounds"),
        ((1.0, 0.1, 1, 0.0), "delta"),
        ((1.0, 0.1, 1, 1.0), "delta"),
        ((1.0, 0.1, 0, math.nan), "delta"),
    ],
)
def test_wrong_settings(arguments, told) -> None:
    with pytest.raises(SettingError, match=told):
        epsilon(*arguments)


def test_wrong_settings_of_skellam() -> None:
    for l2, dimension in ((0.0, 3), (-1.0, 3), (math.inf, 3), (3.0, 0)):
        with pytest.raises(SettingError):
            skellam_epsilon(1.0, l2, dimension, 1, 1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {},
        pytest.param({"sampling_rate": 0.1}, marks=pytest.mark.slow),
        {"l2": 40.0, "dimension": 300},
        {"l2": 40.0, "dimension": 300, "sampling_rate": 0.1},
    ],
)
def test_noise_is_enough_and_no_more(options) -> None:
    noise = noise_for(4.0, 1e-6, 10, **options)

    def spent(noise: float) -> float:
        if "l2" in options:
            return skellam_epsilon(
                noise, options["l2"], options["dimension"], 10, 1e-6, options.get("sampling_rate", 1)
            )
        return epsilon(noise, options.get("sampling_rate", 1), 10, 1e-6)

    assert spent(noise) <= 4.0 < spent(noise * (1 - 1e-5))


def test_noise_grows_with_rounds_and_shrinks_with_epsilon() -> None:
    assert noise_for(2, 1e-6, 1) < noise_for(2, 1e-6, 10) < noise_for(1, 1e-6, 10)


def test_noise_that_there_is_not() -> None:
    for wrong in ({"epsilon": 0.0}, {"epsilon": math.inf}, {"rounds": 0}, {"l2": 3.0}, {"dimension": 3}):
        with pytest.raises(SettingError):
            noise_for(**{"epsilon": 1.0, "delta": 1e-6, "rounds": 1, **wrong})
    with pytest.raises(SettingError, match="No noise below"):
        noise_for(1e-9, 1e-12, 10_000)


def test_rounds_compose_by_addition() -> None:
    once = Gaussian(2.0).divergences()
    assert once.shape == (len(ORDERS),)
    assert to_epsilon(once + once, 1e-6) == epsilon(2.0, 1.0, 2, 1e-6) < 2 * epsilon(2.0, 1.0, 1, 1e-6)


def test_nothing_is_logged_for_orders_that_do_not_converge(caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        epsilon(0.701, 0.1, 100, 1e-6)
    assert caplog.records == []
    assert not logging.getLogger("absl").disabled


def test_what_asks_different_draws_is_counted_for_whoever_loses_most():
    rng = np.random.default_rng(3)
    mechanisms = [Gaussian(2.0), Skellam(3.0, 64.0, 8), Gaussian(5.0)]
    for _ in range(20):
        edges = np.sort(rng.integers(0, 9, (7, 2)) / 8, axis=1)
        events = [(mechanisms[k % 3], float(low), float(high)) for k, (low, high) in enumerate(edges) if low < high]
        of_draw = (
            composed(Counter(event for event, low, high in events if low <= draw < high).items(), 1e-6)
            for draw in np.arange(0, 1, 1 / 16)
        )
        assert composed_by_draw(Counter(events), 1e-6) == pytest.approx(max(of_draw), rel=1e-12)
    assert composed_by_draw({}, 1e-6) == 0.0
    halves = [(mechanisms[0], 0.0, 0.5), (mechanisms[0], 0.5, 1.0)]
    assert composed_by_draw(Counter(halves), 1e-6) == composed([(mechanisms[0], 1)], 1e-6)
