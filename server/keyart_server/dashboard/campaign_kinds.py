"""The four kinds of campaign in plain words, and what a person can do to one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from keyart_federated.campaigns.campaign import MOVES

from ..campaigns import Action, Campaign, Kind


@dataclass(frozen=True, slots=True)
class KindTexts:
    """label: what it does, in two or three words. told: what comes of it. chart: of what a round tells, "" where none
    is drawn. intervals: how they are to be read."""

    label: str
    description: str
    chart: str = ""
    intervals: str = ""


SIMULTANEOUS: Final = "intervals hold at every round at once"
KIND_TEXTS: Final[Mapping[Kind, KindTexts]] = {
    "training": KindTexts(
        "Train the model",
        "Devices learn from what they saw, and hand in how the model should change. The sum makes the next model.",
    ),
    "statistics": KindTexts(
        "Count",
        "How often a picture leads to a play, what is trending, or which devices there are. Only sums are seen.",
        "The rate over time",
        SIMULTANEOUS,
    ),
    "experiment": KindTexts(
        "Compare arms",
        "Two or more ways to show pictures against each other, with an interval that holds at every look.",
        intervals=SIMULTANEOUS,
    ),
    "evaluation": KindTexts(
        "Judge a model",
        "What a model would be worth, worked out by devices that no model has learned from.",
        "Its value over time",
        "each round’s interval holds by itself",
    ),
}
ACTION_LABELS: Final[Mapping[Action, str]] = {
    "start": "Start",
    "resume": "Resume",
    "pause": "Pause",
    "stop": "Stop for good",
}
ACTION_DONE: Final[Mapping[Action, str]] = {
    "start": "{name} has started. Its first round opens within a minute.",
    "pause": "{name} is paused. A round that goes on is brought to its end.",
    "resume": "{name} goes on.",
    "stop": "{name} is stopped for good. What it told stays.",
}


def actions(campaign: Campaign) -> list[tuple[Action, str]]:
    """Those that are possible now, with what their buttons say."""
    return [(action, label) for action, label in ACTION_LABELS.items() if campaign.state in MOVES[action][0]]
