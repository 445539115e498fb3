"""Requirements: which devices each purpose of a campaign's plan needs. Pure.

They follow from the settings and the plan alone, so that a campaign can be judged before its first round
(`feasibility`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from keyart_federated.accounting import Skellam

from .campaign import Campaign
from .comparison import rollout_plan_of
from .experiment import ExperimentSettings
from .findings import KnownFleet
from .noise import PlannedRounds
from .protocol import DeployedModel
from .registry import SETTINGS, plan
from .rollout_plan import SURE, UNKNOWN_FLEET
from .settings import HELD_OUT, CampaignSettings, Cohort, settings_of
from .sub_cohorts import bucket_range

COMPARISON: Final = "comparison"
GUARD: Final = "guard"


@dataclass(frozen=True, slots=True)
class Requirement:
    """The devices that the rounds of one purpose need.

    Attributes:
        purpose: Purpose in the plan.
        planned: Rounds of this purpose, in all sub-cohorts.
        low: Sampling buckets below it are not asked.
        high: Sampling buckets of this or above are not asked.
        cohorts: Number of sub-cohorts that divide these buckets.
        minimum: Minimum cohort of one sum, in devices.
        wanted: Target cohort of one sum, in devices.
        installed: Share of the devices that run the model that the rounds ask about.
    """

    purpose: str
    planned: PlannedRounds
    low: float
    high: float
    cohorts: int
    minimum: int
    wanted: int
    installed: float = 1.0

    @property
    def sampled_share(self) -> float:
        """Share of the fleet that one sum samples."""
        return (self.high - self.low) / self.cohorts * self.installed

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Sampling bucket range of each sub-cohort."""
        return tuple(bucket_range(self.low, self.high, cohort, self.cohorts) for cohort in range(self.cohorts))

    @property
    def event(self) -> Skellam:
        """Privacy cost of one sum."""
        return self.planned.event

    def expected(self, devices: float, answer_share: float = 1.0) -> float:
        """Return how many of a fleet's devices answer one sum on average."""
        return devices * self.sampled_share * answer_share

    def chance(self, devices: float, answer_share: float = 1.0) -> float:
        """Return the probability that one sum reaches its minimum cohort.

        Sampling buckets are independent and uniform, so the number of devices is binomial (normal approximation with
        continuity correction).
        """
        share = self.sampled_share * answer_share
        mean, deviation = devices * share, math.sqrt(max(devices * share * (1 - share), 0.0))
        if deviation == 0:
            return float(mean >= self.minimum)
        return 1 - NormalDist(mean, deviation).cdf(self.minimum - 0.5)

    def needed(self, answer_share: float = 1.0) -> int:
        """Return the smallest fleet, in devices, with which a sum reaches its minimum cohort with probability `SURE`.

        It solves n s − z √(n s (1 − s)) = minimum − ½ for n, with the sampled share s.
        """
        share = self.sampled_share * answer_share
        doubt = NormalDist().inv_cdf(SURE) * math.sqrt(share * (1 - share))
        root = (doubt + math.sqrt(doubt**2 + 4 * share * (self.minimum - 0.5))) / (2 * share)
        return max(math.ceil(root**2), math.ceil(self.minimum / share) if share == 1 else 0)


def requirements(
    campaign: Campaign, base: DeployedModel, fleet: KnownFleet = UNKNOWN_FLEET
) -> tuple[Requirement, ...]:
    """Return what each purpose of a campaign's plan needs; the stages of a roll-out follow the fleet.

    Raises:
        SettingError: The settings cannot be kept.
    """
    settings = settings_of(campaign, SETTINGS[campaign.kind])
    made = (_requirement(campaign, settings, fleet, *part) for part in plan(campaign, base).items())
    return tuple(requirement for requirement in made if requirement is not None)


def _requirement(
    campaign: Campaign, settings: CampaignSettings, fleet: KnownFleet, purpose: str, planned: PlannedRounds
) -> Requirement | None:
    """Return the requirement of one purpose; None for rounds that are planned and never asked."""
    cohorts = planned.rounds // planned.per_device
    low, high, minimum, installed = settings.low, settings.high, settings.minimum_devices, 1.0
    if isinstance(settings, ExperimentSettings):  # each look asks devices of its own
        experiment = settings.experiment_of(campaign)
        return Requirement(
            purpose, planned, low, high, cohorts, experiment.survivors(0), experiment.devices_of(0)
        )  # fmt: skip
    wanted = settings.wanted if isinstance(settings, Cohort) else minimum
    if cohorts > 1 and isinstance(settings, Cohort):
        minimum, wanted = settings.minimum_of_cohort, settings.wanted_of_cohort
    if purpose == COMPARISON:
        low, high = 0.0, HELD_OUT
    if purpose == GUARD:
        shares = rollout_plan_of(campaign, fleet).stages[:-1]
        if not shares:
            return None
        # At each share those that have the candidate are asked, and those that do not.
        low, high, installed = 0.0, 1.0, min(*shares, 1 - max(shares))
    return Requirement(purpose, planned, low, high, cohorts, minimum, wanted, installed)
