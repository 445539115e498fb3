"""`keyart demo`: train on real viewing histories and show the chosen artwork, in a few minutes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import json_option, note, one_thread_a_process, print_table, write_json
from .options import COUNT, FOLDER, seed_option

if TYPE_CHECKING:
    from keyart_federated.metrics import MetricEstimate
    from keyart_tools.demo import DemoResult

STAGES = {
    "data and world": "load data and world",
    "truth": "measure expected rewards",
    "federated": "federated",
    "federated + head": "federated + personal head",
    "central": "central, in parallel",
    "film": "tag a real film",
    "publish": "publish, fetch, install",
    "screens": "choose for three viewers",
}


@click.command(short_help="Train, publish and choose artwork end to end.")
@click.option(
    "--world", type=click.Choice(["movielens", "synthetic"]), default="movielens", show_default=True,
    help="World that provides viewers, titles and responses.",
)  # fmt: skip
@click.option(
    "--out", type=FOLDER, default=Path("build/demo"), show_default=True,
    help="Folder for report.json, learning.png, index.html and bundle/.",
)  # fmt: skip
@seed_option("of all draws; the same seed gives the same choices")
@click.option("--rounds", type=COUNT, default=50, show_default=True, help="Number of federated rounds.")
@click.option("--steps", type=COUNT, default=8, show_default=True, help="Impressions per device and round.")
@click.option("--viewers", type=COUNT, help="Number of devices.  [default: all of the world]")
@click.option(
    "--titles", type=COUNT, help="Number of titles.  [default: the 400 most rated films, or all synthetic titles]"
)
@json_option
def demo(
    world: str,
    out: Path,
    seed: int,
    rounds: int,
    steps: int,
    viewers: int | None,
    titles: int | None,
    as_json: bool,
) -> None:
    """Train on real viewing histories, publish and install the bundle, and show who gets which artwork, and why.

    Three arms run on the same impressions: federated rounds, federated rounds with a personal head on each device,
    and a central baseline that sees every log.

    \b
    Example:
      keyart demo
      keyart demo --world synthetic --viewers 200 --rounds 10 --out build/small --json
    """
    one_thread_a_process()
    from keyart_tools.demo import DemoSettings, run

    settings = DemoSettings(world, rounds, steps, seed, titles, viewers)
    with _stages() as tell:
        result = run(settings, out, tell, note)
    if as_json:
        write_json(result.document)
    else:
        _show(result)


@contextmanager
def _stages() -> Iterator[Callable[[str, int, int], None]]:
    """Show progress bars on a terminal, and one line per finished stage otherwise; both on stderr."""
    if not sys.stderr.isatty():
        started: dict[str, float] = {}

        def tell(stage: str, done: int, of: int) -> None:
            first = started.setdefault(stage, time.perf_counter())
            if done == of:
                note(f"{STAGES[stage]}: {time.perf_counter() - first:.1f} s")

        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:26}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def tell_bars(stage: str, done: int, of: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(STAGES[stage], total=of)
            bars.update(tasks[stage], completed=done)

        yield tell_bars


def _show(result: DemoResult) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    document, arms = result.document, result.arms
    table = Table(
        title=f"{document['world']}: {document['devices']} devices, {document['rounds']} rounds of "
        f"{document['steps_per_round']} impressions",
        title_justify="left",
        box=SIMPLE_HEAD,  # without an edge it fits into 80 columns
        pad_edge=False,
        show_edge=False,
    )
    table.add_column("policy", no_wrap=True)
    for span in ("whole run", "last quarter"):
        table.add_column(f"capture %,\n{span}", justify="right", no_wrap=True)
        table.add_column(f"value %,\n{span}", justify="right", no_wrap=True)
    for name in arms.whole:
        row: list[str] = [name]
        for figures in (arms.whole[name], arms.last_quarter[name]):
            row += [_span(figures.capture, 1), _span(figures.value, 2)]
        table.add_row(*row, style="bold" if name.startswith("federated") else "")
    fits = "match" if document["propensities_ok"] else "DO NOT MATCH"
    gap = document["federated_minus_central"]
    print_table(
        "",
        table,
        "Value: expected quality plays an impression. Capture: (value − random) / (oracle − random). "
        "±: 95 % intervals, over devices.",
        f"Federated − central, both without personal heads, last quarter: {100 * gap:+.1f} points of capture. "
        f"Choices {fits} the logged propensities.",
        f"{document['client_updates_per_second']:,.0f} client updates a second; {document['seconds']['total']:.0f} s "
        f"in all.",
        "",
        *(f"{what:9}{result.folder / name}" for what, name in _FILES),
    )


_FILES = (("page", "index.html"), ("curves", "learning.png"), ("figures", "report.json"), ("bundle", "bundle"))


def _span(estimate: MetricEstimate, digits: int) -> str:
    """Format an estimate in percent, with half the width of its 95 % interval."""
    half = 100 * (estimate.high - estimate.low) / 2
    return f"{100 * estimate.value:.{digits}f} ± {half:.{digits}f}"
