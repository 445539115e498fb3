"""`keyart evaluate`: off-policy evaluation on a log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .chart_path import ChartPath
from .console import json_option, note, one_thread_a_process, print_table, write_json
from .options import PATH

if TYPE_CHECKING:
    from keyart_federated.evaluation import Columns, PolicyVerdict

COLUMNS = ("reward", "propensity", "target", "group", "predicted_shown", "predicted_target")


@click.command(short_help="Estimate a policy's value from a log.")
@click.argument("log", type=PATH)
@click.option("--reward", metavar="COLUMN", help="Column of the reward.  [default: reward, click, …]")
@click.option(
    "--propensity", metavar="COLUMN", help="Column of the logged propensity.  [default: propensity, pscore, …]"
)
@click.option(
    "--target",
    metavar="COLUMN",
    help="Column of the evaluated policy's probability of the same artwork.  [default: target_probability, …]",
)
@click.option(
    "--group", metavar="COLUMN", help="Column of the device or viewer.  [default: device_id, group, viewer, …]"
)
@click.option(
    "--predicted-shown", metavar="COLUMN", help="Column of a reward model's prediction for the artwork shown."
)
@click.option("--predicted-target", metavar="COLUMN", help="Column of the model's expected reward under the policy.")
@click.option(
    "--level", type=click.FloatRange(0.5, 1.0, max_open=True), default=0.95, show_default=True,
    help="Confidence level of the intervals.",
)  # fmt: skip
@click.option("--plot", type=ChartPath(), help="Chart of all estimates: PNG, SVG or PDF.")
@json_option
def evaluate(log: Path, level: float, plot: Path | None, as_json: bool, **names: str | None) -> None:
    """Estimate the value of a policy from decisions that another policy logged.

    LOG is a table as CSV, JSON Lines or Parquet, with one row per decision and columns for the reward, the propensity
    of the artwork shown, and the evaluated policy's probability of the same artwork.

    With a column for the device or viewer, intervals are computed over devices, since decisions of one device depend
    on each other. With predicted rewards, the estimate is doubly robust. If the log shows too few of the artworks
    that the policy would show, there is no estimate, and the exit code is 1.

    \b
    Example:
      keyart evaluate decisions.csv
      keyart evaluate decisions.jsonl --reward played --group viewer --plot value.png
      keyart evaluate decisions.csv --predicted-shown q --predicted-target q_policy --json
    """
    one_thread_a_process()
    from keyart_federated.evaluation import Columns, PolicyVerdict

    columns = Columns.read(log, names)
    verdict = PolicyVerdict.of(columns.decisions, level)
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


def _tables(log: Path, columns: Columns, verdict: PolicyVerdict) -> list[Any]:
    from keyart_federated.evaluation.chart import LABELS
    from keyart_tools.inspection.tables import table

    rows = {"logged": verdict.logged, **verdict.estimates}
    values = table(f"{log}: reward a decision", "", "value", "low", "high", "standard error", "effective")
    for name, estimate in rows.items():
        mark = " (decides)" if name == verdict.by else ""
        numbers = (estimate.value, estimate.low, estimate.high, estimate.standard_error)
        values.add_row(LABELS[name] + mark, *(f"{number:.5f}" for number in numbers), f"{estimate.effective:,.0f}")
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
