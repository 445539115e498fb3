"""The context of a choice: device, time of day, place on the page, trending titles, and the viewer's request."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from .catalog import MAX_FINITE_NUMBER, check_rating, is_text, quoted
from .errors import ContextError

log = logging.getLogger("keyart")

DEVICES = ("tv", "phone", "tablet", "desktop")
OTHER_DEVICE = "other"  # any other word is kept as it is, treated as this one, and logged once
DEVICE_ALIASES = MappingProxyType(
    {
        alias: device
        for device, aliases in (
            (
                "tv",
                (
                    "television",
                    "smart tv",
                    "smarttv",
                    "android tv",
                    "apple tv",
                    "google tv",
                    "fire tv",
                    "set top box",
                    "stb",
                    "console",
                    "streaming stick",
                ),
            ),
            ("phone", ("mobile", "mobile phone", "smartphone", "iphone", "android phone", "handset")),
            ("tablet", ("ipad", "android tablet", "kindle")),
            ("desktop", ("laptop", "pc", "mac", "computer", "web", "browser")),
        )
        for alias in aliases
    }
)
MAX_SLOT = 999_999
DAYPARTS = ("night", "morning", "afternoon", "evening")


_known_devices: dict[str, str] = {device: device for device in (*DEVICES, OTHER_DEVICE)}
_MAX_KNOWN_DEVICES = 256


def device_class_of(word: str) -> str:
    """Return the device class of a word: "TV" and "Smart-TV" are "tv", "iPad" is "tablet" (`DEVICE_ALIASES`).

    A word that is no class and no alias is returned in lower case. Models treat it as "other", which is logged once.
    """
    known = _known_devices.get(word)
    if known is not None:
        return known
    plain = " ".join(word.casefold().replace("_", " ").replace("-", " ").split())
    device = _known_devices.get(plain) or DEVICE_ALIASES.get(plain) or word.strip().casefold()
    if device not in DEVICES and device != OTHER_DEVICE:
        # The word itself is not logged: the log names nothing of a person or a device.
        log.warning(
            "A device class is none of %s, 'other', or an alias of one: models treat it as 'other'",
            ", ".join(map(repr, DEVICES)),
        )
    if len(_known_devices) < _MAX_KNOWN_DEVICES:
        _known_devices[word] = device
    return device


def daypart_of(at: datetime) -> str:
    """Return the daypart by the viewer's clock: night 23–5, morning 5–12, afternoon 12–17, evening 17–23."""
    hour = at.hour
    if hour < 5 or hour >= 23:
        return "night"
    if hour < 12:
        return "morning"
    return "afternoon" if hour < 17 else "evening"


def require_zone(at: object, what: str, error: type[Exception]) -> None:
    """Raise `error` unless `at` is a datetime with a time zone. Without one the daypart is a guess."""
    if not isinstance(at, datetime):
        raise error(f"{what} must be a datetime, not {type(at).__name__}.")
    if at.utcoffset() is None:
        raise error(f"{what} has no time zone; pass datetime.now().astimezone() or set tzinfo.")


def _weights(values: Mapping[str, float], what: str) -> Mapping[str, float]:
    if not isinstance(values, Mapping):
        raise ContextError(f"Context.{what} must be a mapping of text to weight, not {type(values).__name__}.")
    clean: dict[str, float] = {}
    for key, weight in values.items():
        try:
            value = float(weight)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not abs(value) <= MAX_FINITE_NUMBER:
            raise ContextError(
                f"Context.{what}[{quoted(key)}] is {quoted(weight)}; it must be a finite number, at most "
                f"{MAX_FINITE_NUMBER:.0e} in size."
            )
        clean[str(key)] = value
    return MappingProxyType(clean)


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a choice.

    Attributes:
        device: "tv", "phone", "tablet", "desktop" or "other", in any case, or an alias (`device_class_of`). Another
            word is treated as "other".
        at: The viewer's local time, with a time zone.
        slot: Place on the page, from 0.
        trending: Share in 0–1 by title id.
        intent: Weights of tags that the viewer asked for just now (voice, gesture, mood). Never stored.
        max_maturity: Highest age rating that may be shown, such as "13+", "PG-13" or "FSK 12"; "" for any. The limit
            of the profile holds beside it.
        daypart: Daypart of `at`, worked out once since each choice asks for it more than once.

    Raises:
        ContextError: A field cannot be used.
    """

    device: str
    at: datetime
    slot: int = 0
    trending: Mapping[str, float] = field(default_factory=dict)
    intent: Mapping[str, float] = field(default_factory=dict)
    max_maturity: str = ""
    daypart: str = field(init=False, repr=False, compare=False)  # of `at`; each choice asks for it more than once

    def __post_init__(self) -> None:
        if not is_text(self.device) or not self.device.strip():
            raise ContextError(f"Context.device must be a text such as 'tv', not {quoted(self.device)}.")
        object.__setattr__(self, "device", device_class_of(self.device))
        require_zone(self.at, "Context.at", ContextError)
        if isinstance(self.slot, bool) or not isinstance(self.slot, int) or not 0 <= self.slot <= MAX_SLOT:
            raise ContextError(
                f"Context.slot must be a whole number from 0 to {MAX_SLOT:,}, not {quoted(self.slot)}."
            )
        check_rating(self.max_maturity, "Context.max_maturity", ContextError)
        object.__setattr__(self, "trending", _weights(self.trending, "trending"))
        object.__setattr__(self, "intent", _weights(self.intent, "intent"))
        object.__setattr__(self, "daypart", daypart_of(self.at))

    def at_slot(self, slot: int) -> Context:
        """Return the same context at another slot, a whole number from 0. Nothing is checked again."""
        other = object.__new__(Context)
        for name in ("device", "at", "trending", "intent", "max_maturity", "daypart"):
            object.__setattr__(other, name, getattr(self, name))
        object.__setattr__(other, "slot", slot)
        return other
