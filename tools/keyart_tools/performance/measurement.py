"""A measurement of `keyart bench`, its baseline and its target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SIGNIFICANT_DIGITS = 4  # significant ones: more would only be noise


@dataclass(frozen=True)
class Measurement:
    """A measured value.

    Attributes:
        group: section of the report.
        name: what was measured.
        figure: the value, in `unit`.
        unit: unit of the value.
        ratio: the value over that of the baseline; None without a baseline.
        against: name of the baseline.
        reach: the target: the largest allowed ratio, or the largest value if there is no ratio; None without a
            target.
        note: conditions of the measurement.
    """

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
        """Return the rounded number that the target applies to, as it is shown."""
        return rounded(self.figure if self.ratio is None else self.ratio)

    @property
    def met(self) -> bool | None:
        """Return whether the target is met; None without a target."""
        return None if self.reach is None else self.judged <= self.reach

    def to_dict(self) -> dict[str, Any]:
        """Return the row of device.json."""
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
    """Something that could not be measured, and the reason."""

    name: str
    reason: str


def rounded(value: float) -> float:
    """Round to four significant digits."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
