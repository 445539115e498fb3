"""The chart of an effect over time, for the dashboard and the report. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..charts import Axis, Chart, Limit, Series
from .device_metrics import MEASURES
from .experiment_design import Experiment

Look = tuple[float, float, float, float]  # day, effect, and the low and high ends of its interval


def relative_text(share: float) -> str:
    """Return a relative change as text: sign, three digits, per cent."""
    return "0 %" if share == 0 else f"{100 * share:+.3g} %".replace("-", "−")


def effect_chart(experiment: Experiment, metric: str, looks: Mapping[str, Sequence[Look]], relative: bool) -> Chart:
    """Return the chart of a metric's effect with its always-valid band, by day.

    Args:
        experiment: The design.
        metric: Name of the metric.
        looks: Interim analyses by arm, oldest first; at least one for each arm.
        relative: Whether all numbers are relative to the first arm's mean; else they are in the metric's unit.
    """
    measure = MEASURES[metric]
    show = relative_text if relative else measure.shown_difference
    lines = [
        Series(
            arm,
            tuple((day, effect) for day, effect, _, _ in rows),
            "line",
            tuple((low, high) for *_, low, high in rows),
        )
        for arm, rows in looks.items()
    ]
    if relative and metric == experiment.first:
        days = sorted({day for rows in looks.values() for day, *_ in rows})
        stripe = ((-experiment.margin, experiment.margin),) * len(days)
        lines.append(Series("too small to matter", tuple((day, 0.0) for day in days), "stripe", stripe))
    arm, rows = next(iter(looks.items()))
    day, effect, low, high = rows[-1]
    summary = (
        f"“{arm}”: {show(effect)} after {day:g} days, between {show(low)} and {show(high)}; the band holds at all "
        "interim analyses at once."
    )
    kind = "Relative change from" if relative else "Absolute difference from"
    return Chart(
        f"{measure.label[0].upper()}{measure.label[1:]}",
        summary,
        Axis("Days since the start", lambda value: f"{value:g}"),
        Axis(f"{kind} “{experiment.arms[0]}”", show),
        tuple(lines),
        (Limit("no effect", 0.0, neutral=True),),
    )
