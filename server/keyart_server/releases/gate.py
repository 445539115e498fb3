"""A gate: one question that a model has to answer before more devices get it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from keyart_federated.campaigns.segments import SegmentEstimate

Verdict = Literal["passed", "unclear", "failed"]

VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)  # from good to bad
ALL: Final = "all"
LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Gate:
    """sentence: for people. numbers: what the verdict was made of; None: not finite, or not known."""

    name: str
    verdict: Verdict
    sentence: str
    numbers: Mapping[str, float | None]


def worst(gates: Iterable[Gate]) -> Verdict:
    """Of all of them; unclear where there is none."""
    return max((gate.verdict for gate in gates), key=VERDICTS.index, default="unclear")


def compared(
    name: str, differences: Mapping[str, SegmentEstimate], margin: float, segment_margin: float
) -> tuple[Gate, ...]:
    """A gate for all devices together and one a segment, named `name SEGMENT`.

    differences: by segment ("all": every device), reward a decision under the new model less that under the old. A
    gate passes where the interval lies above a fall of its margin, fails where it lies below, and else is unclear.
    The interval of "all" holds with `LEVEL`; those of the segments hold together with `LEVEL` (Bonferroni's
    inequality: each of m with 1 − (1 − LEVEL) / m), so that many segments do not make false alarms likelier.
    """
    segments = [segment for segment in differences if segment != ALL]
    if ALL in differences:
        overall = _judged(name, ALL, differences[ALL], margin, 1)
    else:
        overall = Gate(f"{name} {ALL}", "unclear", "It could not be measured; ask more devices.", {})
    return (overall, *(_judged(name, one, differences[one], segment_margin, len(segments)) for one in segments))


def _judged(name: str, segment: str, found: SegmentEstimate, margin: float, family: int) -> Gate:
    """family: how many intervals are to hold together."""
    low, high = found.interval(1 - (1 - LEVEL) / family)
    numbers = {"mean": found.mean, "low": low, "high": high, "margin": margin, "devices": found.devices}
    verdict: Verdict = "passed" if low >= -margin else "failed" if high < -margin else "unclear"
    if not (math.isfinite(low) and math.isfinite(high)):
        verdict, said = "unclear", "the noise drowns it; ask more devices"
    else:
        said = f"{found.mean:+.4f} ({low:+.4f} to {high:+.4f}) a decision, " + _SAID[verdict].format(margin=margin)
    return Gate(
        f"{name} {segment}",
        verdict,
        f"{segment}: {said}.",
        {key: float(value) if math.isfinite(value) else None for key, value in numbers.items()},
    )


_SAID: Final[Mapping[str, str]] = {
    "passed": "no fall of {margin:g}",
    "failed": "a fall of more than {margin:g}",
    "unclear": "a fall of {margin:g} is neither shown nor ruled out",
}
