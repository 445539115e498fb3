"""A budget and its plan: all of the budget is spent, no more of it, and the survivors' noise alone pays for it."""

from __future__ import annotations

import math

import pytest

from keyart.campaigns.budget import Charge, spent
from keyart.dp.clip import UNITS, integer_norm
from keyart.errors import SettingError
from keyart_federated.accounting import to_epsilon
from keyart_federated.accounting.privacy import Plan, Privacy

TRAINING, POPULATION = 1500, 400  # entries

CASES = [
    # ε, δ, rounds, devices, share
    (4.0, 1e-5, 3, 60, 1.0),
    (1.0, 1e-6, 20, 2_000, 1.0),
    (8.0, 1e-6, 20, 20_000, 1.0),
    (16.0, 1e-6, 40, 50_000, 1.0),
    (0.2, 1e-8, 10, 20_000, 1.0),
    (8.0, 1e-6, 20, 20_000, 0.25),
]


def planned(case: tuple[float, float, int, int, float], **settings: float) -> tuple[Privacy, Plan]:
    epsilon, delta, rounds, devices, share = case
    privacy = Privacy(epsilon, delta, **settings)
    return privacy, Plan.of(privacy, rounds, devices, share, TRAINING, POPULATION)


@pytest.mark.parametrize("case", CASES)
def test_a_plan_spends_what_was_asked_for(case):
    privacy, plan = planned(case)
    divergences = len(plan.rounds) * plan.training.divergences() + plan.population.divergences()
    assert 0.98 * privacy.epsilon <= to_epsilon(divergences, privacy.delta) <= privacy.epsilon


@pytest.mark.parametrize("case", [case for case in CASES if case[-1] == 1.0])
def test_a_device_s_own_account_agrees(case):
    """It counts by `keyart.campaigns.budget`, and every round in full."""
    privacy, plan = planned(case)
    events = [plan.training] * len(plan.rounds) + [plan.population]
    charges = [Charge(event.noise_multiplier, event.l2, event.dimension) for event in events]
    assert 0.98 * privacy.epsilon <= spent(charges, privacy.delta) <= privacy.epsilon * (1 + 1e-9)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("threshold", [0.6, 0.8, 1.0])
def test_the_survivors_noise_is_enough(case, threshold):
    *_, devices, share = case
    _, plan = planned(case, threshold=threshold)
    assert threshold * share * devices <= plan.survivors < threshold * share * devices + 1
    for event, size in ((plan.training, TRAINING), (plan.population, POPULATION)):
        assert (event.l2, event.dimension) == (integer_norm(UNITS, size), size)
        assert event.sampling_rate == share
        needed = (event.noise_multiplier * event.l2) ** 2
        each = plan.variance(event)
        assert isinstance(each, int) and needed <= each * plan.survivors < needed + plan.survivors


@pytest.mark.parametrize("rounds", [1, 2, 3, 7, 20, 100])
@pytest.mark.parametrize("most", [None, 1, 4])
def test_rounds_are_of_the_campaign_and_no_more_than_asked(rounds, most):
    _, plan = planned((4.0, 1e-6, rounds, 2_000, 1.0), rounds=most)
    assert plan.rounds == tuple(sorted(set(plan.rounds)))
    assert plan.rounds[0] >= 1 and plan.rounds[-1] <= rounds
    assert len(plan.rounds) <= min(rounds, most or rounds)


def test_a_campaign_of_few_rounds_trains_after_each():
    assert planned(CASES[0])[1].rounds == (1, 2, 3)


@pytest.mark.parametrize(
    ("devices", "epsilon", "clip"),
    [(500, 8.0, 0.5), (2_000, 8.0, 0.5), (2_000, 1.0, 0.5), (8_000, 8.0, 1.0), (20_000, 8.0, 1.58), (10**6, 8, 2)],
)
def test_a_large_fleet_is_clipped_less(devices, epsilon, clip):
    assert planned((epsilon, 1e-6, 20, devices, 1.0))[1].clip == pytest.approx(clip, abs=0.01)
    assert planned((epsilon, 1e-6, 20, devices, 1.0), clip=0.7)[1].clip == 0.7


def test_noise_grows_with_what_is_asked_of_it():
    def noise(**changes: float) -> float:
        base = {"epsilon": 4.0, "delta": 1e-6, "rounds": 20, "devices": 2_000, "share": 1.0}
        _, plan = planned(tuple({**base, **changes}.values()), rounds=5)
        return plan.training.noise_multiplier

    assert noise(epsilon=2.0) > noise() > noise(epsilon=8.0)
    assert noise(delta=1e-9) > noise()
    assert noise(share=0.2) < noise()


@pytest.mark.parametrize(
    "wrong",
    [
        *({"epsilon": value} for value in (0.0, -1.0, math.nan, math.inf)),
        *({"delta": value} for value in (0.0, 1.0, -1e-6, math.nan)),
        *({"clip": value} for value in (0.0, -0.5, math.nan, math.inf)),
        *({"threshold": value} for value in (0.5, 0.0, 1.01, math.nan)),
        *({"rounds": value} for value in (0, -3)),
    ],
)
def test_privacy_refuses_nonsense(wrong):
    with pytest.raises(SettingError):
        Privacy(**{"epsilon": 4.0, "delta": 1e-6, **wrong})


def test_a_budget_that_no_noise_keeps_is_refused():
    with pytest.raises(SettingError, match="larger"):
        planned((1e-5, 1e-6, 20, 2_000, 1.0))


def test_privacy_keeps_what_it_is_given():
    privacy = Privacy(4.0, 1e-6, clip=0.3, threshold=0.7, rounds=3, masked=True)
    assert (privacy.epsilon, privacy.delta, privacy.clip, privacy.threshold) == (4.0, 1e-6, 0.3, 0.7)
    assert (privacy.rounds, privacy.masked) == (3, True)
