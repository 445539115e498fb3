"""Reading an evaluation's sum: intervals that hold, with noise and without, and refusals where none would."""

from __future__ import annotations

import math

import numpy as np
import pytest

import keyart
from keyart.campaigns.kinds.evaluation import (
    EVALUATION_PART_MAXIMA,
    EVALUATION_PART_NORM,
    EvaluationLayout,
    evaluation_vector,
)
from keyart.errors import FederatedError, RoundFailed
from keyart_federated.campaigns.evaluation import EvaluationEstimate, estimate

UNITS = 4096
PICTURES, DECISIONS = 4, 12
LOGGED = np.array([0.55, 0.25, 0.15, 0.05])
CANDIDATE = np.array([0.10, 0.20, 0.60, 0.10])
QUALITY = np.array([0.10, 0.15, 0.30, 0.05])
TRUTH = float(CANDIDATE @ QUALITY)


def sums(rng: np.random.Generator, replications: int, devices: int, deviation: float = 0.0) -> np.ndarray:
    """[replications, 7] integers: devices whose taste differs, so that what each decision earns does, too."""
    liking = rng.uniform(0.2, 1.8, (replications, devices, 1))  # mean 1: the truth stays what it is
    shown = rng.choice(PICTURES, p=LOGGED, size=(replications, devices, DECISIONS))
    r = rng.random(shown.shape) < QUALITY[shown] * liking
    w = (CANDIDATE / LOGGED)[shown]
    a, b = w.mean(-1), (w * r).mean(-1)
    of = {
        "devices": np.ones_like(a),
        "logged": r.mean(-1),
        "weight": a,
        "rewarded": b,
        "weight_weight": a**2,
        "rewarded_rewarded": b**2,
        "weight_rewarded": a * b,
    }
    exact = (
        np.stack([of[name] / EVALUATION_PART_MAXIMA[name] for name in EvaluationLayout().sizes], axis=-1)
        * EVALUATION_PART_NORM
        * UNITS
    )
    integers = np.floor(exact + rng.random(exact.shape)).astype(np.int64).sum(axis=1)
    return integers + np.rint(rng.normal(0, deviation, integers.shape)).astype(np.int64)


@pytest.mark.parametrize(("devices", "deviation"), [(1500, 0.0), (1500, 4.0 * UNITS)], ids=["exact", "noised"])
def test_the_interval_holds_the_truth_as_often_as_it_says(devices, deviation):
    rng = np.random.default_rng(12)
    totals = np.concatenate([sums(rng, 50, devices, deviation) for _ in range(6)])
    found = [estimate(total, UNITS, devices, deviation**2) for total in totals]
    inside = [low <= TRUTH <= high for low, high in (one.interval() for one in found)]
    assert 0.92 <= np.mean(inside) <= 0.985  # 95 %, and two and a half deviations of 300 replications
    values = np.array([one.value for one in found])
    assert abs(values.mean() - TRUTH) < 4 * values.std() / len(values) ** 0.5 + 1e-3  # a ratio is biased by 1 / n
    assert values.std() == pytest.approx(np.mean([one.standard_error for one in found]), rel=0.15)
    assert np.mean([one.devices for one in found]) == pytest.approx(devices, rel=0.01)
    assert np.mean([one.logged_value for one in found]) == pytest.approx(LOGGED @ QUALITY, rel=0.03)


def test_without_noise_it_is_the_plain_estimate():
    w = [np.array([1.0, 3.0]), np.array([0.5]), np.array([])]
    r = [np.array([1.0, 0.0]), np.array([1.0]), np.array([])]
    big = 1 << 40  # rounding does not show
    exact = sum(evaluation_vector(EvaluationLayout(), one, two) for one, two in zip(w, r, strict=True))
    told = estimate(np.rint(exact * big).astype(np.int64), big, 3, 0.0)
    value = (0.5 + 0.5) / (2.0 + 0.5)
    assert told.value == pytest.approx(value)
    spread = (0.5 - value * 2.0) ** 2 + (0.5 - value * 0.5) ** 2
    assert told.standard_error == pytest.approx(math.sqrt(spread) / 2.5)
    assert told.logged_value == pytest.approx((0.5 + 1.0) / 2)
    assert told.effective == pytest.approx(2.5**2 / (2.0**2 + 0.5**2))
    assert told.devices == pytest.approx(2)


def test_it_refuses_what_no_interval_would_hold():
    rng = np.random.default_rng(14)
    (total,) = sums(rng, 1, 1000)
    with pytest.raises(FederatedError, match="drowns"):
        estimate(total, UNITS, 1000, (400.0 * UNITS) ** 2)
    with pytest.raises(FederatedError, match="differ"):
        estimate(sums(rng, 1, 60)[0], UNITS, 60, (0.1 * UNITS) ** 2)
    apart = sum(evaluation_vector(EvaluationLayout(), np.full(3, 0.01), np.ones(3)) for _ in range(100))
    with pytest.raises(FederatedError, match="hardly shown"):
        estimate(np.rint(apart * UNITS * 1e6).astype(np.int64), int(UNITS * 1e6), 100, 0.0)
    nobody = np.zeros(7, dtype=np.int64)
    with pytest.raises(FederatedError, match="drowns"):
        estimate(nobody, UNITS, 10, 0.0)


@pytest.mark.parametrize(
    ("size", "units", "devices", "variance"),
    [(6, UNITS, 10, 0.0), (7, 0, 10, 0.0), (7, UNITS, 0, 0.0), (7, UNITS, 10, math.nan), (7, UNITS, 10, -1.0)],
)
def test_sums_of_another_shape(size, units, devices, variance):
    with pytest.raises(RoundFailed):
        estimate(np.ones(size, dtype=np.int64), units, devices, variance)


def test_intervals():
    told = EvaluationEstimate(0.2, 0.01, 0.1, 100, 120)
    assert told.interval() == pytest.approx((0.2 - 0.0195996, 0.2 + 0.0195996))
    assert told.interval(0.5) == pytest.approx((0.2 - 0.0067449, 0.2 + 0.0067449))
    for level in (0, 1, 1.5, math.nan):
        with pytest.raises(keyart.errors.SettingError):
            told.interval(level)
