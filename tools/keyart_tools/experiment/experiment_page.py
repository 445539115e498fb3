"""The report page: one file without scripts and external addresses, for screens, phones and archives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from keyart.bundle import replace_file
from keyart_federated.charts import STYLE, Chart, interval_svg, render
from keyart_federated.experiments import MEASURES, Experiment, Results, effect_chart
from keyart_federated.experiments.device_metrics import percent

from .experiment_summary import summary

MAX_REACH_RATIO = 5.0  # of the middle one of the intervals, up to which all of them share an axis
TONES = {
    "better": "good",
    "worse": "bad",
    "guard": "bad",
    "mismatch": "bad",
    "no difference": "even",
    "not yet": "open",
}
HEADLINES = {
    "better": "Better",
    "worse": "Worse",
    "guard": "Guard breached",
    "mismatch": "Arms do not match",
    "no difference": "No difference that matters",
    "not yet": "Not yet",
}


def write_page(path: Path, results: Results) -> None:
    """Write the page atomically.

    Raises:
        OSError: the file cannot be written.
        FederatedError: there was no interim analysis yet.
    """
    replace_file(path, page(results).encode())


def page(results: Results) -> str:
    """Return the page.

    Raises:
        FederatedError: there was no interim analysis yet.
    """
    environment = Environment(
        loader=PackageLoader("keyart_tools", "experiment"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    document, experiment = summary(results), results.experiment
    return environment.get_template("page.html.j2").render(
        **document,
        control=experiment.arms[0],
        first=experiment.first,
        group=experiment.group,
        comparisons_shown=[_shown(each, experiment, place) for place, each in enumerate(document["comparisons"])],
        chart_style=Markup(STYLE),  # noqa: S704  # a constant
    )  # fmt: skip


def _shown(comparison: dict[str, Any], experiment: Experiment, place: int) -> dict[str, Any]:
    first, metrics, groups = experiment.first, comparison["metrics"], comparison["groups"]
    drawn = [*_intervals(list(metrics.values())), *_intervals(list(groups.values()))]
    rows = [
        {"name": name, "label": label, **_row(metric, bar, name)}
        for (name, label, metric), bar in zip(
            [
                *((name, metric["label"], metric) for name, metric in metrics.items()),
                *((first, name, metric) for name, metric in groups.items()),
            ],
            drawn,
            strict=True,
        )
    ]
    return {
        **comparison,
        "tone": TONES[comparison["verdict"]],
        "headline": HEADLINES[comparison["verdict"]],
        "plot": Markup(render(_chart(comparison, experiment), f"effect-{place}")),  # noqa: S704  # it escapes texts
        "metric_rows": rows[: len(metrics)],
        "group_rows": rows[len(metrics) :],
    }


def _chart(comparison: dict[str, Any], experiment: Experiment) -> Chart:
    """Return the chart of the first metric's effect, relative to the control arm where that has a mean."""
    metric = comparison["metrics"][experiment.first]
    relative = None not in metric["relative"]
    scale = abs(metric["control"]) if relative else 1.0
    looks = [(look["day"], *(look[name] / scale for name in ("effect", "low", "high"))) for look in metric["by_look"]]
    return effect_chart(experiment, experiment.first, {comparison["arm"]: looks}, relative)


def _intervals(metrics: list[dict[str, Any]]) -> list[Markup | None]:
    """Draw relative effects on one axis; an interval far longer than most is cut at the ends."""
    known = [metric["relative"] for metric in metrics if None not in metric["relative"]]
    reaches = sorted(max(abs(low), abs(high)) for _, low, high in known)
    reach = min(reaches[-1], MAX_REACH_RATIO * reaches[(len(reaches) - 1) // 2]) if reaches else 1.0

    def drawn(value: float | None, low: float | None, high: float | None) -> Markup | None:
        if value is None or low is None or high is None:
            return None
        return Markup(interval_svg(value, low, high, (-reach, reach)))  # noqa: S704  # numbers only

    return [drawn(*metric["relative"]) for metric in metrics]


def _row(metric: dict[str, Any], bar: Markup | None, name: str) -> dict[str, Any]:
    measure = MEASURES[name]
    change, low, high = metric["relative"]
    relative = None not in metric["relative"]
    harm = metric["high"] < 0 if measure.better > 0 else metric["low"] > 0
    good = metric["low"] > 0 if measure.better > 0 else metric["high"] < 0
    return {
        "bar": bar,
        "before": _unbroken(measure.shown(metric["control"])),
        "after": _unbroken(measure.shown(metric["control"] + metric["effect"])),
        "change": _unbroken(percent(change) if relative else measure.shown_difference(metric["effect"])),
        "range": f"{_unbroken(percent(low))} to {_unbroken(percent(high))}" if relative else "",
        "tone": "good" if good else "bad" if harm else "open",
        "guard": measure.guard,
        "devices": metric["devices"],
        "lower_is_better": measure.better < 0,
    }


def _unbroken(text: str) -> str:
    """Keep a number and its unit on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")
