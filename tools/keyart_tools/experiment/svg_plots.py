"""Coordinates of the report page's plots, in units of an SVG view box."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 480.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 10.0, 12.0, 34.0
BAR_WIDTH, BAR_HEIGHT = 200.0, 22.0


@dataclass(frozen=True, slots=True)
class EffectPlot:
    """A plot of the effect over time.

    Attributes:
        band: polygon of the interval.
        line: line of the effect.
        dots: interim analyses.
        ys, xs: ticks with labels.
        zero: height of no effect.
        margin: top and height of effects that are too small to matter.
    """

    band: str
    line: str
    dots: list[tuple[float, float]]
    ys: list[tuple[float, str]]
    xs: list[tuple[float, str]]
    zero: float
    margin: tuple[float, float]


def effect_plot(metric: dict[str, Any], margin: float) -> EffectPlot:
    """Plot effect and interval by interim analysis, as shares of the control's mean; `metric` is as in `course`."""
    scale = abs(metric["control"]) or 1.0
    looks = [
        {"day": look["day"], **{k: look[k] / scale for k in ("effect", "low", "high")}} for look in metric["by_look"]
    ]
    low_end = min(-margin, *(look["low"] for look in looks))
    high_end = max(margin, *(look["high"] for look in looks))
    days = [look["day"] for look in looks]
    if len(days) == 1:  # one look is a bar in the middle
        day = days[0]
        days = [day - 0.5, day + 0.5]
        looks = [{**looks[0], "day": days[0]}, {**looks[0], "day": days[1]}]
    step = _step(high_end - low_end)
    low_end, high_end = math.floor(low_end / step) * step, math.ceil(high_end / step) * step

    def x(day: float) -> float:
        return _placed(LEFT + (day - days[0]) / (days[-1] - days[0]) * (WIDTH - LEFT - RIGHT))

    def y(value: float) -> float:
        return _placed(TOP + (high_end - value) / (high_end - low_end) * (HEIGHT - TOP - BOTTOM))

    upper = [(x(look["day"]), y(look["high"])) for look in looks]
    lower = [(x(look["day"]), y(look["low"])) for look in reversed(looks)]
    middle = [(x(look["day"]), y(look["effect"])) for look in looks]
    ticks = [low_end + i * step for i in range(round((high_end - low_end) / step) + 1)]
    named = sorted({round(look["day"]) for look in metric["by_look"]})
    every = max(1, math.ceil(len(named) / 8))
    return EffectPlot(
        band=_points(upper + lower),
        line=_points(middle),
        dots=middle if len(metric["by_look"]) > 1 else [],
        ys=[(y(tick), _percent(tick, step)) for tick in ticks],
        xs=[(x(day), f"{day:g}") for day in named[::every]],
        zero=y(0.0),
        margin=(y(margin), round(y(-margin) - y(margin), 1)),
    )


@dataclass(frozen=True, slots=True)
class ForestBar:
    """A row of a forest plot: the interval and its middle, within 0 and `BAR_WIDTH`, and the place of no effect."""

    left: float
    right: float
    middle: float
    zero: float


def forest_bars(metrics: list[dict[str, Any]]) -> list[ForestBar]:
    """Plot relative effects on one scale; an interval far longer than most is cut at the ends."""
    rows = [metric["relative"] for metric in metrics if None not in metric["relative"]]
    reach = sorted(max(abs(low), abs(high)) for _, low, high in rows)
    most = min(reach[-1], 5 * reach[(len(reach) - 1) // 2]) if reach else 1.0

    def x(value: float | None) -> float:
        return round(BAR_WIDTH / 2 * (1 + min(max((value or 0.0) / most, -1), 1)), 1)

    return [
        ForestBar(x(low), x(high), x(middle), BAR_WIDTH / 2) for middle, low, high in (m["relative"] for m in metrics)
    ]


def _placed(value: float) -> float:
    return float(round(value, 1))


def _points(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


def _step(span: float) -> float:
    """Return the distance of ticks: 1, 2 or 5 times a power of ten, for about four ticks."""
    rough = span / 4
    power = 10.0 ** math.floor(math.log10(rough))
    return next((f * power for f in (1, 2, 5) if f * power >= rough), 10 * power)


def _percent(value: float, step: float) -> str:
    places = max(0, -math.floor(math.log10(step * 100) + 1e-9))
    text = f"{100 * value:+.{places}f} %"
    return "0 %" if abs(value) < step / 10 else text.replace("-", "−")
