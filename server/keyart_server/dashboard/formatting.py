"""Formatting of numbers, times and shares; also the filters of the templates. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

MISSING: Final = "–"
STEPS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def date_time(at: datetime | str) -> str:
    """Format a time in UTC, to the minute; `at` has a zone or is ISO 8601 text."""
    return _read(at).strftime("%-d %b %Y, %H:%M UTC")


def date_time_seconds(at: datetime) -> str:
    """Format a time in UTC, to the second."""
    return _read(at).strftime("%-d %b %Y, %H:%M:%S UTC")


def day(at: datetime | str) -> str:
    """Format a date."""
    return _read(at).strftime("%-d %b %Y")


def iso(at: datetime) -> str:
    """Format a time for `<time datetime>`."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def relative_time(at: datetime, now: datetime) -> str:
    """Format the distance from now in the largest unit that it fills: "3 hours ago", "in 2 days"."""
    seconds = (now - at).total_seconds()
    length = duration(abs(seconds))
    if abs(seconds) < 60:
        return "just now" if seconds >= 0 else "in a moment"
    return f"{length} ago" if seconds > 0 else f"in {length}"


def duration(seconds: float) -> str:
    """Format a duration in the largest unit that it fills."""
    for size, unit in STEPS:
        if seconds >= size:
            return counted(int(seconds // size), unit)
    return counted(int(seconds), "second")


def counted(quantity: int, noun: str, plural: str = "") -> str:
    """Format a quantity with its noun: 1 round, 2,000 rounds; `plural` is for nouns that do not only take an s."""
    return f"{quantity:,} {noun}" if quantity == 1 else f"{quantity:,} {plural or noun + 's'}"


def number(value: float | None, digits: int = 4) -> str:
    """Format a number with `digits` significant digits; integers and large numbers without decimals."""
    if value is None or not math.isfinite(value):
        return MISSING
    if abs(value) < 1e15 and (value == int(value) or abs(value) >= 10.0**digits):
        return f"{round(value):,}".replace("-", "−")
    return f"{value:,.{digits}g}".replace("-", "−")


def epsilon(value: float | None) -> str:
    """Format ε with two decimals."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.2f}"


def percent(share: float | None, digits: int = 3) -> str:
    """Format a share as a percentage."""
    return MISSING if share is None or not math.isfinite(share) else f"{number(100 * share, digits)} %"


def setting(value: object, name: str) -> str:
    """Format a setting of a campaign; the start of an experiment is stored in Unix seconds."""
    if name == "start" and isinstance(value, int):
        return date_time(datetime.fromtimestamp(value, UTC))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple | dict) else str(value)


def difference(value: float) -> str:
    """Format a difference of rewards, which lie between 0 and 1: with sign and 4 decimals."""
    return f"{value:+.4f}".replace("-", "−")


def file_size(size_bytes: int) -> str:
    """Format the size of a file in kB or MB."""
    if size_bytes < 1_000_000:
        return f"{max(1, round(size_bytes / 1000)):,} kB"
    return f"{size_bytes / 1_000_000:,.1f} MB"


def actor_name(actor: str) -> str:
    """Return the name of an actor of the audit log: `person:Robin` as Robin."""
    return actor.partition(":")[2] or actor


def actor_kind(actor: str) -> str:
    """Return the kind of an actor of the audit log."""
    return {"person": "a person", "token": "an API token"}.get(actor.partition(":")[0], "at its start")


def reason_text(reason: str) -> str:
    """Format the reason of a release's status: names of people without the prefix that the audit log uses."""
    return re.sub(r"\bBy (?:person|(token)):", lambda found: "By token " if found[1] else "By ", reason)


def words_of_check(check: str) -> str:
    """Format the name of a check as words: `no-genre` as No genre."""
    return check.replace("-", " ").capitalize()


def words_of_name(name: str) -> str:
    """Format a name as words: `effective_devices` as effective devices."""
    return name.replace("_", " ")


def with_code(text: str) -> Markup:
    """Escape a text, and mark what stands between backticks as code."""
    parts = enumerate(text.split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(part) if number % 2 else part for number, part in parts)


FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "date_time": date_time,
    "date_time_seconds": date_time_seconds,
    "day": day,
    "iso": iso,
    "relative_time": relative_time,
    "counted": counted,
    "number": number,
    "epsilon": epsilon,
    "percent": percent,
    "difference": difference,
    "setting": setting,
    "words_of_name": words_of_name,
    "words_of_check": words_of_check,
    "file_size": file_size,
    "reason_text": reason_text,
    "actor_name": actor_name,
    "actor_kind": actor_kind,
    "with_code": with_code,
}


def _read(at: datetime | str) -> datetime:
    return (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(UTC)
