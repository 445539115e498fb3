"""The schema of a decision log: the fields of its rows, and the values that each of them takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from keyart_federated.evaluation import MAX_REWARD, MIN_PROPENSITY, ROUNDING

FieldKind = Literal["text", "time", "number", "whole number", "true or false"]
FLAGS: Final = {"true": True, "false": False, "1": True, "0": False}
MAX_SHOWN_LENGTH: Final = 40  # characters of a wrong value that a message shows


@dataclass(frozen=True, slots=True)
class LogField:
    """A field of the schema.

    Attributes:
        name: name of the column in CSV, and of the key in JSON Lines.
        kind: kind of its values.
        views: whether a view has it: "required", "optional", or "" for no.
        decisions: whether a decision has it, likewise.
        minimum: smallest number.
        maximum: largest number.
    """

    name: str
    kind: FieldKind
    views: str
    decisions: str
    minimum: float = -math.inf
    maximum: float = math.inf

    def parse(self, text: str) -> Any:
        """Return the value of a cell of CSV: None if it is empty, the text itself if it is not of this kind."""
        text = text.strip()
        if not text:
            return None
        if self.kind == "true or false":
            return FLAGS.get(text.lower(), text)
        if self.kind in ("number", "whole number"):
            if text.lower() in ("true", "false"):
                return FLAGS[text.lower()]
            try:
                return int(text) if self.kind == "whole number" else float(text)
            except ValueError:
                return text
        return text

    def check(self, value: Any) -> Any:
        """Return a value of this kind and within its range.

        Raises:
            ValueError: the value is of another kind, or out of range; the message names the field.
        """
        if self.kind == "text":
            if not isinstance(value, str) or not value:
                raise ValueError(f"'{self.name}' is {_shown(value)}; it must be a text that is not empty")
            return value
        if self.kind == "time":
            return self._time(value)
        if self.kind == "true or false":
            if not isinstance(value, bool):
                raise ValueError(f"'{self.name}' is {_shown(value)}; it must be true or false")
            return value
        return self._number(value)

    def _time(self, value: Any) -> datetime:
        try:
            at = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"'{self.name}' is {_shown(value)}; it must be a time such as 2026-03-01T20:15:00+01:00"
            ) from None
        if at.utcoffset() is None:
            raise ValueError(f"'{self.name}' is {_shown(value)}, which has no time zone; add one, such as +01:00")
        return at

    def _number(self, value: Any) -> float:
        if isinstance(value, bool) and self.name == "reward":  # clicked or not
            return float(value)
        whole = self.kind == "whole number"
        try:
            right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
            number = float(value) if right else math.nan
        except OverflowError:  # a whole number beyond a double
            number = math.nan
        if not self.minimum <= number <= self.maximum or not math.isfinite(number):
            raise ValueError(f"'{self.name}' is {_shown(value)}; it must be {self.range}")
        return int(value) if whole else number

    @property
    def range(self) -> str:
        """Return the values that a number may have, in words."""
        kind = "a whole number" if self.kind == "whole number" else "a finite number"
        if self.minimum == MIN_PROPENSITY:
            return f"{kind} above 0 and up to 1"
        if self.maximum == 1 + ROUNDING:
            return f"{kind} from 0 to 1"
        if self.minimum == 0:
            return f"{kind}, and not negative"
        return kind


FIELDS: Final[Mapping[str, LogField]] = {
    field.name: field
    for field in (
        LogField("viewer", "text", "required", "required"),
        LogField("at", "time", "required", "required"),
        LogField("device", "text", "required", "required"),
        LogField("title_id", "text", "required", "required"),
        LogField("seconds", "number", "required", "optional", minimum=0),
        LogField("artwork_id", "text", "", "required"),
        LogField("propensity", "number", "", "required", minimum=MIN_PROPENSITY, maximum=1 + ROUNDING),
        LogField("outcome", "text", "", "required"),
        LogField("slot", "whole number", "", "optional", minimum=0),
        LogField("with_intent", "true or false", "", "optional"),
        LogField("reward", "number", "", "optional", minimum=-MAX_REWARD, maximum=MAX_REWARD),
        LogField("target_probability", "number", "", "optional", minimum=0, maximum=1 + ROUNDING),
        LogField("predicted_shown", "number", "", "optional", minimum=-MAX_REWARD, maximum=MAX_REWARD),
        LogField("predicted_target", "number", "", "optional", minimum=-MAX_REWARD, maximum=MAX_REWARD),
    )
}


def is_decision(row: Mapping[str, Any]) -> bool:
    """Return whether a row is a decision; it is a view if it names no artwork."""
    return row.get("artwork_id") is not None


def checked(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a row that are given, checked.

    Raises:
        ValueError: a field is missing or wrong; the message names it.
    """
    decision = is_decision(row)
    values = {}
    for field in FIELDS.values():
        presence = field.decisions if decision else field.views
        value = row.get(field.name) if presence else None
        if value is not None:
            values[field.name] = field.check(value)
        elif presence == "required":
            raise ValueError(f"'{field.name}' is missing")
    return values


def _shown(value: Any) -> str:
    """Return a wrong value as a message shows it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[:MAX_SHOWN_LENGTH]}…"
