"""A gate: one check that a model must pass before more devices get it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from keyart_federated.campaigns.sub_cohorts import Estimate

GateVerdict = Literal["passed", "unclear", "failed"]

VERDICTS: Final[tuple[GateVerdict, ...]] = get_args(GateVerdict)  # from best to worst
ALL: Final = "all"
CONFIDENCE_LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Gate:
    """The result of one gate.

    Attributes:
        sentence: explanation for people.
        numbers: values behind the verdict; None for a value that is not finite or was not measured.
    """

    name: str
    verdict: GateVerdict
    sentence: str
    numbers: Mapping[str, float | None]


def worst_verdict(gates: Iterable[Gate]) -> GateVerdict:
    """Return the worst verdict of the gates, or `unclear` if there is none."""
    return max((gate.verdict for gate in gates), key=VERDICTS.index, default="unclear")


def comparison_gates(
    name: str, differences: Mapping[str, Estimate], margin: float, segment_margin: float
) -> tuple[Gate, ...]:
    """Judge measured differences: one gate for all devices together and one per segment, named `name SEGMENT`.

    A gate passes if its interval lies above −margin, fails if it lies below, and is unclear otherwise. The interval
    of "all" has confidence `CONFIDENCE_LEVEL`. The intervals of the m segments hold simultaneously with that
    confidence (Bonferroni: each has 1 − (1 − CONFIDENCE_LEVEL) / m), so many segments do not increase false alarms.

    Args:
        name: first word of the gates' names.
        differences: reward per decision of the new model minus that of the old one, by segment ("all": every device).
            The median of sub-cohorts (`keyart_federated.campaigns.sub_cohorts`) cannot be chosen by one device.
        margin: accepted drop for all devices.
        segment_margin: accepted drop for a segment.
    """
    segments = [segment for segment in differences if segment != ALL]
    if ALL in differences:
        overall = _comparison_gate(name, ALL, differences[ALL], margin, 1)
    else:
        overall = Gate(f"{name} {ALL}", "unclear", "Not measured; sample more devices.", {})
    return (
        overall,
        *(
            _comparison_gate(name, segment_, differences[segment_], segment_margin, len(segments))
            for segment_ in segments
        ),
    )


def _comparison_gate(name: str, segment: str, estimate: Estimate, margin: float, family: int) -> Gate:
    """Judge one segment; `family` is the number of intervals that hold simultaneously."""
    low, high = estimate.interval(1 - (1 - CONFIDENCE_LEVEL) / family)
    numbers = {"mean": estimate.mean, "low": low, "high": high, "margin": margin, "devices": estimate.devices}
    verdict: GateVerdict = "passed" if low >= -margin else "failed" if high < -margin else "unclear"
    if not (math.isfinite(low) and math.isfinite(high)):
        verdict, text = "unclear", "the noise is too large; sample more devices"
    else:
        text = f"{estimate.mean:+.4f} ({low:+.4f} to {high:+.4f}) per decision, " + _VERDICT_TEXTS[verdict].format(
            margin=margin
        )
    return Gate(
        f"{name} {segment}",
        verdict,
        f"{segment}: {text}.",
        {key: float(value) if math.isfinite(value) else None for key, value in numbers.items()},
    )


_VERDICT_TEXTS: Final[Mapping[str, str]] = {
    "passed": "no drop of {margin:g}",
    "failed": "a drop of more than {margin:g}",
    "unclear": "a drop of {margin:g} is neither shown nor ruled out",
}
