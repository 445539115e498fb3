"""Presets: settings for a fleet of a certain size, under a name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from keyart.errors import SettingError

from .campaign import Kind

PresetName = Literal["test fleet"]


@dataclass(frozen=True, slots=True)
class Preset:
    """Values for a new campaign.

    Attributes:
        description: What the preset is for, and what it costs.
        epsilon: ε limit per user.
        rounds: Maximum number of rounds.
        settings: Settings by kind; a kind that is missing cannot be run with this preset.
    """

    description: str
    epsilon: float
    rounds: int
    settings: Mapping[Kind, Mapping[str, Any]]

    def settings_of(self, kind: Kind) -> Mapping[str, Any]:
        """Return the settings for a kind. Raises SettingError if the preset does not offer that kind."""
        if kind not in self.settings:
            raise SettingError(
                f"The preset offers no campaign of kind {kind}, only {', '.join(self.settings)}: noise drowns an "
                "experiment on tens of devices."
            )
        return self.settings[kind]


# 30 devices of which a tenth is held out: 27 ± 2 train, so that 20 come in practically every round.
_TENS_OF_DEVICES: Final[Mapping[str, Any]] = {"minimum_devices": 20, "wanted": 22, "patience": 60.0, "hours": 0.0}
PRESETS: Final[Mapping[PresetName, Preset]] = {
    "test fleet": Preset(
        "To try out a deployment with 25 to 100 test devices. Rounds begin without a pause, no gate judges "
        "candidates, and a new model goes to all devices at once. The results are noise. The app of the test devices "
        "must allow cohorts of 20 devices: Limits(minimum_devices=20).",
        epsilon=2.0,
        rounds=1,
        settings={
            "training": {**_TENS_OF_DEVICES, "gates": 0.0, "stages": [1.0], "unclear": "go on"},
            "statistics": {**_TENS_OF_DEVICES, "cohorts": 1},
            "evaluation": {**_TENS_OF_DEVICES, "cohorts": 1, "low": 0.0, "high": 1.0},
        },
    )
}
