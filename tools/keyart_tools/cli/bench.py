"""`keyart bench`: speed, size and memory of the device path on this machine; its subcommands measure the server."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .bench_round import bench_round
from .bench_sizing import bench_sizing
from .console import json_option, one_thread_a_process, print_table, progress, write_json
from .options import FOLDER

if TYPE_CHECKING:
    from keyart_tools.performance.performance_run import PerformanceResult

TITLES = {
    "choosing": "Choosing among 20 artworks, medians",
    "peers": "Baseline libraries and keyart, one slate of 20",
    "start": "Processor time to the first choice",
    "memory": "Resident memory",
    "size": "Size on disk",
    "simulation": "Simulation, one process",
    "sums": "Secure aggregation and noise, one core",
    "gateway": "Gateway, one process, over loopback",
}


@click.group(invoke_without_command=True, short_help="Measure the speed and memory of the device path.")
@click.option(
    "--out", type=FOLDER, default=Path("build/bench"), show_default=True,
    help="Folder for device.json and device.png.",
)  # fmt: skip
@click.option("--quick", is_flag=True, help="Run few repetitions and no baselines, to check that it works.")
@click.option("--long", is_flag=True, help="Load the gateway for ten minutes, to detect memory growth.")
@json_option
@click.pass_context
def bench(ctx: click.Context, out: Path, quick: bool, long: bool, as_json: bool) -> None:
    """Measure choosing, observing, cold start, sizes and memory, relative to a bare run of the model.

    Baseline libraries (VowpalWabbit, MABWiser, Open Bandit Pipeline, river) are measured as well if this folder has a
    .venv-bench; `make bench` creates one. A missed target is reported, but is not an error.

    \b
    Example:
      keyart bench
      keyart bench --quick --out build/quick --json
    """
    if ctx.invoked_subcommand is not None:
        return
    one_thread_a_process()
    from keyart_tools.performance.performance_run import QUICK, PerformanceSettings, run

    with progress("measured") as tell:
        effort = QUICK if quick else PerformanceSettings(gateway_seconds=600.0) if long else PerformanceSettings()
        result = run(effort, out, Path(), tell)
    if as_json:
        write_json(result.document)
    else:
        _show(result, out)


def _show(result: PerformanceResult, out: Path) -> None:
    from rich.table import Table

    from keyart_tools.performance.performance_chart import figure_text, judged_text, reach_text

    tables: list[Table | str] = []
    for group, rows in groupby(
        sorted(result.rows, key=lambda row: list(TITLES).index(row.group)), lambda row: row.group
    ):
        table = Table(title=TITLES[group], title_justify="left")
        table.add_column("measurement", min_width=38)
        for name in ("value", "ratio", "target"):
            table.add_column(name, justify="right")
        table.add_column("met")
        for row in rows:
            met = {None: "", True: "yes", False: "NO"}[row.met]
            ratio = "" if row.ratio is None else judged_text(row)
            table.add_row(row.name, figure_text(row), ratio, reach_text(row), met)
        tables.append(table)
    if result.absent:
        table = Table("measurement", "reason", title="Not measured", title_justify="left")
        for entry in result.absent:
            table.add_row(entry.name, entry.reason)
        tables.append(table)
    judged = [row.met for row in result.rows if row.met is not None]
    print_table(*tables, f"{sum(judged)} of {len(judged)} targets met. {out / 'device.json'}, {out / 'device.png'}")


bench.add_command(bench_round)
bench.add_command(bench_sizing)
