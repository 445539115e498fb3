"""Drawing: where the lines of a page's plots go, in the units of an SVG's view box."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 480.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 10.0, 12.0, 34.0
BAR_WIDTH, BAR_HEIGHT = 200.0, 22.0


@dataclass(frozen=True, slots=True)
class EffectPlot:
    """band: polygon of the interval. line: of the effect. dots: where a look was. ys, xs: ticks with their labels.
    zero, margin: heights of no effect, and (top, height) of effects that are too small to matter."""

    band: str
    line: str
    dots: list[tuple[float, float]]
    ys: list[tuple[float, str]]
    xs: list[tuple[float, str]]
    zero: float
    margin: tuple[float, float]


def effect_plot(metric: dict[str, Any], margin: float) -> EffectPlot:
    """Effect and interval by look, as shares of the control's mean. metric: as `summary.course` has it."""
    scale = abs(metric["control"]) or 1.0
    looks = [
        {"day": one["day"], **{k: one[k] / scale for k in ("effect", "low", "high")}} for one in metric["by_look"]
    ]
    least = min(-margin, *(one["low"] for one in looks))
    most = max(margin, *(one["high"] for one in looks))
    days = [one["day"] for one in looks]
    if len(days) == 1:  # one look is a bar in the middle
        day = days[0]
        days = [day - 0.5, day + 0.5]
        looks = [{**looks[0], "day": days[0]}, {**looks[0], "day": days[1]}]
    step = _step(most - least)
    least, most = math.floor(least / step) * step, math.ceil(most / step) * step

    def x(day: float) -> float:
        return _placed(LEFT + (day - days[0]) / (days[-1] - days[0]) * (WIDTH - LEFT - RIGHT))

    def y(value: float) -> float:
        return _placed(TOP + (most - value) / (most - least) * (HEIGHT - TOP - BOTTOM))

    upper = [(x(one["day"]), y(one["high"])) for one in looks]
    lower = [(x(one["day"]), y(one["low"])) for one in reversed(looks)]
    middle = [(x(one["day"]), y(one["effect"])) for one in looks]
    ticks = [least + i * step for i in range(round((most - least) / step) + 1)]
    named = sorted({round(one["day"]) for one in metric["by_look"]})
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
    """One row of a forest plot. left, right, middle: of the interval, within 0 and `BAR_WIDTH`; zero: no effect."""

    left: float
    right: float
    middle: float
    zero: float


def forest_bars(metrics: list[dict[str, Any]]) -> list[ForestBar]:
    """Of relative effects, all on one scale; an interval that is far longer than most is cut off at the ends."""
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
    """Of ticks: 1, 2 or 5 times a power of ten, for about four of them."""
    rough = span / 4
    power = 10.0 ** math.floor(math.log10(rough))
    return next((f * power for f in (1, 2, 5) if f * power >= rough), 10 * power)


def _percent(value: float, step: float) -> str:
    places = max(0, -math.floor(math.log10(step * 100) + 1e-9))
    text = f"{100 * value:+.{places}f} %"
    return "0 %" if abs(value) < step / 10 else text.replace("-", "−")
