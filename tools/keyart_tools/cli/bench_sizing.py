"""`keyart bench sizing`: what fleets of several sizes need, from measured costs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import json_option, one_thread_a_process, print_table, progress, write_json
from .options import COUNT, FOLDER, PATH, POSITIVE

if TYPE_CHECKING:
    from keyart_tools.sizing import FleetPlan, MeasuredCosts, Workload

FLEETS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
HEADS = (
    "devices", "cohort", "gateway cores", "gateways", "polls/s", "server s", "regions", "rows", "database",
    "received", "CDN a year", "changed only", "CDN rate", "rounds a device", "ε a year",
)  # fmt: skip


@click.command("sizing", short_help="Compute what a fleet needs, from measured costs.")
@click.option(
    "--devices", type=COUNT, multiple=True, help="Size of a fleet; may be repeated.  [default: 1,000 to 10⁸]"
)
@click.option("--cohort", type=COUNT, default=10_000, show_default=True, help="Largest number of devices in a round.")
@click.option("--rounds", type=COUNT, default=52, show_default=True, help="Rounds in a year.")
@click.option("--hours", type=POSITIVE, default=3.0, show_default=True, help="Time for each stage of a round.")
@click.option("--bundles", type=COUNT, default=52, show_default=True, help="Published bundles in a year.")
@click.option("--noise", type=POSITIVE, default=8.0, show_default=True, help="Noise of a sum over the clipping norm.")
@click.option("--cached-polls", is_flag=True, help="A CDN answers the polls of idle devices.")
@click.option("--measure", is_flag=True, help="Measure the costs on this machine first, and write OUT/costs.json.")
@click.option("--members", type=COUNT, default=1_000, show_default=True, help="Members of the measured round.")
@click.option("--sqlite", is_flag=True, help="Measure on SQLite instead of Postgres.")
@click.option("--costs", type=PATH, help="File with measured costs.  [default: those that keyart was shipped with]")
@click.option("--out", type=FOLDER, default=Path("build/bench"), show_default=True, help="Folder for costs.json.")
@click.option("--markdown", is_flag=True, help="Write the tables as Markdown.")
@json_option
def bench_sizing(
    devices: tuple[int, ...], cohort: int, rounds: int, hours: float, bundles: int, noise: float, cached_polls: bool,
    measure: bool, members: int, sqlite: bool, costs: Path | None, out: Path, markdown: bool, as_json: bool,
) -> None:  # fmt: skip
    """Compute gateways, database, traffic and ε of fleets from 1,000 to 100 million devices.

    All figures follow from measured costs of one member of a round, one poll and one bundle. --measure repeats the
    measurement; without it, and without --costs, the costs are those that the documentation quotes.

    \b
    Example:
      keyart bench sizing
      keyart bench sizing --measure --members 2000
      keyart bench sizing --devices 5000000 --cohort 50000 --rounds 100
    """
    one_thread_a_process()
    from keyart_tools.sizing import Workload, load_costs, plan_fleet
    from keyart_tools.sizing.measured_costs import SHIPPED

    if measure:
        from keyart_tools.performance.cost_measurement import measure_costs

        with progress("requests") as tell:
            found = measure_costs(members, 60.0, sqlite, tell)
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(found.to_dict(), indent=1, ensure_ascii=False)
        (out / "costs.json").write_text(text + "\n", encoding="utf-8")
    else:
        found = load_costs(costs or SHIPPED)
    workload = Workload(cohort, rounds=rounds, hours=hours, bundles=bundles, noise_multiplier=noise,
                        cached_polls=cached_polls)  # fmt: skip
    plans = [plan_fleet(size, found, workload) for size in devices or FLEETS]
    if as_json:
        write_json(
            {"costs": found.to_dict(), "workload": asdict(workload), "plans": [asdict(plan) for plan in plans]}
        )
    elif markdown:
        click.echo(markdown_tables(found, workload, plans))
    else:
        _show(found, workload, plans)


def markdown_tables(costs: MeasuredCosts, workload: Workload, plans: list[FleetPlan]) -> str:
    """Return the tables of costs and of plans as Markdown, as the page on sizing has them."""
    rows = [[name, text] for name, text in _cost_texts(costs, workload)]
    first, second = HEADS[:8], (HEADS[0], *HEADS[8:])
    cells = [_plan_texts(plan) for plan in plans]
    return "\n\n".join([
        _markdown(("measured", "value"), rows),
        _markdown(first, [row[:8] for row in cells]),
        _markdown(second, [[row[0], *row[8:]] for row in cells]),
    ])  # fmt: skip


def _markdown(heads: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cost_texts(costs: MeasuredCosts, workload: Workload) -> list[tuple[str, str]]:
    from keyart_tools.sizing.fleet_plan import largest_cohort

    return [
        ("machine", costs.machine),
        ("round", f"{costs.members:,} members, {costs.entries:,} entries of 32 bits, {costs.neighbours} neighbours"),
        (
            "gateway, a member of a round",
            f"{costs.gateway_ms:.1f} ms, with {costs.masked_ms:.2f} ms for the masked update",
        ),
        ("masked updates a second a core", f"{1000 / costs.masked_ms:,.0f}"),
        ("server, a member of a round", f"{costs.server_ms:.1f} ms and {_bytes(costs.server_bytes)} of memory"),
        ("database, a member of a round", f"{costs.rows:.1f} rows, {_bytes(costs.stored_bytes)}"),
        ("received from a member", _bytes(costs.sent_bytes)),
        ("poll of an idle device", f"{costs.poll_ms:.2f} ms"),
        ("bundle, and its files that change", f"{_bytes(costs.bundle_bytes)}, {_bytes(costs.changed_bytes)}"),
        ("metadata of an update", _bytes(costs.metadata_bytes)),
        (f"largest cohort of two cores in {workload.hours:g} h a stage", f"{largest_cohort(2, costs, workload):,}"),
    ]  # fmt: skip


def _plan_texts(plan: FleetPlan) -> list[str]:
    return [
        f"{plan.devices:,}", f"{plan.cohort:,}", f"{plan.gateway_cores:.2f}", f"{plan.gateways:,}",
        f"{plan.polls_a_second:,.0f}", f"{plan.server_seconds:,.1f}", f"{plan.regions}", f"{plan.rows:,}",
        _bytes(plan.stored_bytes), _bytes(plan.received_bytes), _bytes(plan.update_bytes_a_year),
        _bytes(plan.changed_bytes_a_year), f"{plan.update_bits_a_second / 1e6:,.1f} Mbit/s",
        f"{plan.rounds_a_device}", f"{plan.epsilon_a_year:.2f}",
    ]  # fmt: skip


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} PB"


def _show(costs: MeasuredCosts, workload: Workload, plans: list[FleetPlan]) -> None:
    from rich.table import Table

    measured = Table("measured", "value", title="Costs", title_justify="left")
    for name, text in _cost_texts(costs, workload):
        measured.add_row(name, text)
    tables = [measured]
    for heads, part in ((HEADS[:8], slice(0, 8)), ((HEADS[0], *HEADS[8:]), slice(8, None))):
        table = Table(title="A round" if part.start == 0 else "A round, and a year", title_justify="left")
        for head in heads:
            table.add_column(head, justify="right")
        for plan in plans:
            cells = _plan_texts(plan)
            table.add_row(*(cells[part] if part.start == 0 else [cells[0], *cells[part]]))
        tables.append(table)
    print_table(*tables)
