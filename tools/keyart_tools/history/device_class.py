"""Device classes from the device names of services: `"Apple iPad Pro 12.9 in 5th Gen"` is a tablet."""

from __future__ import annotations

import re
from functools import lru_cache

# The first that fits: an Android TV is a TV, a phone with Windows a phone.
_CLASSES = (
    ("tablet", re.compile(r"ipad|tablet|kindle")),
    ("phone", re.compile(r"phone|mobile|ipod")),
    (
        "tv",
        re.compile(
            r"\btv|tv\b|firetv|chromecast|roku|playstation|\bps[345]\b|xbox|nintendo|\bwii|blu-?ray|set[- ]?top|"
            r"\bstb\b|shield|mi ?box|television|console"
        ),
    ),
    (
        "desktop",
        re.compile(r"\bpc\b|\bmac|windows|chrome|firefox|safari|edge|explorer|opera|cadmium|linux|desktop|laptop"),
    ),
    ("phone", re.compile(r"android|\bios\b")),
)


@lru_cache(maxsize=1024)
def device_class(name: str) -> str:
    """Return "tv", "phone", "tablet", "desktop" or "other"."""
    plain = name.casefold()
    return next((device for device, pattern in _CLASSES if pattern.search(plain)), "other")
