"""Views (something watched), outcomes (of a choice), and the reward (the measure of success)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .catalog import is_text
from .context import device_class_of, require_zone
from .errors import HistoryError, SettingError

OutcomeKind = Literal["skipped", "opened", "played"]


def _checked_seconds(seconds: float, what: str) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise HistoryError(f"{what}: seconds must be a number, not {seconds!r}.")
    if not math.isfinite(seconds) or seconds < 0:
        raise HistoryError(f"{what}: seconds is {seconds}; it must be finite and not negative.")
    return float(seconds)


@dataclass(frozen=True, slots=True)
class View:
    """Something watched, with or without a decision before it.

    Attributes:
        title_id: The title.
        at: Start, with a time zone.
        seconds: How long it was watched.
        device: Device class; the same words as for `Context.device`.

    Raises:
        HistoryError: A field cannot be used.
    """

    title_id: str
    at: datetime
    seconds: float
    device: str = "tv"

    def __post_init__(self) -> None:
        if not is_text(self.title_id):
            raise HistoryError(f"View.title_id must be a text that is not empty, not {self.title_id!r}.")
        require_zone(self.at, "View.at", HistoryError)
        object.__setattr__(self, "seconds", _checked_seconds(self.seconds, f"View of {self.title_id!r}"))
        if not is_text(self.device) or not self.device.strip():
            raise HistoryError(f"View.device must be a text such as 'tv', not {self.device!r}.")
        object.__setattr__(self, "device", device_class_of(self.device))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a decision: `Outcome.played(seconds=2400)`, `Outcome.skipped()` or `Outcome.opened()`.

    Raises:
        HistoryError: The kind is unknown, or the seconds are not finite.
    """

    kind: OutcomeKind
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("skipped", "opened", "played"):
            raise HistoryError(f"Outcome.kind is {self.kind!r}; use Outcome.played, .skipped or .opened.")
        object.__setattr__(self, "seconds", _checked_seconds(self.seconds, "Outcome"))

    @classmethod
    def played(cls, seconds: float) -> Outcome:
        """Return the outcome of a title that was played for `seconds`."""
        return cls("played", seconds)

    @classmethod
    def skipped(cls) -> Outcome:
        """Return the outcome of an artwork that was seen and passed over."""
        return cls("skipped")

    @classmethod
    def opened(cls) -> Outcome:
        """Return the outcome of a title whose page was opened, with nothing played yet."""
        return cls("opened")


@dataclass(frozen=True, slots=True)
class Reward:
    """The reward of an outcome: 1 for a quality play, else 0.

    An abandoned play earns nothing, so clickbait does not pay.

    Attributes:
        quality_seconds: Duration of a quality play in seconds.
        quality_share: Share of the title's duration that is a quality play, too.

    Raises:
        SettingError: A threshold is out of range.
    """

    quality_seconds: float = 15 * 60.0
    quality_share: float = 0.7

    def __post_init__(self) -> None:
        if not (math.isfinite(self.quality_seconds) and self.quality_seconds > 0):
            raise SettingError(f"Reward.quality_seconds is {self.quality_seconds}; it must be above 0.")
        if not 0 < self.quality_share <= 1:
            raise SettingError(f"Reward.quality_share is {self.quality_share}; it must be in (0, 1].")

    def is_quality(self, seconds: float, duration: float) -> bool:
        """Return True if `seconds` of a title of `duration` seconds (0 if unknown) are a quality play."""
        return seconds >= self.quality_seconds or (duration > 0 and seconds >= self.quality_share * duration)

    def of(self, outcome: Outcome, duration: float) -> float:
        """Return the reward of an outcome, 1.0 or 0.0."""
        return float(outcome.kind == "played" and self.is_quality(outcome.seconds, duration))
