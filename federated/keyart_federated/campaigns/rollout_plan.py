"""The roll-out plan of a release: shares of the fleet, waiting times and margins. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from keyart.errors import SettingError


@dataclass(frozen=True, slots=True)
class Plan:
    """How a release reaches the fleet. stages: shares of all devices, one after the other. hours: at each stage.

    margin, segment_margin: the most that the reward a decision may fall, of all devices and of a device class or a
    daypart. unclear: what happens where a fall is neither shown nor ruled out: "hold" asks a person.
    Raises SettingError.
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


AT_ONCE: Final = Plan(stages=(1.0,), unclear="go on")  # by a person, who has decided


def guard_rounds(plan: Plan) -> int:
    """Return how often devices are asked about one candidate while it rolls out.

    They are asked twice at each share but the last: those that have it and those that do not.
    """
    return 4 * max(1, len(plan.stages) - 1)
