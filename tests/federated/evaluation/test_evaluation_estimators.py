"""IPS, SNIPS, DR: as a hand works them out, and what they must never depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyart.errors import InputError, SettingError
from keyart_federated.evaluation import Decisions, Estimate, dr, dr_ratio, ips, snips, snips_ratio

REWARD, LOGGED, TARGET = [1.0, 0.0, 1.0], [0.5, 0.25, 0.2], [0.25, 0.5, 0.6]  # weights 0.5, 2, 3
SHOWN, EXPECTED = [0.4, 0.1, 0.3], [0.2, 0.3, 0.5]


def log(n: int, seed: int = 0, pictures: int = 4) -> tuple[np.ndarray, ...]:
    """Rewards, propensities, target probabilities, and predictions of a model that is somewhat wrong."""
    rng = np.random.default_rng(seed)
    logged, target = rng.dirichlet(np.full(pictures, 3.0)), rng.dirichlet(np.full(pictures, 3.0))
    quality = rng.uniform(0.1, 0.4, pictures)
    predicted = 0.7 * quality + 0.05
    shown = rng.choice(pictures, p=logged, size=n)
    reward = (rng.random(n) < quality[shown]).astype(float)
    return reward, logged[shown], target[shown], predicted[shown], np.full(n, float(target @ predicted))


def test_by_hand():
    assert ips(REWARD, LOGGED, TARGET).value == pytest.approx(3.5 / 3)
    assert snips(REWARD, LOGGED, TARGET).value == pytest.approx(3.5 / 5.5)
    by_hand = (0.2 + 0.5 * 0.6 + 0.3 - 2 * 0.1 + 0.5 + 3 * 0.7) / 3
    assert dr(REWARD, LOGGED, TARGET, SHOWN, EXPECTED).value == pytest.approx(by_hand)


def test_a_prediction_of_the_decision_needs_no_other():
    of_decision = np.linspace(0.1, 0.4, len(REWARD))
    alone = dr(REWARD, LOGGED, TARGET, of_decision)
    assert alone == dr(REWARD, LOGGED, TARGET, of_decision, of_decision)
    assert alone.value != pytest.approx(ips(REWARD, LOGGED, TARGET).value)


def test_error_and_effective_decisions_by_hand():
    told, value = snips(REWARD, LOGGED, TARGET), 3.5 / 5.5
    squares = (0.5 * (1 - value)) ** 2 + (2 * value) ** 2 + (3 * (1 - value)) ** 2
    assert told.standard_error == pytest.approx(math.sqrt(squares) / 5.5)
    assert told.effective == pytest.approx(5.5**2 / (0.25 + 4 + 9))


@pytest.mark.parametrize("estimator", [ips, snips, dr])
def test_an_estimate_lies_in_its_interval(estimator):
    for seed in range(5):
        arrays = log(400, seed)
        told = estimator(*arrays) if estimator is dr else estimator(*arrays[:3])
        assert isinstance(told, Estimate)
        assert told.low < told.value < told.high
        wider = estimator(*arrays, level=0.99) if estimator is dr else estimator(*arrays[:3], level=0.99)
        assert wider.low < told.low and told.high < wider.high


def test_a_policy_judged_on_its_own_log_earns_what_the_log_did():
    reward, logged, *_ = log(300)
    for estimator in (ips, snips):
        told = estimator(reward, logged, logged)
        assert told.value == pytest.approx(reward.mean())
        assert told.effective == pytest.approx(300)


def test_a_model_that_knows_all_leaves_no_doubt_but_that_of_who_came():
    _, logged, target, *_ = log(300)
    expected = np.random.default_rng(1).uniform(0, 1, 300)
    told = dr(np.full(300, 0.3), logged, target, np.full(300, 0.3), expected)
    assert told.value == pytest.approx(expected.mean())
    assert told.standard_error == pytest.approx(expected.std() / math.sqrt(300))


@given(st.integers(0, 10_000), st.floats(-5, 5), st.floats(0.1, 5))
def test_snips_moves_with_the_rewards(seed, shift, scale):
    """Which IPS does not: added to all rewards, 1 is worth what the weights happen to add up to."""
    reward, logged, target, *_ = log(60, seed)
    value = snips_ratio(Decisions.of(reward, logged, target)).value
    moved = snips_ratio(Decisions.of(scale * reward + shift, logged, target)).value
    assert moved == pytest.approx(scale * value + shift, abs=1e-9)


@given(st.integers(0, 10_000), st.floats(0.1, 1.0))
def test_snips_knows_weights_up_to_a_factor(seed, factor):
    reward, logged, target, *_ = log(60, seed)
    whole = snips_ratio(Decisions.of(reward, logged, target)).value
    assert snips_ratio(Decisions.of(reward, logged, factor * target)).value == pytest.approx(whole)


def test_without_predictions_dr_is_ips():
    reward, logged, target, *_ = log(100)
    nothing = np.zeros(100)
    assert dr(reward, logged, target, nothing, nothing) == ips(reward, logged, target)


def test_groups_join_what_depends_on_each_other():
    """A log in which each decision stands twice knows no more than once, if one says so."""
    arrays = [np.repeat(x, 2) for x in log(400)]
    once, apart = snips(*log(400)[:3]), snips(*arrays[:3])
    joined = snips(*arrays[:3], groups=[f"device {n}" for n in np.repeat(np.arange(400), 2)])
    assert joined.value == once.value == pytest.approx(apart.value)
    assert joined.standard_error == pytest.approx(once.standard_error)
    assert apart.standard_error == pytest.approx(once.standard_error / math.sqrt(2))
    assert (joined.low, joined.high) == pytest.approx((once.low, once.high), rel=0.01)
    assert dr_ratio(Decisions.of(*arrays, groups=np.repeat(np.arange(400), 2))).value == dr(*log(400)).value


def test_the_difference_of_two_takes_out_what_they_have_in_common():
    reward, logged, target, *_ = log(3000)
    decisions = Decisions.of(reward, logged, target)
    same = snips_ratio(decisions).minus(snips_ratio(decisions))
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    apart = snips_ratio(decisions).minus(decisions.logged())
    assert apart.value == pytest.approx(snips(reward, logged, target).value - reward.mean())
    assert apart.standard_error < math.hypot(
        snips(reward, logged, target).standard_error, decisions.logged().estimate().standard_error
    )


WRONG = {
    "not as many": ([1.0], LOGGED, TARGET),
    "nothing": ([], [], []),
    "a table": ([REWARD], [LOGGED], [TARGET]),
    "no number": (["much", 0, 0], LOGGED, TARGET),
    "a NaN": ([math.nan, 0, 0], LOGGED, TARGET),
    "infinite": ([math.inf, 0, 0], LOGGED, TARGET),
    "a propensity of 0": (REWARD, [0.5, 0.0, 0.2], TARGET),
    "a propensity above 1": (REWARD, [0.5, 1.1, 0.2], TARGET),
    "a propensity that is next to 0": (REWARD, [0.5, 1e-300, 0.2], TARGET),
    "a reward beyond measure": ([1e300, 0, 0], LOGGED, TARGET),
    "a propensity below 0": (REWARD, [0.5, -0.1, 0.2], TARGET),
    "a propensity that is NaN": (REWARD, [0.5, math.nan, 0.2], TARGET),
    "a target below 0": (REWARD, LOGGED, [0.25, -0.5, 0.6]),
    "a target above 1": (REWARD, LOGGED, [0.25, 1.5, 0.6]),
    "one decision": ([1.0], [0.5], [0.5]),
    "nothing at all": (None, LOGGED, TARGET),
}


@pytest.mark.parametrize("arrays", WRONG.values(), ids=WRONG)
def test_arrays_that_are_no_log(arrays):
    for estimator in (ips, snips):
        with pytest.raises(InputError):
            estimator(*arrays)


def test_a_mistake_is_told_with_its_place():
    with pytest.raises(InputError, match="propensity of decision 2 is 0; it must be from 1e-09 to 1"):
        snips(REWARD, [0.5, 0.0, 0.2], TARGET)
    with pytest.raises(InputError, match=r"predicted reward is \(2,\); give 3"):
        dr(REWARD, LOGGED, TARGET, [0.1, 0.2], EXPECTED)
    with pytest.raises(InputError, match="device of decision 2 is a NaN"):
        snips(REWARD, LOGGED, TARGET, groups=[1.0, math.nan, 2.0])
    with pytest.raises(InputError, match="shape of groups"):
        snips(REWARD, LOGGED, TARGET, groups=[1, 2])
    with pytest.raises(InputError, match="One decision, or one device"):
        snips(REWARD, LOGGED, TARGET, groups=["a", "a", "a"])


def test_groups_of_any_kind():
    for groups in (["a", "b", "b"], [1, 2, 2], [None, 3, 3], [b"x", b"y", b"y"]):
        assert Decisions.of(REWARD, LOGGED, TARGET, groups=groups).units == 2


@pytest.mark.parametrize("level", [0, 1, -1, 1.5, math.nan])
def test_levels_that_are_none(level):
    with pytest.raises(SettingError):
        snips(REWARD, LOGGED, TARGET, level=level)


def test_float32_may_be_above_one_by_rounding():
    assert snips([1, 0], [1 + 1e-7, 1.0], [1.0, 1 + 1e-7]).value == pytest.approx(0.5)
