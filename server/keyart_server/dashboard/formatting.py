"""Numbers, moments and shares as people read them. Pure; the templates' filters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

MISSING: Final = "–"
STEPS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def date_time(at: datetime | str) -> str:
    """In UTC, to the minute. at: with zone, or ISO 8601."""
    return _read(at).strftime("%-d %b %Y, %H:%M UTC")


def day(at: datetime | str) -> str:
    return _read(at).strftime("%-d %b %Y")


def iso(at: datetime) -> str:
    """For `<time datetime>`."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def relative_time(at: datetime, now: datetime) -> str:
    """How far from now, in the largest unit that it fills: "3 hours ago", "in 2 days"."""
    seconds = (now - at).total_seconds()
    length = duration(abs(seconds))
    if abs(seconds) < 60:
        return "just now" if seconds >= 0 else "in a moment"
    return f"{length} ago" if seconds > 0 else f"in {length}"


def duration(seconds: float) -> str:
    for size, unit in STEPS:
        if seconds >= size:
            return counted(int(seconds // size), unit)
    return counted(int(seconds), "second")


def counted(quantity: int, noun: str) -> str:
    """ "1 round", "2,000 rounds"."""
    return f"{quantity:,} {noun}" if quantity == 1 else f"{quantity:,} {noun}s"


def number(value: float | None, digits: int = 4) -> str:
    """To `digits` significant ones; whole numbers, and those that have more before the point, whole."""
    if value is None or not math.isfinite(value):
        return MISSING
    if abs(value) < 1e15 and (value == int(value) or abs(value) >= 10.0**digits):
        return f"{round(value):,}".replace("-", "−")
    return f"{value:,.{digits}g}".replace("-", "−")


def epsilon(value: float | None) -> str:
    return MISSING if value is None or not math.isfinite(value) else f"{value:.2f}"


def percent(share: float | None, digits: int = 3) -> str:
    return MISSING if share is None or not math.isfinite(share) else f"{number(100 * share, digits)} %"


def difference(value: float) -> str:
    """Of rewards, which lie between 0 and 1: with its sign, to 4 places."""
    return f"{value:+.4f}".replace("-", "−")


def words_of_name(name: str) -> str:
    """A name of ours as words: `effective_devices` → "effective devices"."""
    return name.replace("_", " ")


FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "moment": date_time,
    "day": day,
    "iso": iso,
    "apart": relative_time,
    "counted": counted,
    "number": number,
    "epsilon": epsilon,
    "percent": percent,
    "difference": difference,
    "plain": words_of_name,
}


def _read(at: datetime | str) -> datetime:
    return (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(UTC)
