"""Labels and descriptions of the four kinds of campaign, and the actions on a campaign. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from keyart_federated.campaigns.campaign import MOVES

from ..campaigns import Action, Campaign, Kind


@dataclass(frozen=True, slots=True)
class KindTexts:
    """Texts about a kind of campaign.

    Attributes:
        label: two or three words.
        description: what the campaign does.
        chart: title of its chart; "" for no chart.
        intervals: how its intervals are to be read.
    """

    label: str
    description: str
    chart: str = ""
    intervals: str = ""


SIMULTANEOUS: Final = "intervals hold simultaneously over all rounds"
KIND_TEXTS: Final[Mapping[Kind, KindTexts]] = {
    "training": KindTexts(
        "Train the model",
        "Devices train on their own logs and contribute masked updates. Their sum yields the next model.",
    ),
    "statistics": KindTexts(
        "Statistics",
        "Play rates of artworks, trending titles, or the mix of devices. The server sees sums only.",
        "Rate over time",
        SIMULTANEOUS,
    ),
    "experiment": KindTexts(
        "Experiment",
        "Compares two or more ways of selecting artworks, with intervals that stay valid at every interim analysis.",
        intervals=SIMULTANEOUS,
    ),
    "evaluation": KindTexts(
        "Evaluate a model",
        "Estimates the policy value of a model on held-out devices.",
        "Policy value over time",
        "the interval of each round holds separately",
    ),
}
ACTION_LABELS: Final[Mapping[Action, str]] = {
    "start": "Start",
    "resume": "Resume",
    "pause": "Pause",
    "stop": "Stop permanently",
}
ACTION_DONE: Final[Mapping[Action, str]] = {
    "start": "{name} has started. Its first round opens within a minute.",
    "pause": "{name} is paused. An active round is completed.",
    "resume": "{name} has been resumed.",
    "stop": "{name} is stopped permanently. Its results are kept.",
}


def actions(campaign: Campaign) -> list[tuple[Action, str]]:
    """Return the actions that are possible now, with the labels of their buttons."""
    return [(action, label) for action, label in ACTION_LABELS.items() if campaign.state in MOVES[action][0]]
