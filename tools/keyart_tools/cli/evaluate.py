"""`keyart evaluate`: what a policy would have earned, from a log that a team already has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .chart_path import ChartPath
from .console import json_option, note, one_thread_a_process, print_table, write_json

if TYPE_CHECKING:
    from keyart_federated.evaluation import Columns, Verdict

COLUMNS = ("reward", "propensity", "target", "group", "predicted_shown", "predicted_target")


@click.command(short_help="What a policy would have earned, from a log.")
@click.argument("log", type=click.Path(path_type=Path))
@click.option("--reward", metavar="COLUMN", help="What the decision earned; unless told: reward, click …")
@click.option("--propensity", metavar="COLUMN", help="Chance of the picture shown; unless told: propensity, pscore …")
@click.option(
    "--target", metavar="COLUMN", help="The policy's chance of the same one; unless told: target_probability …"
)
@click.option("--group", metavar="COLUMN", help="Whose decision it was; unless told: device_id, group, viewer …")
@click.option("--predicted-shown", metavar="COLUMN", help="A model's reward of the picture shown.")
@click.option("--predicted-target", metavar="COLUMN", help="Its expected reward under the policy.")
@click.option(
    "--level", type=click.FloatRange(0.5, 1.0, max_open=True), default=0.95, show_default=True,
    help="How often intervals are to hold.",
)  # fmt: skip
@click.option("--plot", type=ChartPath(), help="Chart of all estimates: PNG, SVG or PDF.")
@json_option
def evaluate(log: Path, level: float, plot: Path | None, as_json: bool, **names: str | None) -> None:
    """Estimate what a policy would have earned in place of the one that wrote LOG: a table as CSV, JSON Lines or
    Parquet, with a row a decision and columns for the reward, the propensity of the picture that was shown, and the
    policy's probability of the same picture.

    With a column for the device or viewer, intervals are over those, since their decisions depend on each other. With
    predicted rewards the estimate is doubly robust. Where the log shows too little of what the policy would show,
    there is no answer, and exit code 1.

    \b
    Example:
      keyart evaluate decisions.csv
      keyart evaluate decisions.jsonl --reward played --group viewer --plot value.png
      keyart evaluate decisions.csv --predicted-shown q --predicted-target q_policy --json
    """
    one_thread_a_process()
    from keyart_federated.evaluation import Columns, Verdict

    columns = Columns.read(log, names)
    verdict = Verdict.of(columns.decisions, level)
    if plot is not None:
        from keyart_federated.evaluation.chart import draw

        draw(verdict, plot)
        note(f"Chart: {plot}")
    for doubt in verdict.overlap.doubts:
        note(doubt)
    if as_json:
        write_json({"log": str(log), "columns": dict(columns.names), **verdict.to_dict()})
    else:
        print_table(*_tables(log, columns, verdict), verdict.sentence)


def _tables(log: Path, columns: Columns, verdict: Verdict) -> list[Any]:
    from keyart_federated.evaluation.chart import LABELS
    from keyart_tools.inspection.tables import table

    rows = {"logged": verdict.logged, **verdict.estimates}
    values = table(f"{log}: reward a decision", "", "value", "low", "high", "standard error", "effective")
    for name, found in rows.items():
        mark = " (decides)" if name == verdict.by else ""
        numbers = (found.value, found.low, found.high, found.standard_error)
        values.add_row(LABELS[name] + mark, *(f"{number:.5f}" for number in numbers), f"{found.effective:,.0f}")
    overlap = verdict.overlap
    about = table("Overlap", "figure", "value")
    grouped = f" of {overlap.units:,} by {columns.names['group']}" if "group" in columns.names else ""
    about.add_row("decisions", f"{overlap.decisions:,}{grouped}")
    about.add_row("of which count", f"{overlap.effective:,.0f} ({overlap.effective / overlap.decisions:.1%})")
    about.add_row("mean weight, 1 expected", f"{overlap.mean_weight:.3f} ({overlap.deviations:+.1f} standard errors)")
    about.add_row("largest weight", f"{overlap.largest_weight:.1f} ({overlap.largest_share:.1%} of all)")
    about.add_row("never shown by the policy", f"{overlap.unseen:.1%}")
    about.add_row("columns", ", ".join(f"{key} {name}" for key, name in columns.names.items()))
    return [values, about]
