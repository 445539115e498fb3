"""Smaller weights: by hand, with a threshold that is told or found, and an error that is smaller where it matters."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keyart.errors import SettingError
from keyart_federated.evaluation import Decisions, dr, dr_ratio, shrunk, shrunk_estimate
from keyart_federated.evaluation.shrinkage import FORMS

REWARD, LOGGED, TARGET = [1.0, 0.0, 1.0], [0.5, 0.25, 0.2], [0.25, 0.5, 0.6]  # weights 0.5, 2, 3
SHOWN, EXPECTED = [0.4, 0.1, 0.3], [0.2, 0.3, 0.5]


@pytest.mark.parametrize(
    ("form", "weights"),
    [
        ("switch", (0.5, 2.0, 0.0)),
        ("pessimistic", (0.5, 2.0, 2.5)),
        ("optimistic", (0.5 * 2.5 / 2.75, 2 * 2.5 / 6.5, 3 * 2.5 / 11.5)),
    ],
)
def test_by_hand(form, weights):
    told = shrunk(REWARD, LOGGED, TARGET, SHOWN, EXPECTED, form=form, threshold=2.5)
    residuals = np.array(REWARD) - np.array(SHOWN)
    assert told.value == pytest.approx(np.mean(EXPECTED) + np.mean(np.array(weights) * residuals))


def skewed(seed: int, n: int = 400) -> Decisions:
    """Weights up to 80, rewards of 0.2 at most, and a model that is nearly right."""
    rng = np.random.default_rng(seed)
    logged = np.array([0.9, 0.09, 0.01])
    target, quality = np.array([0.1, 0.1, 0.8]), np.array([0.1, 0.15, 0.2])
    shown = rng.choice(3, p=logged, size=n)
    predicted = 0.9 * quality + 0.01
    reward = (rng.random(n) < quality[shown]).astype(float)
    return Decisions.of(reward, logged[shown], target[shown], predicted[shown], np.full(n, float(target @ predicted)))


TRUTH = 0.1 * 0.1 + 0.1 * 0.15 + 0.8 * 0.2


@pytest.mark.parametrize(("form", "share"), [("switch", 1.0), ("pessimistic", 0.95), ("optimistic", 0.9)])
def test_the_found_threshold_pays_where_weights_are_wild(form, share):
    """A switch takes a weight away whole, for which there is rarely enough to say."""
    logs = [skewed(seed) for seed in range(200)]
    plain = np.array([dr_ratio(log).value for log in logs])
    small = [shrunk_estimate(log, form) for log in logs]
    error = np.sqrt(np.mean((np.array([one.value for one in small]) - TRUTH) ** 2))
    assert error < share * np.sqrt(np.mean((plain - TRUTH) ** 2))
    assert np.mean([one.low <= TRUTH <= one.high for one in small]) > 0.93


def test_where_weights_are_tame_it_is_dr():
    rng = np.random.default_rng(3)
    arrays = ((rng.random(3000) < 0.3).astype(float), np.full(3000, 0.5), rng.choice([0.4, 0.6], 3000))
    predicted = np.full(3000, 0.1)  # wrong, so that the bias would show
    plain = dr(*arrays, predicted, predicted)
    for form in FORMS:
        assert shrunk(*arrays, predicted, predicted, form=form).value == pytest.approx(plain.value, abs=1e-3)


@pytest.mark.parametrize(
    ("form", "threshold"), [("none", 1.0), ("switch", 0.0), ("switch", -1), ("switch", math.nan)]
)
def test_forms_and_thresholds_that_are_none(form, threshold):
    with pytest.raises(SettingError, match="switch, optimistic, pessimistic"):
        shrunk(REWARD, LOGGED, TARGET, SHOWN, EXPECTED, form=form, threshold=threshold)


def test_a_threshold_below_all_weights_leaves_the_prediction():
    told = shrunk(REWARD, LOGGED, TARGET, SHOWN, EXPECTED, form="switch", threshold=0.1)
    assert told.value == pytest.approx(np.mean(EXPECTED))


def test_interval_and_error_are_those_of_dr():
    log = skewed(1)
    whole = dr_ratio(log).estimate()
    told = shrunk_estimate(log)
    assert told.value != whole.value
    assert (told.low, told.high, told.standard_error) == (whole.low, whole.high, whole.standard_error)
    outside = shrunk_estimate(log, "switch", 1e-9)
    assert outside.low <= outside.value <= outside.high
