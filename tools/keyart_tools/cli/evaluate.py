"""`keyart evaluate`: off-policy evaluation on a log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyart.errors import KeyartError

from .chart_path import ChartPath
from .console import json_option, note, one_thread_a_process, print_table, progress, write_json
from .log_reading import read_whole
from .options import PATH

if TYPE_CHECKING:
    from keyart_federated.evaluation import PolicyVerdict
    from keyart_tools.logs import Columns


@click.command(short_help="Estimate a policy's value from a log.")
@click.argument("log", type=PATH)
@click.option("--bundle", type=PATH, help="Evaluate the policy of this bundle on a log of decisions with outcomes.")
@click.option("--catalog", type=PATH, help="With --bundle: catalogue of the log's titles.")
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
    "--group", metavar="COLUMN", help="Column of the device or viewer.  [default: viewer, device_id, group, …]"
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
def evaluate(
    log: Path,
    bundle: Path | None,
    catalog: Path | None,
    level: float,
    plot: Path | None,
    as_json: bool,
    **names: str | None,
) -> None:
    """Estimate the value of a policy from decisions that another policy logged.

    LOG is a decision log as CSV or JSON Lines (docs/reference/decision-logs.md). With --bundle, the probabilities of
    the bundle's policy are computed as a device computes them, without a personal head, and rewards follow from the
    outcomes.

    Without --bundle, the log has columns for the reward, the propensity of the artwork shown, and the evaluated
    policy's probability of the same artwork. A table of another system, without the header of a log and with columns
    of other names, is read as well, also as Parquet.

    A log with a row that cannot be read is refused, since an estimate from the others may be biased.

    With a column for the device or viewer, intervals are computed over devices, since decisions of one device depend
    on each other. With predicted rewards, the estimate is doubly robust. If the log shows too few of the artworks
    that the policy would show, there is no estimate, and the exit code is 1.

    \b
    Example:
      keyart evaluate log.jsonl --bundle bundle --catalog catalog.json
      keyart evaluate decisions.csv
      keyart evaluate decisions.jsonl --reward played --group viewer --plot value.png
      keyart evaluate decisions.csv --predicted-shown q --predicted-target q_policy --json
    """
    if (bundle is None) != (catalog is None):
        raise click.UsageError("--bundle requires --catalog, the catalogue of the log's titles, and the reverse.")
    if bundle is not None and any(name is not None for name in names.values()):
        raise click.UsageError("With --bundle the columns are those of the format; leave the names of columns out.")
    one_thread_a_process()
    from keyart_federated.evaluation import PolicyVerdict

    if bundle is not None and catalog is not None:
        columns, remarks = _of_bundle(log, bundle, catalog)
    else:
        from keyart_tools.logs import Columns

        columns, remarks = Columns.read(log, names), []
    try:
        verdict = PolicyVerdict.of(columns.decisions, level)
    except KeyartError:
        for remark in remarks:
            note(remark)
        raise
    if plot is not None:
        from keyart_federated.evaluation.estimate_chart import draw

        draw(verdict, plot)
        note(f"Chart: {plot}")
    for doubt in verdict.overlap.doubts:
        note(doubt)
    if as_json:
        document = {"log": str(log), "bundle": None if bundle is None else str(bundle), "remarks": remarks}
        write_json({**document, "columns": dict(columns.names), **verdict.to_dict()})
    else:
        print_table(*_tables(log, columns, verdict), *remarks, verdict.sentence)


def _of_bundle(log: Path, bundle: Path, catalog: Path) -> tuple[Columns, list[str]]:
    """Return the log's decisions with the probabilities of the bundle's policy, and remarks on them."""
    from datetime import timedelta

    from keyart import Catalog, Policy
    from keyart.bundle import load_model
    from keyart_tools.inspection.bundle import folder_of
    from keyart_tools.logs import Columns
    from keyart_tools.model_evaluation import logged_decisions, never_trained

    from .verify import check_bundle

    read, titles = read_whole(log), Catalog.load(catalog)
    manifest = check_bundle(bundle)[0]
    within = read.within(titles)
    installed = load_model(folder_of(bundle), titles, "numpy")
    with progress("decisions") as tell:
        decisions = logged_decisions(within, titles, installed, Policy(stickiness=timedelta(0)), tell)
    untrained = never_trained(manifest.training)
    remarks = [] if untrained is None else [untrained]
    if untrained is None and manifest.card.get("data") == read.data:
        remarks.append(
            "The bundle was trained on a log of the same description. If these are the rows that it learned from, "
            "the estimate is too favourable: evaluate it on later ones."
        )
    remarks += [f"{count:,} rows were left out: {why}." for why, count in within.left_out.items() if count]
    given = any(decision.reward is not None for viewer in within.viewers for decision in viewer.decisions)
    parts = {"reward": "reward" if given else "outcome", "propensity": "propensity", "target": "bundle"}
    return Columns(decisions, {**parts, "group": "viewer"}), remarks


def _tables(log: Path, columns: Columns, verdict: PolicyVerdict) -> list[Any]:
    from keyart_federated.evaluation.estimate_chart import LABELS
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
