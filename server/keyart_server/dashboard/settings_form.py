"""The form for campaign settings, generated from the settings' models (`keyart_federated.campaigns`). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic.fields import FieldInfo

from keyart.errors import SettingError
from keyart_federated.campaigns import PRESETS, SETTINGS
from keyart_federated.campaigns.campaign import MAX_NAME_LENGTH, ROUNDS
from keyart_federated.campaigns.noise import EPSILON
from keyart_federated.campaigns.setting_texts import parse_value, value_types

from ..campaigns import Kind
from .formatting import words_of_name

MAX_VALUE_LENGTH: Final = 400  # characters of a value
# Labels of settings whose names are not self-explanatory.
LABELS: Final[Mapping[str, str]] = {
    "cohorts": "Sub-cohorts",
    "decisions": "Decisions per device",
    "high": "Sampling bucket below",
    "honest_fraction": "Counted share of the cohort",
    "hours": "Hours between rounds",
    "looks": "Interim analyses",
    "low": "Sampling bucket from",
    "minimum_devices": "Minimum cohort",
    "name": "Experiment name in the app",
    "patience": "Stage timeout (seconds)",
    "threshold_permille": "Quorum (permille)",
    "version": "Model version",
    "wanted": "Target cohort",
    "window": "Data window (hours)",
}
# Settings that matter before a start; the others are collapsed.
MAIN_SETTINGS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "training": ("wanted", "minimum_devices", "hours", "decisions"),
    "statistics": ("topic", "wanted", "minimum_devices", "hours"),
    "experiment": ("name", "arms", "devices", "days", "looks", "margin"),
    "evaluation": ("version", "wanted", "minimum_devices", "window"),
}
# Help of settings that a person gives in another form than the API.
HELP: Final[Mapping[str, str]] = {
    "start": "Date and time in UTC, such as 2027-01-31 08:00; empty: when the campaign is created.",
}
PREFIX: Final = "settings."  # distinguishes an experiment's name from the campaign's


@dataclass(frozen=True, slots=True)
class Field:
    """A form field.

    Attributes:
        term: exact name of the setting, if the label differs.
        choices: values and labels of a list; empty for a text field.
        wide: whether the field takes a whole line.
    """

    name: str
    label: str
    help: str
    default: str = ""
    term: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    numeric: bool = False
    required: bool = False
    wide: bool = False
    longest: int = MAX_VALUE_LENGTH


@dataclass(frozen=True, slots=True)
class Form:
    """A form.

    Attributes:
        common: fields of every campaign.
        main: settings of the kind.
        more: settings that seldom change.
    """

    common: tuple[Field, ...]
    main: tuple[Field, ...]
    more: tuple[Field, ...]


NAME: Final = Field("name", "Name", "Shown in every list.", required=True, wide=True, longest=MAX_NAME_LENGTH)
ROUNDS_FIELD: Final = Field("rounds", "Rounds", "Maximum number of rounds.", numeric=True, required=True)
EPSILON_FIELD: Final = Field(
    "epsilon", "ε", "ε limit per user for the whole campaign.", f"{EPSILON:g}", "privacy budget", numeric=True
)
DEFAULT_ROUNDS: Final[Mapping[Kind, str]] = {"evaluation": "1"}  # each round has its own result


def settings_form(kind: Kind) -> Form:
    """Return the form for a kind of campaign."""
    settings = SETTINGS[kind].model_fields
    main = MAIN_SETTINGS[kind]
    rounds = () if "looks" in settings else (replace(ROUNDS_FIELD, default=DEFAULT_ROUNDS.get(kind, str(ROUNDS))),)
    return Form(
        (NAME, *rounds, EPSILON_FIELD),
        tuple(_field(name, settings[name]) for name in main),
        tuple(_field(name, about) for name, about in settings.items() if name not in main and _fits_one_line(about)),
    )


def labels(form: Form) -> dict[str, str]:
    """Return the label of each field, by its name."""
    return {field.name: field.label for field in (*form.common, *form.main, *form.more)}


def values_of_preset(name: str, kind: Kind) -> dict[str, str]:
    """Return the values of a preset as the fields of the form show them; none for a preset that is not offered."""
    preset = next((preset for known, preset in PRESETS.items() if known == name and kind in preset.settings), None)
    if preset is None:
        return {}
    settings = {PREFIX + setting: text_of(value) for setting, value in preset.settings_of(kind).items()}
    return {"epsilon": text_of(preset.epsilon), "rounds": text_of(preset.rounds), **settings}


def parse_settings(kind: Kind, sent: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings of a submitted form, for `checked`, and the errors of fields that hold no such value.

    Both are by the names of the settings; empty fields keep their defaults.
    """
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, about in SETTINGS[kind].model_fields.items():
        text = sent.get(PREFIX + name, "").strip()
        if text and _fits_one_line(about):
            try:
                values[name] = parse_value(name, text, about)
            except SettingError as error:
                errors[name] = str(error).replace(f"{name} is ", "The value is ", 1)
    return values, errors


def _field(name: str, about: FieldInfo) -> Field:
    kinds = value_types(about)
    required = about.is_required()
    return Field(
        PREFIX + name,
        label_of(name),
        HELP.get(name, about.description or ""),
        "" if required else text_of(about.get_default()),
        name if name in LABELS else "",
        tuple((value, value) for value in kinds if isinstance(value, str)),
        bool({int, float} & set(kinds)) and name not in HELP,
        required,
        name == "purpose",
    )


def label_of(name: str) -> str:
    """Return the label of a setting."""
    return LABELS.get(name, words_of_name(name).capitalize())


def _fits_one_line(about: FieldInfo) -> bool:
    """Tell whether a single text field can hold the value."""
    return dict not in value_types(about) or tuple in value_types(about)


def text_of(value: Any) -> str:
    """Return a value as the text of its field; "" for one that no text field can hold."""
    if value is None or isinstance(value, dict):
        return ""
    return (
        ", ".join(map(str, value))
        if isinstance(value, tuple | list)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
