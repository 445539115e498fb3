"""Row: one figure of the bench, what it is compared with, and the bar that it has to reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SIGNIFICANT_DIGITS = 4  # significant ones: more would only be noise


@dataclass(frozen=True)
class Measurement:
    """figure: in `unit`. ratio: figure over `against`, measured in turns with it. reach: the largest ratio that keeps
    the promise, or the largest figure where there is no ratio; None: a row to know, without a promise."""

    group: str
    name: str
    figure: float
    unit: str
    ratio: float | None = None
    against: str = ""
    reach: float | None = None
    note: str = ""

    @property
    def judged(self) -> float:
        """What `reach` speaks of, as it is written: what a reader sees decides."""
        return rounded(self.figure if self.ratio is None else self.ratio)

    @property
    def met(self) -> bool | None:
        """Whether the promise is kept; None where there is none."""
        return None if self.reach is None else self.judged <= self.reach

    def to_dict(self) -> dict[str, Any]:
        """As it stands in device.json."""
        return {
            "group": self.group,
            "name": self.name,
            "figure": rounded(self.figure),
            "unit": self.unit,
            "ratio": None if self.ratio is None else rounded(self.ratio),
            "against": self.against,
            "reach": self.reach,
            "met": self.met,
            "note": self.note,
        }


@dataclass(frozen=True)
class NotMeasured:
    """Something that could not be measured here, and why."""

    name: str
    reason: str


def rounded(value: float) -> float:
    """To four significant digits, so that a reader is not told more than was measured."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
