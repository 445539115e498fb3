"""What a round costs a device: no campaign that keyart plans asks for more noise than a device agrees to draw."""

from __future__ import annotations

import pytest
from support.catalogs import EVENING

from keyart.campaigns import Offer
from keyart_federated.accounting.privacy import Privacy, TrainingPlan
from keyart_federated.campaigns.campaign import Campaign
from keyart_federated.campaigns.noise import Part, split, units_of

ENTRIES = 30_000  # of a vector of training with 10,000 artworks


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 4.0, 8.0, 64.0])
@pytest.mark.parametrize("cohort", [63, 1_000, 20_000, 1_000_000])
def test_the_noise_of_planned_rounds_is_within_what_a_device_draws(cohort, epsilon):
    plan = TrainingPlan.of(Privacy(epsilon, 1e-6), 1_000, cohort)
    rounds = len(plan.rounds)
    campaign = Campaign("c1", "Spring", "training", "running", epsilon, 1e-6, rounds, EVENING, EVENING)
    (event,) = split(campaign, Part(1.0, rounds, ENTRIES))
    Offer(  # raises SettingError beyond `keyart.dp.skellam.MAX_DRAWS`
        kind="training",
        topic="",
        campaign="Spring",
        purpose="Better pictures.",
        round=1,
        rounds=rounds,
        model_version=1,
        feature_spec="00",
        size=ENTRIES,
        clip=1.0,
        units=units_of(event),
        noise_multiplier=event.noise_multiplier,
        minimum_devices=plan.minimum_devices,
        threshold_permille=plan.threshold_permille,
        bits=64,
        epsilon=epsilon,
        delta=1e-6,
        not_after=0,
    )
