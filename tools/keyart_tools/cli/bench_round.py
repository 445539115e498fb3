"""`keyart bench round`: a load test of one round over loopback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import json_option, one_thread_a_process, print_table, progress, write_json
from .options import COUNT, FOLDER, POSITIVE, seed_option

if TYPE_CHECKING:
    from keyart_tools.performance.round_load import RoundLoad


@click.command("round", short_help="Load a gateway with a round of synthetic members.")
@click.option("--members", type=COUNT, default=1_000, show_default=True, help="Number of synthetic members.")
@click.option(
    "--rate", type=POSITIVE, default=500.0, show_default=True, help="Masked updates per second that are offered."
)
@click.option(
    "--minutes", type=POSITIVE, default=60.0, show_default=True, help="Give the measurement up after this time."
)
@click.option("--sqlite", is_flag=True, help="Measure on SQLite instead of Postgres.")
@click.option("--out", type=FOLDER, default=Path("build/bench"), show_default=True, help="Folder for round.json.")
@seed_option("of everything that the members send")
@json_option
def bench_round(members: int, rate: float, minutes: float, sqlite: bool, out: Path, seed: int, as_json: bool) -> None:
    """Load a real gateway process and a real database with all four stages of one round.

    Members are synthetic: their keys and signatures are real, their shares and vectors are random bytes from a seed.
    The test verifies that the stored sum is exactly that of all masked vectors. Postgres is the one that the
    variable KEYART_TEST_POSTGRES names, by default that of this machine.

    \b
    Example:
      keyart bench round --members 100000
      keyart bench round --members 200 --sqlite --json
    """
    one_thread_a_process()
    from keyart_tools.performance.round_load import measure_round_load

    with progress("requests") as tell:
        load = measure_round_load(members, rate, seed, 60 * minutes, tell, sqlite=sqlite)
    out.mkdir(parents=True, exist_ok=True)
    document = json.dumps(load.to_dict(), indent=1, allow_nan=False)
    (out / "round.json").write_text(document + "\n", encoding="utf-8")
    if as_json:
        write_json(load.to_dict())
    else:
        _show(load, out)


def _show(load: RoundLoad, out: Path) -> None:
    from rich.table import Table

    from keyart_tools.performance.round_load import MAX_TAIL_MS, MIN_UPDATES_A_CORE_SECOND

    title = f"{load.members:,} members, {load.size:,} × 32 bits, {load.neighbours} neighbours, {load.database}"
    table = Table("request", title=title, title_justify="left")
    for name in ("requests", "a second", "CPU ms", "a second a core", "median ms", "p99 ms"):
        table.add_column(name, justify="right")
    for row in load.requests:
        table.add_row(
            row.name, f"{row.requests:,}", f"{row.requests / row.seconds:,.0f}", f"{row.cpu_ms:.2f}",
            f"{row.a_core_second:,.0f}", f"{row.median_ms:,.0f}", f"{row.p99_ms:,.0f}",
        )  # fmt: skip
    masked, kept = load.masked, load.stored_bytes / load.members / 1000
    bars = [
        f"Masked updates a second a core: {masked.a_core_second:,.0f}, target {MIN_UPDATES_A_CORE_SECOND:,.0f}: "
        f"{'met' if masked.a_core_second >= MIN_UPDATES_A_CORE_SECOND else 'MISSED'}.",
        f"Masked updates, p99: {masked.p99_ms:,.0f} ms at {load.rate:,.0f} a second offered, target "
        f"{MAX_TAIL_MS:,.0f} ms: {'met' if masked.p99_ms <= MAX_TAIL_MS else 'MISSED'}.",
        f"A member costs {load.gateway_ms:.1f} ms of the gateway, {load.server_ms:.1f} ms of the server, and "
        f"{sum(load.rows.values()) / load.members:.1f} rows of {kept:,.0f} kB until the round ends.",
        f"Other programs, Postgres among them, took {load.busy:.0%} of this machine. {out / 'round.json'}",
    ]
    print_table(table, *bars)
