"""The results of rounds in words: label, unit and a sentence for each value, for pages, tables and exports. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Unit = Literal["", "%", "devices", "decisions", "rewards per decision"]


@dataclass(frozen=True, slots=True)
class ResultWords:
    """The words for one value of a result.

    Attributes:
        label: What it is, in a few words.
        unit: Unit of the value; "%" for a share from 0 to 1; "" for a number without a unit and for a text.
        sentence: What it says, or "" where the label is enough.
    """

    label: str
    unit: Unit = ""
    sentence: str = ""

    def text(self, value: float | str) -> str:
        """Return a value with its unit."""
        if isinstance(value, str):
            return value
        if not math.isfinite(value):
            return "–"
        if self.unit == "%":
            return f"{100 * value:.3g} %".replace("-", "−")
        whole = value == int(value) or abs(value) >= 10_000
        shown = (f"{value:,.0f}" if whole else f"{value:.3g}").replace("-", "−")
        return f"{shown} {self.unit}".rstrip()


RESULT_WORDS: Final[Mapping[str, ResultWords]] = {
    "above_noise": ResultWords("Titles above the noise", "", "Titles of which the sum shows that they are trending."),
    "cohorts": ResultWords("Sub-cohorts read", "", "The result is the median of all of them."),
    "contexts_error": ResultWords("Noise in these shares", "%", "One standard deviation."),
    "decisions": ResultWords("Decisions per device", "decisions", "Since its last round, by a noised sum."),
    "deviation": ResultWords("Noise in a title's plays", "", "One standard deviation of the largest sub-cohort."),
    "devices": ResultWords("Devices in the sum", "devices"),
    "effective": ResultWords(
        "Effective devices", "devices", "So many devices without weights would give an estimate as precise."
    ),
    "error": ResultWords("Noise in the share with a history", "%", "One standard deviation."),
    "history": ResultWords("Devices with a viewing history", "%"),
    "installed": ResultWords("Model on these devices", "", "Version of the model that the devices in the sum run."),
    "logged": ResultWords(
        "Reward of the model in use", "rewards per decision", "On the same decisions as the evaluated model."
    ),
    "plays": ResultWords("Play rate", "%", "Share of decisions that were played."),
    "quality_plays": ResultWords("Quality play rate", "%", "Share of decisions with a reward."),
    "reason": ResultWords("Why the sum was not used"),
    "signal": ResultWords(
        "Bound on the mean update", "%", "Of the clipping norm; a later sum that is much longer is refused."
    ),
    "signal_to_noise": ResultWords(
        "Signal to noise", "", "Below 1 the noise hides which titles are watched together."
    ),
    "step": ResultWords("Size of the step", "", "L2 norm of the change of the weights; it shrinks as learning ends."),
    "titles": ResultWords("Titles in the catalogue"),
    "unclipped": ResultWords("Updates within the clip", "%", "Share of the cohort whose update was not shortened."),
    "version": ResultWords("Model version"),
}


def words_of(name: str) -> ResultWords:
    """Return the words for a value by its name; a share of decisions in a context goes by the context."""
    kind, separator, value = name.partition(":")
    if separator:
        return ResultWords(f"Decisions, {kind} {value}", "%")
    return RESULT_WORDS.get(name) or ResultWords(name.replace("_", " ").capitalize())
