"""A budget, its plan and its noise: all of the budget is spent, no more of it, and survivors alone pay for it."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from keyart.campaigns.budget import Charge, epsilon_spent
from keyart.dp.clip import UNITS, integer_norm
from keyart.errors import SettingError
from keyart_federated.accounting import Skellam, to_epsilon
from keyart_federated.accounting.privacy import (
    MASKED_DEVICES,
    MIN_SUM,
    POPULATION_SHARE,
    Privacy,
    TrainingPlan,
    cowatch_exchanges,
    shows_artwork_latents,
)
from keyart_federated.campaigns.campaign import Campaign
from keyart_federated.campaigns.noise import Part, split

TRAINING, POPULATION = 1500, 400  # entries
NOW = datetime(2026, 1, 1, tzinfo=UTC)

CASES = [
    # ε, δ, rounds, devices of a cohort
    (4.0, 1e-5, 3, 60),
    (1.0, 1e-6, 20, 2_000),
    (8.0, 1e-6, 20, 20_000),
    (16.0, 1e-6, 40, 50_000),
    (0.2, 1e-8, 10, 20_000),
    (8.0, 1e-6, 20, 5_000),
]


def planned(case: tuple[float, float, int, int], **settings: float) -> TrainingPlan:
    epsilon, delta, rounds, devices = case
    return TrainingPlan.of(Privacy(epsilon, delta, **settings), rounds, devices)


def events(case: tuple[float, float, int, int], rounds: int) -> tuple[Skellam, Skellam]:
    """Return the privacy cost of each sum of a campaign: of the population, and of a round of training."""
    epsilon, delta, _, _ = case
    campaign = Campaign("c", "Spring", "training", "running", epsilon, delta, rounds, NOW, NOW)
    population, training = split(
        campaign, Part(POPULATION_SHARE, 1, POPULATION), Part(1 - POPULATION_SHARE, rounds, TRAINING)
    )
    return population, training


@pytest.mark.parametrize("case", CASES)
def test_a_campaign_spends_what_was_asked_for(case):
    rounds = len(planned(case).rounds)
    population, training = events(case, rounds)
    divergences = rounds * training.divergences() + population.divergences()
    assert 0.98 * case[0] <= to_epsilon(divergences, case[1]) <= case[0]


@pytest.mark.parametrize("case", CASES)
def test_a_devices_own_account_agrees(case):
    """It counts by `keyart.campaigns.budget`, and every round in full."""
    rounds = len(planned(case).rounds)
    population, training = events(case, rounds)
    charges = [Charge(one.noise_multiplier, one.l2, one.dimension) for one in (population, *[training] * rounds)]
    assert 0.98 * case[0] <= epsilon_spent(charges, case[1]) <= case[0] * (1 + 1e-9)


@pytest.mark.parametrize("case", CASES)
def test_each_sum_is_of_vectors_at_the_clip(case):
    for event, size in zip(events(case, 5), (POPULATION, TRAINING), strict=True):
        assert (event.l2, event.dimension) == (integer_norm(UNITS, size), size)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("threshold", [0.6, 0.8, 1.0])
def test_the_noise_counts_on_the_devices_at_the_threshold(case, threshold):
    plan, devices = planned(case, threshold=threshold), case[-1]
    assert threshold * devices <= plan.minimum_devices < threshold * devices + 1
    assert plan.cohort == devices
    assert 500 < plan.threshold_permille <= 1000 * threshold + 1


@pytest.mark.parametrize("devices", [1, 2])
def test_a_sum_is_never_of_one_device(devices):
    for privacy in (None, Privacy(4.0, 1e-6, threshold=0.6)):
        plan = TrainingPlan.of(privacy, 3, devices)
        assert plan.cohort >= MIN_SUM and plan.minimum_devices >= MIN_SUM


@pytest.mark.parametrize("rounds", [1, 2, 3, 7, 20, 100])
@pytest.mark.parametrize("most", [None, 1, 4])
def test_rounds_are_of_the_campaign_and_no_more_than_asked(rounds, most):
    plan = planned((4.0, 1e-6, rounds, 2_000), rounds=most)
    assert plan.rounds == tuple(sorted(set(plan.rounds)))
    assert plan.rounds[0] >= 1 and plan.rounds[-1] <= rounds
    assert len(plan.rounds) <= min(rounds, most or rounds)


def test_a_campaign_of_few_rounds_trains_after_each():
    assert planned(CASES[0]).rounds == (1, 2, 3)


def test_without_privacy_it_trains_after_each_round_and_clips_nothing():
    plan = TrainingPlan.of(None, 12, 500)
    assert plan.rounds == tuple(range(1, 13)) and plan.clip is None and not plan.masked


@pytest.mark.parametrize(
    ("devices", "epsilon", "clip"),
    [(500, 8.0, 0.5), (2_000, 8.0, 0.5), (2_000, 1.0, 0.5), (8_000, 8.0, 1.0), (20_000, 8.0, 1.58), (10**6, 8, 2)],
)
def test_a_large_fleet_is_clipped_less(devices, epsilon, clip):
    assert planned((epsilon, 1e-6, 20, devices)).clip == pytest.approx(clip, abs=0.01)
    assert planned((epsilon, 1e-6, 20, devices), clip=0.7).clip == 0.7


def test_small_fleets_are_masked_unless_told():
    assert planned((4.0, 1e-6, 3, MASKED_DEVICES)).masked
    assert not planned((4.0, 1e-6, 3, MASKED_DEVICES + 1)).masked
    assert not planned((4.0, 1e-6, 3, 16), masked=False).masked
    assert planned((4.0, 1e-6, 3, 10 * MASKED_DEVICES), masked=True).masked


def test_noise_grows_with_what_is_asked_of_it():
    def noise(epsilon: float = 4.0, delta: float = 1e-6, rounds: int = 5) -> float:
        return events((epsilon, delta, rounds, 2_000), rounds)[1].noise_multiplier

    assert noise(epsilon=2.0) > noise() > noise(epsilon=8.0)
    assert noise(delta=1e-9) > noise()
    assert noise(rounds=10) > noise()


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
        events((1e-5, 1e-6, 20, 2_000), 20)


def test_privacy_keeps_what_it_is_given():
    privacy = Privacy(4.0, 1e-6, clip=0.3, threshold=0.7, rounds=3, masked=True)
    assert (privacy.epsilon, privacy.delta, privacy.clip, privacy.threshold) == (4.0, 1e-6, 0.3, 0.7)
    assert (privacy.rounds, privacy.masked) == (3, True)


@pytest.mark.parametrize("titles", [80, 1000])
def test_latents_are_asked_for_as_far_as_noise_shows_them(titles):
    """No exchange where noise hides them, two where it is what matters, five where it is faint; and never fewer for a
    larger fleet, a larger budget or a smaller catalogue."""
    devices, budgets = (500, 5_000, 50_000, 500_000, 5_000_000), (0.5, 2.0, 8.0, 100.0, 1e6)
    found = [[cowatch_exchanges(n, titles, epsilon, 1e-6) for epsilon in budgets] for n in devices]
    assert {count for row in found for count in row} == {0, 2, 5}
    assert found == [sorted(row) for row in found] and found == sorted(found)
    assert cowatch_exchanges(500, titles, math.inf, 1e-6) == 5
    assert cowatch_exchanges(50_000, 10 * titles, 8.0, 1e-6) <= cowatch_exchanges(50_000, titles, 8.0, 1e-6)


def test_artworks_latents_are_asked_for_where_noise_is_small_beside_what_devices_differ_by():
    shown = [[shows_artwork_latents(n, 800, 20, eps, 1e-6) for eps in (8.0, 100.0, 1e6)] for n in (2_000, 200_000)]
    assert shown == [[False, False, True], [False, True, True]]
    assert shows_artwork_latents(10, 10**6, 20, math.inf, 1e-6)
