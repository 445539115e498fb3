"""The report page: one file without scripts and external addresses, for screens, phones and archives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from keyart.bundle import replace_file
from keyart_federated.experiments import MEASURES, Results
from keyart_federated.experiments.device_metrics import percent

from .experiment_summary import summary
from .svg_plots import BAR_HEIGHT, BAR_WIDTH, HEIGHT, LEFT, RIGHT, WIDTH, effect_plot, forest_bars

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
        comparisons_shown=[_shown(each, experiment.first, experiment.margin) for each in document["comparisons"]],
        size={
            "width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "bar": BAR_WIDTH,
            "bar_height": BAR_HEIGHT,
        },
    )  # fmt: skip


def _shown(comparison: dict[str, Any], first: str, margin: float) -> dict[str, Any]:
    metrics, groups = comparison["metrics"], comparison["groups"]
    drawn = [*forest_bars(list(metrics.values())), *forest_bars(list(groups.values()))]
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
        "plot": effect_plot(metrics[first], margin),
        "metric_rows": rows[: len(metrics)],
        "group_rows": rows[len(metrics) :],
    }


def _row(metric: dict[str, Any], bar: Any, name: str) -> dict[str, Any]:
    measure = MEASURES[name]
    change, low, high = metric["relative"]
    relative = None not in metric["relative"]
    harm = metric["high"] < 0 if measure.better > 0 else metric["low"] > 0
    good = metric["low"] > 0 if measure.better > 0 else metric["high"] < 0
    return {
        "bar": bar if relative else None,
        "before": _unbroken(measure.shown(metric["control"])),
        "after": _unbroken(measure.shown(metric["control"] + metric["effect"])),
        "change": _unbroken(percent(change) if relative else measure.shown(metric["effect"], True)),
        "range": f"{_unbroken(percent(low))} to {_unbroken(percent(high))}" if relative else "",
        "tone": "good" if good else "bad" if harm else "open",
        "guard": measure.guard,
        "devices": metric["devices"],
        "lower_is_better": measure.better < 0,
    }


def _unbroken(text: str) -> str:
    """Keep a number and its unit on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")
