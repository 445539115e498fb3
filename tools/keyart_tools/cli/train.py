"""`keyart train`: train a model on a log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import json_option, note, one_thread_a_process, print_table, progress, write_json
from .log_reading import note_broken_rows, note_unknown_fields
from .options import COUNT, PATH, seed_option

if TYPE_CHECKING:
    from keyart_tools.training import TrainedModel

UNTRAINED = (
    "The model is untrained: no pass foretells held-out decisions better than keyart's prior, which is what was "
    "written. The log has too few decisions, or its artworks make no difference; log more of them."
)


@click.command(short_help="Train a model from a log.")
@click.argument("log", type=PATH)
@click.option("--catalog", "catalog_path", type=PATH, required=True, help="Catalogue of the log's titles.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="Model file to write; an older model is replaced.",
)  # fmt: skip
@click.option("--passes", type=COUNT, default=20, show_default=True, help="Maximum number of passes over the log.")
@click.option(
    "--held-out", type=click.FloatRange(0.0, 0.9, min_open=True), default=0.1, show_default=True,
    help="Share of the viewers held out for evaluation and early stopping.",
)  # fmt: skip
@seed_option("of all draws; the same seed gives the same model")
@click.option("--no-head", is_flag=True, help="Train for devices that have no personal head.")
@json_option
def train(
    log: Path, catalog_path: Path, out: Path, passes: int, held_out: float, seed: int, no_head: bool, as_json: bool
) -> None:
    """Train a model on LOG, a decision log with the viewers' views and the artworks that they were shown.

    A log is CSV or JSON Lines (docs/reference/decision-logs.md). The model goes on to `keyart quantize` and
    `keyart export`.

    Rows that cannot be read are named with their lines. The model is trained on the others, without an estimate of
    its value, and the exit code is 1. If more than a tenth of the rows are broken, nothing is trained.

    \b
    Example:
      keyart train log.jsonl --catalog catalog.json --out model.npz
      keyart train log.csv --catalog catalog.json --out model.npz
      keyart train log.jsonl --catalog catalog.json --out model.npz --held-out 0.2 --seed 3 --json
    """
    from .output_path import check_output_path, is_model

    check_output_path(out, "model", "model.npz", is_model)
    one_thread_a_process()
    from keyart import Catalog
    from keyart_tools.logs import Log, require_readable
    from keyart_tools.training import LogTrainingSettings, fit

    read = Log.read(log)
    require_readable(log, read)
    note_unknown_fields(log, read)
    note_broken_rows(log, read, "The model is trained on the others, and its value is not estimated.")
    catalog = Catalog.load(catalog_path)
    with progress("passes") as tell:
        fitted = fit(read, catalog, LogTrainingSettings(passes, held_out, seed, not no_head), tell)
    fitted.file.save(out)
    for why, count in fitted.left_out.items():
        if count:
            note(f"{count:,} rows left out: {why}.")
    if fitted.file.evaluation_only:
        note("The data is for evaluation only: `keyart export` will refuse this model.")
    if fitted.best_pass == 0:
        note(UNTRAINED)
    if as_json:
        write_json(document(fitted, out))
    else:
        print_table(*_tables(fitted, out))
    if read.broken:
        raise click.exceptions.Exit(1)


def document(fitted: TrainedModel, out: Path) -> dict[str, Any]:
    """Return the result as plain values."""
    from keyart_tools.model_evaluation.policy_value import plain

    return {
        "model": str(out),
        "evaluation_only": fitted.file.evaluation_only,
        "viewers": dict(fitted.viewers),
        "decisions": dict(fitted.decisions),
        "left_out": dict(fitted.left_out),
        "broken_rows": fitted.broken_rows,
        "best_pass": fitted.best_pass,
        "held_out_log_likelihood": list(fitted.likelihood),
        "held_out_value": plain(fitted.value) if fitted.value is not None else None,
        "held_out_logged_value": plain(fitted.logged_value),
    }


def _tables(fitted: TrainedModel, out: Path) -> list[Any]:
    from keyart_tools.inspection.tables import estimate, table

    people, shown = fitted.viewers, fitted.decisions
    about = table(f"Model {out}", "figure", "value")
    about.add_row("viewers", f"{people['training']:,} to train, {people['held out']:,} held out")
    about.add_row("decisions", f"{shown['training']:,} to train, {shown['held out']:,} held out")
    about.add_row("passes", f"{len(fitted.likelihood) - 1}, the best was {fitted.best_pass}")
    about.add_row(
        "log likelihood of a held-out decision",
        f"{fitted.likelihood[0]:.4f} untrained, {fitted.likelihood[fitted.best_pass]:.4f} trained",
    )
    about.add_row("value of the logged artworks there", estimate(fitted.logged_value))
    about.add_row(
        "value of the model there (SNIPS)",
        estimate(fitted.value) if fitted.value is not None else _why_no_value(fitted),
    )
    return [about, f"Next: keyart quantize {out}, keyart export {out} --out BUNDLE"]


def _why_no_value(fitted: TrainedModel) -> str:
    if fitted.broken_rows:
        return "not estimated: without the rows that cannot be read it may be biased"
    return "the log shows too few of the artworks that the model would show"
