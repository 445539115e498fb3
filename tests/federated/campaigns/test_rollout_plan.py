"""Stages of a roll-out by the size of the fleet: enough devices for the check, and no more than that."""

from __future__ import annotations

import numpy as np
import pytest
from support.campaign_readers import campaign

from keyart_federated.campaigns import KnownFleet, rollout_plan_of
from keyart_federated.campaigns.rollout_plan import DEFAULT_STAGES, SURE, RolloutPlan

COHORTS, MINIMUM = 3, 50  # of a campaign with default settings


@pytest.mark.parametrize(
    ("devices", "stages"),
    [
        (1_000_000, DEFAULT_STAGES),
        (19_000, DEFAULT_STAGES),
        (5_000, (0.04, 0.1, 1.0)),
        (2_500, (0.08, 1.0)),
        (500, (0.37, 1.0)),
        (30, (0.5, 1.0)),
        (1, (0.5, 1.0)),
    ],
)
def test_small_fleets_have_fewer_and_larger_stages(devices: int, stages: tuple[float, ...]) -> None:
    plan = rollout_plan_of(campaign("training"), KnownFleet(devices))
    assert plan.stages == stages and plan == rollout_plan_of(None, KnownFleet(devices)), "uploads are the same"
    assert (plan.reason == "") == (stages == DEFAULT_STAGES)
    assert ("a person decides" in plan.reason) == (devices < 368)


@pytest.mark.parametrize("answer_share", [1.0, 0.4])
@pytest.mark.parametrize("devices", [1_200, 4_000, 15_000])
def test_the_first_stage_is_the_smallest_that_can_be_checked(devices: int, answer_share: float) -> None:
    """Simulated buckets: a sub-cohort of the first stage reaches its minimum, and no stage below it does."""
    first = rollout_plan_of(campaign("training"), KnownFleet(devices, answer_share=answer_share)).stages[0]
    rng = np.random.default_rng(5)

    def share_of_sums(stage: float) -> float:
        return float((rng.binomial(devices, stage * answer_share / COHORTS, 20_000) >= MINIMUM).mean())

    assert share_of_sums(first) >= SURE - 0.01 and share_of_sums(first - 0.01) < SURE


def test_stages_that_a_person_gives_are_kept() -> None:
    fleet = KnownFleet(1_000)
    assert rollout_plan_of(campaign("training", {"stages": [0.01, 1.0]}), fleet).stages == (0.01, 1.0)
    assert rollout_plan_of(campaign("training", {"gates": 0.0}), fleet).stages == DEFAULT_STAGES, "no check is asked"


@pytest.mark.parametrize("fleet", [KnownFleet(0), KnownFleet(1_000, at_least=True)])
def test_a_fleet_of_unknown_size_counts_as_large(fleet: KnownFleet) -> None:
    assert rollout_plan_of(campaign("training"), fleet) == RolloutPlan()


def test_no_fleet_has_more_stages_than_the_noise_counts_on() -> None:
    """Rounds of the check are planned for the default stages, whatever the fleet is when a candidate is there."""
    plans = [rollout_plan_of(campaign("training"), KnownFleet(devices)) for devices in range(1, 30_000, 37)]
    assert all(len(plan.stages) <= len(DEFAULT_STAGES) for plan in plans)
    assert all(plan.stages[-2] <= 1 - plan.stages[0] for plan in plans), "as many devices are without the release"
