"""Settings from texts, as a form or a command line has them: each value by the type of its setting. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from keyart.errors import SettingError

from .campaign import Kind
from .registry import SETTINGS

MAX_SHOWN: Final = 40  # characters of a wrong value that an error repeats


def parse_setting(kind: Kind, name: str, text: str) -> Any:
    """Parse the value of a setting: a number, a text, or a list with commas; JSON where a setting takes an object.

    Raises:
        SettingError: if the kind has no such setting, or the text is not a value of its type.
    """
    known = SETTINGS[kind].model_fields
    if name not in known:
        raise SettingError(f"A campaign of kind {kind} has no setting {name!r}. Settings are {', '.join(known)}.")
    if dict in value_types(known[name]) and text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError as error:
            raise SettingError(f"{name} is not valid JSON ({error}).") from None
    return parse_value(name, text, known[name])


def parse_value(name: str, text: str, about: FieldInfo) -> Any:
    """Parse a value that fits on one line. Raises SettingError."""
    if name == "start":
        return unix_seconds(text)
    types = value_types(about)
    if int in types or float in types:
        return parse_number(name, text, int if int in types else float)
    if tuple in types:
        parts = [part for text_part in text.split(",") if (part := text_part.strip())]
        elements = next(one for one in (about.annotation, *get_args(about.annotation)) if get_origin(one) is tuple)
        numbers = float in _flat(get_args(elements)[0])
        return [parse_number(name, part, float) for part in parts] if numbers else parts
    return text


def parse_number(name: str, text: str, kind: type[int] | type[float]) -> float:
    """Parse a number. Raises SettingError."""
    try:
        return kind(text)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise SettingError(f"{name} is {text[:MAX_SHOWN]!r}; it must be {expected}.") from None


def unix_seconds(text: str) -> int:
    """Parse a date and time, or Unix seconds; without a zone it is in UTC. Raises SettingError."""
    if text.isdecimal():
        return int(text)
    try:
        at = datetime.fromisoformat(text)
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise SettingError(
            f"start is {text[:MAX_SHOWN]!r}; give a date and time in UTC, such as 2027-01-31 08:00."
        ) from None


def value_types(about: FieldInfo) -> tuple[Any, ...]:
    """Return what a value may be: types, or the words of a list."""
    return tuple(_flat(about.annotation))


def _flat(annotation: Any) -> list[Any]:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return list(inner)
    if origin is tuple or origin is dict:
        return [origin]
    if hasattr(annotation, "__metadata__"):
        return _flat(inner[0])
    if inner:
        return [kind for part in inner if part is not NoneType for kind in _flat(part)]
    return [annotation]
