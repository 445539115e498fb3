"""Poster colours: sixteen hand-picked harmonies, warm and cool, and the genres that they suit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keyart_tools.models.picture_types import linear_light


def mix(first: str, second: str, share: float) -> str:
    """Blend `first` with a `share` (0–1) of `second`; all colours are `#rrggbb`."""
    pairs = ((int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def luminance(colour: str) -> float:
    """Return the relative luminance, 0–1 (WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance)."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return float(linear_light(channels) @ (0.2126, 0.7152, 0.0722))


@dataclass(frozen=True, slots=True)
class Palette:
    """Zenith, middle and horizon of the background, and its darkest, strongest and lightest colour."""

    zenith: str
    middle: str
    horizon: str
    ink: str
    accent: str
    paper: str

    def depth(self, nearness: float) -> str:
        """Return the colour of a layer in haze: 0 is the horizon, 1 is ink."""
        return mix(self.horizon, self.ink, nearness)

    def letters(self, ground: str) -> str:
        """Return paper or ink, whichever has more contrast with `ground`."""
        behind = luminance(ground)
        on_paper = (luminance(self.paper) + 0.05) / (behind + 0.05)
        on_ink = (behind + 0.05) / (luminance(self.ink) + 0.05)
        return self.paper if on_paper >= on_ink else self.ink


def _palette(colours: str) -> Palette:
    return Palette(*("#" + colour for colour in colours.split()))


PALETTES = {
    # warm
    "ember": _palette("2a0e20 8c1f33 f2683c 15070f ffc65a fff0db"),
    "desert": _palette("a8321f e2652f f9b45c 3a1210 fff0c4 fff6e3"),
    "mustard": _palette("e5a92d f0c04e f9e2a4 2b1a17 c5332b fff8e4"),
    "rose": _palette("3a1338 a8325f f8907c 1c0a1e ffd79e fff0e6"),
    "coral": _palette("ee5d50 f6906d fdd3a4 2a1331 12626f fff5e8"),
    "cinema": _palette("4d0810 a8121d e53a2c 110305 f6dfb0 fff1dd"),
    "sepia": _palette("463021 93663d dcb684 1f130c f6e2b6 fbf1de"),
    "brandy": _palette("1d0f12 5e2a20 c9793e 0f0708 f3b95f fbead0"),
    # cool
    "midnight": _palette("060b20 142f60 4b8fb8 03060f ffd680 eef6fb"),
    "teal": _palette("05252c 0e5f69 6cc4b0 031317 ff8d5e f0faf4"),
    "violet": _palette("120a35 47258f c077e6 0a0522 7ff3e4 f6efff"),
    "ice": _palette("7fb6d3 bcdbe8 f0f5f2 10304b de4f3c ffffff"),
    "forest": _palette("06180f 164430 7fae78 030c08 f2d98a f4f6e6"),
    "steel": _palette("0b0d11 2a3139 8b959e 050608 d5362f f1ede2"),
    "cobalt": _palette("0c2aa0 2a63dc 8fc0f8 060f42 ffd033 f5f8ff"),
    "mint": _palette("157c78 5cc0ae d6f2de 0c3040 ff6c5c fbfff8"),
}

DEFAULT = ("rose", "brandy", "desert", "teal", "midnight", "ice")
# By genre: the harmonies that fit it, three warm ones first. Bright grounds carry the light genres.
BY_GENRE = {
    "action": ("ember", "cinema", "desert", "midnight", "cobalt", "steel"),
    "adventure": ("desert", "ember", "mustard", "teal", "forest", "ice"),
    "animation": ("coral", "mustard", "desert", "cobalt", "mint", "ice"),
    "biography": ("sepia", "brandy", "mustard", "steel", "ice", "teal"),
    "comedy": ("coral", "mustard", "desert", "mint", "cobalt", "ice"),
    "crime": ("cinema", "brandy", "ember", "steel", "midnight", "teal"),
    "documentary": ("sepia", "mustard", "brandy", "ice", "teal", "steel"),
    "drama": ("rose", "brandy", "desert", "teal", "midnight", "ice"),
    "family": ("mustard", "coral", "desert", "mint", "ice", "cobalt"),
    "fantasy": ("rose", "ember", "desert", "violet", "teal", "midnight"),
    "film-noir": ("sepia", "brandy", "cinema", "steel", "steel", "midnight"),
    "history": ("sepia", "desert", "cinema", "steel", "ice", "forest"),
    "horror": ("cinema", "ember", "brandy", "forest", "steel", "midnight"),
    "music": ("rose", "coral", "ember", "violet", "cobalt", "midnight"),
    "musical": ("cinema", "rose", "coral", "violet", "cobalt", "mint"),
    "mystery": ("brandy", "sepia", "ember", "forest", "midnight", "teal"),
    "news": ("mustard", "sepia", "cinema", "ice", "steel", "cobalt"),
    "romance": ("rose", "coral", "ember", "midnight", "violet", "teal"),
    "science-fiction": ("ember", "rose", "desert", "violet", "midnight", "teal"),
    "short": ("mustard", "coral", "cinema", "cobalt", "mint", "ice"),
    "sport": ("ember", "mustard", "cinema", "cobalt", "mint", "teal"),
    "thriller": ("cinema", "ember", "brandy", "steel", "midnight", "teal"),
    "war": ("sepia", "ember", "brandy", "forest", "steel", "midnight"),
    "western": ("desert", "ember", "sepia", "teal", "midnight", "ice"),
}


def palette_for(genre: str, warmth: str, pick: float) -> Palette:
    """Return the `pick`-th (0–1) harmony of `genre`; `warmth` is "warm", "cool" or "" for either."""
    names = BY_GENRE.get(genre, DEFAULT)
    fitting = {"warm": names[:3], "cool": names[3:]}.get(warmth, names)
    return PALETTES[fitting[min(int(pick * len(fitting)), len(fitting) - 1)]]
