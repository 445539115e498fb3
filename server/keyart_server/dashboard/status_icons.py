"""An icon beside each status, so that it can be read without colour. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Tone = Literal["going", "good", "bad", "still", "alert"]

# SVG paths in a 12 by 12 box, filled even-odd.
PATHS: Final[Mapping[str, str]] = {
    "play": "M3 1.5v9l7.5-4.5z",
    "bars": "M2.5 1.5h2.5v9h-2.5zM7 1.5h2.5v9h-2.5z",
    "square": "M2 2h8v8h-8z",
    "ring": "M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10zM6 2.8a3.2 3.2 0 1 1 0 6.4a3.2 3.2 0 1 1 0-6.4z",
    "half": "M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10zM6 2.6a3.4 3.4 0 0 1 0 6.8z",
    "check": "M1.2 6.6l1.5-1.5l2.1 2.1l4.6-4.9l1.5 1.4l-6 6.5z",
    "cross": "M2.9 1.5L6 4.6l3.1-3.1l1.4 1.4L7.4 6l3.1 3.1l-1.4 1.4L6 7.4l-3.1 3.1l-1.4-1.4L4.6 6L1.5 2.9z",
    "warn": "M6 .8L11.8 11.2H.2zM5.3 4.2v3.6h1.4v-3.6zM5.3 8.7v1.4h1.4v-1.4z",
    "back": "M5 1.5v2.6h2.2a3.3 3.3 0 0 1 0 6.6H3v-1.8h4.2a1.5 1.5 0 0 0 0-3H5v2.6L1 5z",
}

# Status of campaigns, rounds, releases, gates and verdicts: icon and tone.
STATUS_ICONS: Final[Mapping[str, tuple[str, Tone]]] = {
    "draft": ("ring", "still"),
    "running": ("play", "going"),
    "paused": ("bars", "alert"),
    "stopped": ("square", "still"),
    "done": ("check", "good"),
    "keys": ("play", "going"),
    "share": ("play", "going"),
    "masked": ("play", "going"),
    "unmask": ("play", "going"),
    "answered": ("half", "going"),
    "failed": ("cross", "bad"),
    "candidate": ("ring", "going"),
    "refused": ("cross", "bad"),
    "waiting": ("warn", "alert"),
    "rolling": ("half", "going"),
    "released": ("check", "good"),
    "held": ("bars", "bad"),
    "superseded": ("check", "still"),
    "withdrawn": ("back", "still"),
    "withdrawn, rollback pending": ("warn", "alert"),
    "passed": ("check", "good"),
    "unclear": ("ring", "alert"),
    "drowned by noise": ("ring", "alert"),
    "online": ("check", "good"),
    "silent": ("warn", "bad"),
    "better": ("check", "good"),
    "worse": ("cross", "bad"),
    "no difference": ("square", "still"),
    "not yet": ("ring", "going"),
    "guard": ("warn", "bad"),
    "mismatch": ("warn", "bad"),
}


def icon_of(word: str) -> tuple[str, Tone]:
    """Return path and tone of a status; an unknown one gets a ring."""
    name, tone = STATUS_ICONS.get(word, ("ring", "still"))
    return PATHS[name], tone
