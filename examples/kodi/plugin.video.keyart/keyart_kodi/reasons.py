"""Why a picture is shown, as rows of a dialog: its reasons first, then the chance of every picture. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

LINE = 40  # Latin letters that fit on the first line of a row; a Japanese character is as wide as two
NOT_FIRST = "、。」）"  # characters that begin no line


@dataclass(frozen=True)
class Words:
    """Words in Kodi's language: of the picture that is shown, of another one, and of one that may not be shown."""

    shown: str
    other: str
    not_allowed: str


@dataclass(frozen=True)
class Reason:
    """A row of the dialog."""

    label: str
    detail: str
    image: str


def rows(explanation: dict, chances: dict[str, float], images: dict[str, str], words: Words) -> list[Reason]:
    """Return the rows.

    Args:
        explanation: What the sidecar's `explain` returns.
        chances: What its `preview` returns.
        images: Path of the picture, by artwork.
        words: Words in Kodi's language.
    """
    shown = explanation["artwork_id"]
    made = []
    for factor in explanation["factors"]:
        made.append(Reason(*broken(factor["text"]), images.get(shown, "")))
    for artwork in sorted(chances, key=lambda artwork: -chances[artwork]):
        label = percent(chances[artwork]) if chances[artwork] else words.not_allowed
        made.append(Reason(label, words.shown if artwork == shown else words.other, images.get(artwork, "")))
    return made


def broken(text: str) -> tuple[str, str]:
    """Return what of a text fits on the first line of a row, and the rest."""
    width = end = 0
    for i, character in enumerate(text):
        wide = unicodedata.east_asian_width(character) in "WF"
        if i and (text[i - 1] == " " or (wide and character not in NOT_FIRST)):
            end = i
        width += 1 + wide
        if width > LINE and end:
            return text[:end].rstrip(), text[end:]
    return text, ""


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"
