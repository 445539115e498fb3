"""Drawing primitives of a poster: 320 × 180 units, a few flat shapes, one random generator.

Attributes are single-quoted, so that a drawing needs no escaping in a double-quoted `url("data:…")`. Coordinates are
positional arguments, as in SVG.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from .palette import Palette

WIDTH, HEIGHT = 320, 180
GROUND = 132  # where scenes with a floor put the feet
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class PosterStage:
    """Inputs of a scene; `side` is +1 if figures stand right and letters left, else −1."""

    chance: Random
    palette: Palette
    side: int
    uid: str  # prefix of ids, so that drawings can share a document

    @property
    def focus(self) -> int:
        """Return the x coordinate of the visual focus."""
        return WIDTH // 2 + self.side * 74

    def between(self, low: float, high: float) -> float:
        """Return a random number between two bounds."""
        return low + (high - low) * self.chance.random()


def num(value: float) -> str:
    """Format a coordinate as briefly as possible, to a tenth of a unit."""
    text = f"{value:.1f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def shape(d: str, fill: str, extra: str = "") -> str:
    """Draw filled path data."""
    return f"<path d='{d}' fill='{fill}'{extra and ' ' + extra}/>"


def stroke(d: str, colour: str, width: float, extra: str = "") -> str:
    """Draw a line along path data."""
    return f"<path d='{d}' fill='none' stroke='{colour}' stroke-width='{num(width)}'{extra and ' ' + extra}/>"


def disc(x: float, y: float, r: float, fill: str, opacity: float = 1.0) -> str:
    """Draw a filled circle."""
    return f"<circle cx='{num(x)}' cy='{num(y)}' r='{num(r)}' fill='{fill}'{see_through(opacity)}/>"


def oval(x: float, y: float, rx: float, ry: float, fill: str, opacity: float = 1.0) -> str:
    """Draw a filled ellipse."""
    return f"<ellipse cx='{num(x)}' cy='{num(y)}' rx='{num(rx)}' ry='{num(ry)}' fill='{fill}'{see_through(opacity)}/>"


def box(x: float, y: float, width: float, height: float, fill: str, opacity: float = 1.0) -> str:
    """Draw a filled rectangle."""
    return (
        f"<rect x='{num(x)}' y='{num(y)}' width='{num(width)}' height='{num(height)}' "
        f"fill='{fill}'{see_through(opacity)}/>"
    )


def see_through(opacity: float) -> str:
    """Return the attribute of an opacity below 1."""
    return "" if opacity >= 1.0 else f" opacity='{opacity:.2f}'"


def polygon(points: Sequence[Point]) -> str:
    """Return the path data of a closed polygon."""
    return "M" + "L".join(f"{num(x)} {num(y)}" for x, y in points) + "Z"


def dots(points: Sequence[Point]) -> str:
    """Return path data that a round-capped stroke turns into dots: one element for a whole sky of stars."""
    return "".join(f"M{num(x)} {num(y)}h0" for x, y in points)


def ridge(stage: PosterStage, y: float, height: float, step: int, *, smooth: bool) -> str:
    """Return the path data of hills from edge to edge, filled to the bottom; `height` is in units above y."""
    tops = [(x, round(y - height * stage.chance.random())) for x in range(-step, WIDTH + 2 * step, step)]
    if not smooth:
        return polygon([(-step, HEIGHT), *tops, (WIDTH + step, HEIGHT)])
    data = f"M{-step} {HEIGHT}V{num(tops[0][1])}"
    for (x0, y0), (x1, y1) in pairwise(tops):
        middle = (x0 + x1) / 2
        data += f"C{num(middle)} {num(y0)} {num(middle)} {num(y1)} {num(x1)} {num(y1)}"
    return data + f"V{HEIGHT}Z"


def ray(x: float, y: float, angle: float, spread: float, length: float = 420) -> str:
    """Return the path data of a thin wedge of light from (x, y); angles in radians, 0 to the right, clockwise."""
    ends = [
        (round(x + length * math.cos(a)), round(y + length * math.sin(a))) for a in (angle - spread, angle + spread)
    ]
    return polygon([(x, y), *ends])


def gradient(name: str, stops: Sequence[tuple[float, str, float]], *, across: bool = False) -> str:
    """Return a linear gradient from top to bottom, or left to right; stops are (offset, colour, opacity)."""
    direction = "" if across else " x2='0' y2='1'"
    inner = "".join(
        f"<stop offset='{offset:g}' stop-color='{colour}'"
        + ("" if opacity >= 1 else f" stop-opacity='{opacity:.2f}'")
        + "/>"
        for offset, colour, opacity in stops
    )
    return f"<linearGradient id='{name}'{direction}>{inner}</linearGradient>"
