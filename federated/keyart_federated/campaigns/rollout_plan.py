"""The roll-out plan of a release: shares of the fleet, waiting times and margins. Pure.

By default the first share follows from the size of the fleet, so that enough devices get the release for its check
(`RolloutPlan.fitted`; decision 0020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Final, Literal

from keyart.errors import SettingError

from .findings import KnownFleet

DEFAULT_STAGES: Final = (0.01, 0.1, 1.0)
MAX_FIRST_SHARE: Final = 0.5  # the devices without the release are as many then, and are asked, too
MIN_GROWTH: Final = 2.0  # a stage that is less than so many times the first one is left out
SURE: Final = 0.95  # probability with which a round should reach its minimum cohort
UNKNOWN_FLEET: Final = KnownFleet(0)


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """The way of a release to the fleet.

    Attributes:
        stages: Shares of all devices that get it, one after the other.
        hours: Hours at each stage.
        margin: Maximum fall of the reward a decision, over all devices.
        segment_margin: The same in a device class or a daypart.
        unclear: The reaction to a fall that is neither shown nor ruled out. "hold" asks a person.
        reason: Sentence that explains stages that were fitted to the fleet; "" for any others.

    Raises:
        SettingError: A value is out of range.
    """

    stages: tuple[float, ...] = DEFAULT_STAGES
    hours: float = 24.0
    margin: float = 0.02
    segment_margin: float = 0.05
    unclear: Literal["hold", "go on"] = "hold"
    reason: str = ""

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in zip((0.0, *self.stages), self.stages, strict=False))
        if not (self.stages and rising and self.stages[-1] == 1.0):
            raise SettingError(f"stages are {self.stages}; they must rise, from above 0 to 1.")
        for name in ("hours", "margin", "segment_margin"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise SettingError(f"{name} is {value}; it must be finite and not below 0.")
        if self.unclear not in ("hold", "go on"):
            raise SettingError(f'unclear is {self.unclear!r}; it must be "hold" or "go on".')

    def fitted(self, fleet: KnownFleet, minimum_devices: int, cohorts: int) -> RolloutPlan:
        """Return the plan with a first stage that holds enough of the fleet's devices for its check.

        It has as many stages as this one at most. A fleet of unknown size counts as large. Where not even half of the
        devices are enough, the first stage is that half, and a person decides.

        Args:
            fleet: The fleet.
            minimum_devices: Minimum cohort of each sum of the check.
            cohorts: Number of sub-cohorts, each of which has a sum.
        """
        if not fleet.known or fleet.at_least or len(self.stages) == 1:
            return self
        needed = _smallest_probability(fleet.devices, minimum_devices) * cohorts / fleet.answer_share
        first = math.ceil(100 * min(needed, MAX_FIRST_SHARE)) / 100
        if first <= self.stages[0]:
            return self
        later = (share for share in self.stages[:-1] if share >= MIN_GROWTH * first and share <= 1 - first)
        of_cohorts = f"{cohorts} sub-cohorts of " if cohorts > 1 else ""
        answering = f", of which {100 * fleet.answer_share:.2g} % answer" if fleet.answer_share < 1 else ""
        reason = (
            f"The first stage is {100 * first:g} % of the devices in place of {100 * self.stages[0]:g} %: the check "
            f"of a roll-out needs {of_cohorts}{minimum_devices:,} "
            f"devices that have the new model, and the fleet has {fleet.devices:,}{answering}."
        )
        if needed > MAX_FIRST_SHARE:
            reason += " That is too few for any stage; a person decides whether all devices get the model."
        return replace(self, stages=(first, *later, 1.0), reason=reason)


def _smallest_probability(devices: int, minimum: int) -> float:
    """Return the share of a fleet of which at least `minimum` devices come with probability `SURE`, or infinity.

    It solves n p − z √(n p (1 − p)) = minimum − ½ for p, as `Requirement.needed` does for n.
    """
    squared, middle = NormalDist().inv_cdf(SURE) ** 2, 2 * (minimum - 0.5)
    inner = (middle + squared) ** 2 - middle**2 * (1 + squared / devices)
    return (middle + squared + math.sqrt(inner)) / (2 * (devices + squared)) if inner >= 0 else math.inf


AT_ONCE: Final = RolloutPlan(stages=(1.0,), unclear="go on")  # by a person, who has decided


def guard_rounds(plan: RolloutPlan) -> int:
    """Return how often devices are asked about one candidate while it rolls out.

    They are asked twice at each share but the last: those that have it and those that do not.
    """
    return 4 * max(1, len(plan.stages) - 1)
