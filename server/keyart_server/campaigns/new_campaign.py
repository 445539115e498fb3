"""A campaign as a request describes it, and the draft that follows from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from keyart.errors import SettingError
from keyart_federated.campaigns import PRESETS, PresetName, checked
from keyart_federated.campaigns.campaign import MAX_NAME_LENGTH, MAX_ROUNDS, ROUNDS, Campaign, Kind

UNSAVED_ID: Final = "0" * 16  # of a draft that is only checked


class NewCampaign(BaseModel):
    """Body of a request for a campaign. Unknown fields are refused: a misspelt budget must not be ignored.

    Attributes:
        name: name for people, of printable characters.
        kind: what the campaign does.
        preset: named values for all fields that are omitted.
        epsilon: limit of ε for one person over all rounds; null for the default.
        delta: the δ of that limit; null for the default.
        rounds: maximum number of rounds.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False,
        json_schema_extra={"examples": [{"name": "Spring", "kind": "training", "epsilon": 4.0, "rounds": 20}]},
    )  # fmt: skip

    name: str = Field(min_length=1, max_length=MAX_NAME_LENGTH)
    kind: Kind
    preset: PresetName | None = Field(None, description="Named values for all fields that are omitted.")
    epsilon: float | None = Field(
        None, gt=0, description="Limit of ε for one person over all rounds; null for the default."
    )
    delta: float | None = Field(None, gt=0, lt=1)
    rounds: int = Field(ROUNDS, ge=1, le=MAX_ROUNDS)
    settings: dict[str, Any] = Field({}, description="Settings of the kind; omitted ones take their defaults.")

    def values(self) -> dict[str, Any]:
        """Return the values for `campaign_store.create`, those of the preset included.

        A draft may lack required settings, but cannot be started without them.

        Raises:
            SettingError: A setting is wrong, or the preset does not offer this kind.
        """
        values: dict[str, Any] = self.model_dump(exclude={"preset"})
        if self.preset is not None:
            preset = PRESETS[self.preset]
            values["settings"] = {**preset.settings_of(self.kind), **self.settings}
            values["epsilon"] = preset.epsilon if self.epsilon is None else self.epsilon
            values["rounds"] = self.rounds if "rounds" in self.model_fields_set else preset.rounds
        try:
            settings = checked(self.kind, values["settings"], values["epsilon"], self.delta)
        except SettingError:
            if values["settings"]:
                raise
            settings = "{}"
        return {**values, "settings": settings}


def unsaved_draft(values: dict[str, Any], clock: Callable[[], datetime]) -> Campaign:
    """Return the draft that these values would create, without an id of its own. Raises SettingError."""
    at = clock()
    return Campaign(
        UNSAVED_ID, values["name"], values["kind"], "draft", values.get("epsilon"), values.get("delta"),
        values.get("rounds", ROUNDS), at, at, values["settings"],
    )  # fmt: skip
