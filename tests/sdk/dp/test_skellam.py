"""Noise from tables of 128 bits: the exact distribution, added up over devices, without a floating-point number."""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from scipy import stats

from keyart.dp import skellam as module
from keyart.dp.skellam import BITS, MAX_TABLE_VARIANCE, MAX_VARIANCE, skellam_noise
from keyart.errors import SettingError

DRAWN = 200_000
LEAST_EXPECTED = 20.0  # of a bin of the chi-square test
STEP = mpmath.mpf(2) ** (1 - BITS)  # that a table may be off by: it is rounded down, and a test's own sums round too
RARE = 1e-6  # a test of the right distribution fails this often, over all seeds


def seeded(seed: int) -> Callable[[int], bytes]:
    return np.random.default_rng(seed).bytes


def exact(variance: int) -> stats.rv_discrete:
    return stats.skellam(variance / 2, variance / 2)


def bins_of(variance: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges of at most 200 intervals of integers, each with enough probability; and the probability of each."""
    reach = int(8 * variance**0.5) + 8
    edges = np.unique(np.linspace(-reach, reach, 200).astype(int)) + 0.5
    below = exact(variance).cdf(edges)
    kept = [0.0]  # cumulative; an edge that leaves too little on either side is left out
    for at in below:
        if (at - kept[-1]) * DRAWN > LEAST_EXPECTED < (1 - at) * DRAWN:
            kept.append(float(at))
    return edges[np.isin(below, kept[1:])], np.diff([*kept, 1.0])


def chi_square_p(values: np.ndarray, variance: int) -> float:
    edges, expected = bins_of(variance)
    counts = np.bincount(np.searchsorted(edges, values), minlength=len(expected))
    return float(stats.chisquare(counts, expected / expected.sum() * len(values)).pvalue)


VARIANCES = [1, 2, 3, 50, 4000, MAX_TABLE_VARIANCE, MAX_TABLE_VARIANCE + 40_001]


@pytest.mark.parametrize("variance", VARIANCES)
def test_it_is_the_exact_distribution(variance):
    values = skellam_noise(DRAWN, variance, seeded(variance))
    assert values.shape == (DRAWN,) and values.dtype == np.int64
    assert chi_square_p(values, variance) > RARE


@pytest.mark.parametrize("variance", [3, 4000, MAX_TABLE_VARIANCE + 40_001])
def test_the_test_sees_a_variance_that_is_five_percent_off(variance):
    assert chi_square_p(skellam_noise(DRAWN, -(-variance * 21 // 20), seeded(7)), variance) < RARE


@pytest.mark.parametrize("variance", [1, 50, 4000, MAX_TABLE_VARIANCE + 40_001])
def test_moments(variance):
    """Mean 0, variance v, fourth moment 3v² + v: of the difference of two Poisson variables."""
    x = skellam_noise(DRAWN, variance, seeded(1)).astype(np.float64) / variance**0.5
    kurtosis = 3 + 1 / variance
    assert abs(x.mean()) < 5 / DRAWN**0.5
    assert abs((x**2).mean() - 1) < 5 * ((kurtosis - 1) / DRAWN) ** 0.5
    # All even cumulants are the variance: of the divided variable 1, 1/v, 1/v², 1/v³.
    sixth, eighth = 15 + 15 / variance + 1 / variance**2, 105 + 210 / variance + 63 / variance**2 + 1 / variance**3
    assert abs((x**4).mean() - kurtosis) < 6 * (eighth / DRAWN) ** 0.5
    assert abs((x**3).mean()) < 6 * (sixth / DRAWN) ** 0.5


def cumulative(variance: int) -> tuple[int, list[int]]:
    least, high, low = module._table(variance)
    return least, [(int(upper) << 64) + lower for upper, lower in zip(high, low, strict=True)]


@pytest.mark.parametrize("variance", [1, 3, 50, 1000])
def test_a_table_is_exact_to_its_last_bit(variance):
    """Against e^(−v) I_k(v) at 240 bits, summed from below."""
    with mpmath.workprec(240):
        least, found = cumulative(variance)
        half = [mpmath.exp(-variance) * mpmath.besseli(k, variance) for k in range(-least + 1)]
        total, worst = mpmath.mpf(0), mpmath.mpf(0)
        for k, value in enumerate(found, start=least):
            total += half[abs(k)]
            worst = max(worst, abs(mpmath.mpf(value) / 2**BITS - total))
        assert worst < STEP
        assert 1 - total < STEP


@pytest.mark.parametrize("variance", [4000, MAX_TABLE_VARIANCE])
def test_a_long_table_is_exact_in_the_middle_and_far_out(variance):
    """By single probabilities: to sum all of them at this precision is slow."""
    with mpmath.workprec(240):
        least, found = cumulative(variance)
        assert len(found) == -2 * least
        for k in (-900, -512, -1, 0, 1, 63, 700):
            here = mpmath.mpf(found[k - least] - found[k - least - 1]) / 2**BITS
            assert abs(here - mpmath.exp(-variance) * mpmath.besseli(k, variance)) < STEP


@pytest.mark.parametrize("variance", [1, 3, 17, 4000, MAX_TABLE_VARIANCE])
def test_a_table_rises_and_ends_at_one(variance):
    least, found = cumulative(variance)
    assert found == sorted(found) and found[0] >= 0 and (1 << BITS) - found[-1] <= 2
    half = found[-least - 1] + found[-least]  # P(X < 0) + P(X ≤ 0): symmetric, so 1
    assert abs(half - (1 << BITS)) < 2


def scripted(*drawings: bytes) -> Callable[[int], bytes]:
    left = list(drawings)

    def random(size: int) -> bytes:
        data = left.pop(0)
        assert len(data) == size
        return data

    return random


def test_sixty_four_more_bits_decide_where_the_first_do_not():
    variance = 3
    least, found = cumulative(variance)
    place = -least + 2  # the cumulative probability of the value 2
    first = (found[place] >> 64).to_bytes(8, "little")
    low = found[place] & ((1 << 64) - 1)
    for more, expected in ((0, 2), (low - 1, 2), (low, 3), (low + 1, 3), ((1 << 64) - 1, 3)):
        drawn = skellam_noise(1, variance, scripted(first, more.to_bytes(8, "little")))
        assert drawn[0] == expected


def test_only_those_that_tie_draw_again():
    variance = 3
    least, found = cumulative(variance)
    high = found[-least] >> 64
    data = b"".join(number.to_bytes(8, "little") for number in (high - 1, high, high + 1))
    drawn = skellam_noise(3, variance, scripted(data, (0).to_bytes(8, "little")))
    np.testing.assert_array_equal(drawn, [0, 0, 1])


def test_the_tails_tie_among_many_places():
    """Where 64 bits hold the same number many times: all 0s, or all 1s, and the second 64 bits choose."""
    least, found = cumulative(50)
    zeros, ones = bytes(8), b"\xff" * 8
    assert skellam_noise(1, 50, scripted(zeros, zeros))[0] <= min(k for k, v in enumerate(found, least) if v)
    for more in (1 << 40, 1 << 60):
        expected = least + sum(value <= more for value in found)
        assert skellam_noise(1, 50, scripted(zeros, more.to_bytes(8, "little")))[0] == expected
    top = ((1 << 64) - 1) << 64
    more = 1 << 62
    expected = least + sum(value <= top + more for value in found)
    assert skellam_noise(1, 50, scripted(ones, more.to_bytes(8, "little")))[0] == expected


@pytest.mark.parametrize(("devices", "each"), [(7, 3), (20, 200), (3, 100_000)])
def test_the_sum_over_devices_is_noise_of_the_summed_variance(devices, each):
    total = sum(skellam_noise(DRAWN, each, seeded(n)) for n in range(devices))
    assert chi_square_p(total, devices * each) > RARE


def test_a_large_variance_is_split_without_loss(monkeypatch):
    asked = []
    whole = module._table
    monkeypatch.setattr(module, "_table", lambda variance: asked.append(variance) or whole(variance))
    skellam_noise(1, 5 * MAX_TABLE_VARIANCE + 3)
    assert sum(asked) == 5 * MAX_TABLE_VARIANCE + 3 and max(asked) <= MAX_TABLE_VARIANCE and len(asked) == 6


def test_no_variance_is_no_noise_and_takes_no_randomness():
    def none(size: int) -> bytes:
        raise AssertionError

    np.testing.assert_array_equal(skellam_noise(5, 0, none), np.zeros(5))


def test_an_empty_vector():
    assert skellam_noise(0, 50).shape == (0,)


@pytest.mark.parametrize("variance", [-1, MAX_VARIANCE + 1, 1 << 80])
def test_refuses_a_variance_out_of_range(variance):
    with pytest.raises(SettingError, match="variance"):
        skellam_noise(1, variance)


def test_randomness_is_the_operating_systems():
    assert inspect.signature(skellam_noise).parameters["random"].default is os.urandom
    assert (skellam_noise(200, 4000) != skellam_noise(200, 4000)).any()


def test_entries_are_independent():
    values = skellam_noise(DRAWN, 50, seeded(11)).astype(np.float64)
    for lag in (1, 2, 7):
        assert abs(np.corrcoef(values[:-lag], values[lag:])[0, 1]) < 5 / DRAWN**0.5


def test_no_floating_point_number_is_in_it():
    """But the length of the table: a square root that is too long by a step or two changes nothing."""
    tree = ast.parse(inspect.getsource(module))
    floats = [
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, float)
    ]
    divisions = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)]
    assert floats == [0.5] and not divisions
    _, high, low = module._table(4000)
    assert high.dtype == np.uint64 and all(isinstance(value, int) for value in low)
