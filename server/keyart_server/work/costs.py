"""Costs: what each sum of a training campaign costs, and of those that judge its candidates."""

from __future__ import annotations

from typing import NamedTuple

from keyart.outbound.noised import NoisedPopulation, NoisedTraining
from keyart.outbound.segments import SegmentLayout
from keyart_federated.accounting import Skellam
from keyart_federated.private.privacy import POPULATION_SHARE

from ..campaigns import Campaign
from ..releases.release import Plan
from .model import installed
from .noise import Part, split
from .settings import TrainingSettings
from .work import Base


class Costs(NamedTuple):
    """What each of a campaign's sums costs. rounds: in all."""

    rounds: int
    population: Skellam
    training: Skellam
    comparison: Skellam | None = None
    guard: Skellam | None = None


def costs_of(campaign: Campaign, settings: TrainingSettings, base: Base) -> Costs:
    """All of it together costs the campaign's ε, whatever is asked of whom. Raises SettingError."""
    population, training, taught = population_layout(base), training_layout(base), campaign.rounds
    parts = [
        Part(POPULATION_SHARE, 1, population.size),
        Part(1 - POPULATION_SHARE - settings.gates, taught, training.size),
    ]
    if not settings.gates:
        return Costs(1 + taught, *split(campaign, *parts))
    size, half, guards = SegmentLayout.of("compare", base.spec).size, settings.gates / 2, guards_of(settings.plan)
    judging = (Part(half, taught * times, size) for times in (1, guards))
    return Costs(1 + taught * (2 + guards), *split(campaign, *parts, *judging))


def guards_of(plan: Plan) -> int:
    """How often devices are asked about a candidate that rolls out: twice at each share but the last, those that have
    it and those that do not."""
    return 4 * max(1, len(plan.stages) - 1)


def training_layout(base: Base) -> NoisedTraining:
    latents = installed(base.bundle, base.catalog).latents is not None
    return NoisedTraining(base.spec, len(base.catalog.artwork_places), "tags" if latents else "none")


def population_layout(base: Base) -> NoisedPopulation:
    return NoisedPopulation(base.spec, len(base.catalog))
