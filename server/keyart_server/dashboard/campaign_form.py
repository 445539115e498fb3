"""Reads the form of a campaign: its values, or every error beside its field. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from keyart.errors import SettingError
from keyart_federated.campaigns import SETTINGS, checked
from keyart_federated.campaigns.campaign import ROUNDS, Campaign
from keyart_federated.campaigns.setting_texts import parse_number

from ..campaigns import Kind
from . import settings_form
from .settings_form import LABELS, PREFIX

WHOLE_FORM: Final = ""  # key of an error that belongs to no field
# Settings whose names no reader of the page would understand; in errors their labels take their place.
RENAMED: Final = ("minimum_devices", "wanted", "threshold_permille", "honest_fraction", "patience")
_ANY: Final = Campaign("", "any", "training", "draft", None, None, ROUNDS, *(datetime.min.replace(tzinfo=UTC),) * 2)


class FormRefused(SettingError):
    """A form with errors.

    Attributes:
        errors: a sentence for each field that is wrong, by its name; `WHOLE_FORM` for one that is of no field.
    """

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


def read_form(kind: Kind, sent: Mapping[str, str], kept: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the values of a submitted form, for `campaign_store.create`.

    Args:
        kind: kind of the campaign.
        sent: texts by the names of the fields; an empty one takes the default.
        kept: settings of the campaign so far; those that no text field can hold stay as they are.

    Raises:
        FormRefused: with every field that is wrong.
    """
    errors: dict[str, str] = {}
    values: dict[str, Any] = {"name": sent.get("name", "").strip()}
    for name, number in (("epsilon", float), ("rounds", int)):
        if text := sent.get(name, "").strip():
            try:
                values[name] = parse_number("The value", text, number)
            except SettingError as error:
                errors[name] = str(error)
    errors |= _general_errors(values)
    settings, wrong = settings_form.parse_settings(kind, sent)
    settings |= {
        name: value for name, value in (kept or {}).items() if isinstance(value, dict) and name not in settings
    }
    wrong |= _setting_errors(kind, settings, wrong)
    errors |= {f"{PREFIX}{name}" if name else WHOLE_FORM: sentence for name, sentence in wrong.items()}
    if errors:
        order = [*settings_form.labels(settings_form.settings_form(kind)), WHOLE_FORM]
        raise FormRefused({name: _readable(errors[name]) for name in sorted(errors, key=order.index)})
    if "rounds" not in values and "looks" in settings:
        values["rounds"] = settings["looks"]
    try:
        return {**values, "settings": checked(kind, settings, values.get("epsilon"))}
    except SettingError as error:
        raise FormRefused({_field_of(kind, str(error)): _readable(str(error))}) from None


def form_texts(campaign: Campaign) -> dict[str, str]:
    """Return the texts of the form of a campaign, by the names of the fields."""
    settings = json.loads(campaign.settings)
    texts = {f"{PREFIX}{name}": settings_form.text_of(value) for name, value in settings.items()}
    epsilon = "" if campaign.epsilon is None else f"{campaign.epsilon:g}"
    return {**texts, "name": campaign.name, "rounds": str(campaign.rounds), "epsilon": epsilon}


def errors_of(error: SettingError | None) -> dict[str, str]:
    """Return the errors by field; an error of another kind belongs to the whole form."""
    if error is None:
        return {}
    return error.errors if isinstance(error, FormRefused) else {WHOLE_FORM: str(error)}


def _general_errors(values: Mapping[str, Any]) -> dict[str, str]:
    errors = {}
    for name, value in values.items():
        try:
            if isinstance(value, float) and not value < float("inf"):
                raise SettingError("ε must be a finite number.")
            replace(_ANY, **{name: value})
        except SettingError as error:
            errors[name] = str(error)
    return errors


def _setting_errors(kind: Kind, settings: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    """Return the errors of the settings' model by setting, except for those that are known already."""
    try:
        SETTINGS[kind].model_validate_json(json.dumps(settings))
    except ValidationError as error:
        found: dict[str, str] = {}
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            sentence = _sentence(problem["msg"])
            name = str(problem["loc"][0]) if problem["loc"] else _setting_of(kind, sentence)
            if name not in known and not (problem["type"] == "missing" and known.get(name)):
                found.setdefault(name, "This field is required." if problem["type"] == "missing" else sentence)
        return found
    return {}


def _setting_of(kind: Kind, sentence: str) -> str:
    """Return the first setting that a sentence names, or ""."""
    words = re.findall(r"[a-z_]+", sentence)
    return next((word for word in words if word in SETTINGS[kind].model_fields), "")


def _field_of(kind: Kind, sentence: str) -> str:
    name = _setting_of(kind, sentence)
    return f"{PREFIX}{name}" if name else "epsilon" if "ε" in sentence or "epsilon" in sentence else WHOLE_FORM


def _sentence(message: str) -> str:
    text = message.removeprefix("Value error, ").replace("Input should be", "The value must be")
    text = text[:1].upper() + text[1:] if not text.startswith(tuple(LABELS)) else text
    return text if text.endswith(".") else f"{text}."


def _readable(sentence: str) -> str:
    """Return a sentence with labels of the form in the place of names that only the API uses."""
    for name in RENAMED:
        sentence = re.sub(rf"\b{name}\b", f"“{LABELS[name]}”", sentence)
    return re.sub(r"^epsilon\b", "ε", sentence)
