"""The roll-out plan of a release: shares of the fleet, waiting times and margins. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from keyart.errors import SettingError


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """The way of a release to the fleet.

    Attributes:
        stages: Shares of all devices that get it, one after the other.
        hours: Hours at each stage.
        margin: Maximum fall of the reward a decision, over all devices.
        segment_margin: The same in a device class or a daypart.
        unclear: The reaction to a fall that is neither shown nor ruled out. "hold" asks a person.

    Raises:
        SettingError: A value is out of range.
    """

    stages: tuple[float, ...] = (0.01, 0.1, 1.0)
    hours: float = 24.0
    margin: float = 0.02
    segment_margin: float = 0.05
    unclear: Literal["hold", "go on"] = "hold"

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


AT_ONCE: Final = RolloutPlan(stages=(1.0,), unclear="go on")  # by a person, who has decided


def guard_rounds(plan: RolloutPlan) -> int:
    """Return how often devices are asked about one candidate while it rolls out.

    They are asked twice at each share but the last: those that have it and those that do not.
    """
    return 4 * max(1, len(plan.stages) - 1)
