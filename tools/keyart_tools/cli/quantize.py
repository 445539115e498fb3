"""`keyart quantize`: the effect of int8 weights on winners and policy value."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .chart_path import ChartPath
from .console import json_option, note, one_thread_a_process, print_table, progress, write_json
from .evaluation_options import evaluation_options, read_evaluation_set
from .options import FOLDER, PATH, force_option, require_bars

if TYPE_CHECKING:
    from keyart_tools.quantization import QuantizationReport


@click.command(short_help="Measure the effect of int8 weights.")
@click.argument("model", type=PATH)
@evaluation_options
@click.option("--plot", type=ChartPath(), help="Chart of the report: PNG, SVG or PDF.")
@click.option(
    "--out", type=FOLDER,
    help="Also export MODEL, a model file, as a bundle to this folder, with the measured quality in its manifest.",
)  # fmt: skip
@force_option
@json_option
def quantize(model: Path, plot: Path | None, out: Path | None, force: bool, as_json: bool, **judged_on: Any) -> None:
    """Compare float and int8 weights of MODEL, a model file or a bundle folder, on the same slates.

    Slates come from a world or a log; without either, they are random, and the float model's own predictions stand in
    for rewards. A bundle holds int8 weights only: its float weights are drawn at random within the rounding.

    If the int8 weights miss a bar, the report is shown, no bundle is written, and the exit code is 1.

    \b
    Example:
      keyart quantize model.npz --log log.jsonl --catalog catalog.json --plot int8.png
      keyart quantize build/demo/bundle --slates 2000 --json
    """
    one_thread_a_process()
    from keyart.errors import InputError
    from keyart_tools.quantization import QuantizationSource, measure

    if not model.exists():
        raise InputError(f"{model} does not exist; name a model file or a bundle folder.")
    if out is not None and model.is_dir():
        raise click.UsageError("--out requires a model file; a bundle has int8 weights already.")
    source = QuantizationSource.open(model, judged_on["seed"])
    evaluation_set = read_evaluation_set(**judged_on)
    with progress("slates") as tell:
        report = measure(source, evaluation_set, judged_on["slates"], judged_on["seed"], tell)
    if plot is not None:
        from keyart_tools.quantization.quantization_chart import draw

        draw(report, plot)
        note(f"Plot: {plot}")
    if out is not None and (force or report.within_bars):
        from .export import export_bundle

        export_bundle(model, out, quality=report.quality)
        note(f"Bundle: {out}")
    if as_json:
        write_json({"model": str(model), **report.to_dict()})
    else:
        print_table(*_tables(model, report))
    require_bars(report.missed_bars, force, f"{out} was not written." if out is not None else "")


def _tables(model: Path, report: QuantizationReport) -> list[Any]:
    from keyart_tools.inspection.tables import estimate, plain, table
    from keyart_tools.quantization.quantization_report import SAME_WINNER_BAR, VALUE_BAR

    about = table(f"{model}: float against int8 on {report.slates:,} slates ({report.judged_on})", "figure", "value")
    about.add_row("bytes of the weights", f"{report.bytes_float:,} float, {report.bytes_int8:,} int8")
    about.add_row("same winner", f"{report.same_winner:.2%} (bar {SAME_WINNER_BAR:.1%})")
    about.add_row("value lost where the winner changed", f"{report.lost_mean:.3%} of the winner's value, on average")
    about.add_row("policy value, float", estimate(report.value_float))
    about.add_row("policy value, int8", estimate(report.value_int8))
    about.add_row("change of the policy value", f"{report.value_change:+.4%} (bar ±{VALUE_BAR:.1%})")
    tensors = table(
        "Each tensor in int8 alone", "tensor", "in a bundle", "float", "int8", "mean error", "largest", "same winner"
    )
    for tensor in report.tensors:
        sizes = f"{tensor.bytes_float:,}", f"{tensor.bytes_int8:,}"
        errors = f"{tensor.error_mean:.2e}", f"{tensor.error_max:.2e}", f"{tensor.same_winner:.2%}"
        tensors.add_row(tensor.name, tensor.stored, *sizes, *errors)
    shown: list[Any] = [about, tensors]
    if report.worst:
        worst = table("Worst cases", "slate", "title", "float shows", "int8 shows", "lost")
        for case in report.worst:
            names = plain(case.title_id), plain(case.float_winner), plain(case.int8_winner)
            worst.add_row(str(case.slate), *names, f"{case.lost:.3%}")
        shown.append(worst)
    if report.drawn:
        shown.append(
            "A bundle holds no float weights: they were drawn at random from those that round to its int8 weights."
        )
    return shown
