"""Values of keyart as JSON, and JSON as values of keyart. A reader raises an error that says what it needs."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ..context import Context
from ..history import Outcome, View
from ..model.policy import Policy

_ENCODERS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (datetime, datetime.isoformat),
    (timedelta, timedelta.total_seconds),
    (bytes, lambda value: str(base64.b64encode(value), "ascii")),
    (Path, str),
)


def text(value: Any) -> str:
    """Read a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("it must be a text that is not empty.")
    return value


def any_text(value: Any) -> str:
    """Read a text, the empty one too."""
    if not isinstance(value, str):
        raise ValueError("it must be a text.")
    return value


def flag(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError("it must be true or false.")
    return value


def texts(value: Any) -> list[str]:
    """Read a list of texts."""
    if not isinstance(value, list):
        raise ValueError("it must be a list of texts.")
    return [text(item) for item in value]


def path(value: Any) -> Path:
    """Read the path of a file or folder."""
    return Path(text(value))


def whole_number(value: Any) -> int:
    """Read a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("it must be a whole number.")
    return value


def message(value: Any) -> bytes:
    """Read bytes in base64."""
    try:
        return base64.b64decode(text(value), validate=True)
    except binascii.Error:
        raise ValueError("it must be bytes in base64.") from None


def context(value: Any) -> Context:
    """Read a context; without `at` it is the present time by the clock of this device."""
    fields = _fields({"at": time.time(), **value} if isinstance(value, dict) else value, Context)
    return Context(**{**fields, "at": moment(fields["at"])})


def view(value: Any) -> View:
    """Read something watched."""
    fields = _fields(value, View)
    if "at" in fields:
        fields["at"] = moment(fields["at"])
    return View(**fields)


def views(value: Any) -> list[View]:
    """Read a list of views."""
    if not isinstance(value, list):
        raise ValueError("it must be a list of views.")
    return [view(item) for item in value]


def outcome(value: Any) -> Outcome:
    """Read the outcome of a decision, such as {"kind": "played", "seconds": 2400}."""
    return Outcome(**_fields(value, Outcome))


def policy(value: Any) -> Policy:
    """Read settings of choosing; durations are in seconds, sets are lists."""
    fields = _fields(value, Policy)
    if "stickiness" in fields:
        fields["stickiness"] = timedelta(seconds=_number(fields["stickiness"]))
    for name, item in fields.items():
        if isinstance(item, list):
            fields[name] = frozenset(texts(item))
    return Policy(**fields)


def moment(value: Any) -> datetime:
    """Read a time as ISO 8601 with its zone, or as seconds since 1970 by the zone of this device."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("a time is ISO 8601 with its zone, such as 2026-03-02T20:15:00+01:00.") from None
    return datetime.fromtimestamp(_number(value)).astimezone()


def as_json(value: Any) -> Any:
    """Return a result of keyart as what JSON holds: objects, lists, texts, numbers; NaN is null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return next((encoded(value) for kind, encoded in _ENCODERS if isinstance(value, kind)), value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("it must be a number.")
    return float(value)


def _fields(value: Any, kind: type[Any]) -> dict[str, Any]:
    """Return the fields of an object for a value of keyart. Raises ValueError for a missing or an unknown one."""
    known = {field.name: field for field in dataclasses.fields(kind) if field.init}
    if not isinstance(value, dict):
        raise ValueError(f"it must be an object with {', '.join(known)}.")
    if unknown := sorted(set(value) - set(known)):
        raise ValueError(f"{kind.__name__} has no field {unknown[0][:40]!r}; it has {', '.join(known)}.")
    needed = [
        name for name, field in known.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]  # fmt: skip
    if missing := [name for name in needed if name not in value]:
        raise ValueError(f"{kind.__name__} needs {', '.join(missing)}.")
    return dict(value)
