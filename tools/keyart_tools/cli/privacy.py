"""`keyart privacy`: what a campaign costs a person, and what a budget buys at a fleet's size."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .chart_path import ChartPath
from .console import json_option, note, print_table, write_json

if TYPE_CHECKING:
    from keyart_tools.privacy import CampaignPlan

COUNT = click.IntRange(min=1)
DELTA = click.FloatRange(min=0, max=1, min_open=True, max_open=True)
POSITIVE = click.FloatRange(min=0, min_open=True)
delta_option = click.option(
    "--delta", type=DELTA, default=1e-6, show_default=True, help="Less than one over the fleet's size."
)
l2_option = click.option(
    "--l2", type=POSITIVE, help="The clip in integer steps: distributed Skellam noise, and not Gaussian."
)


@click.group(short_help="What a campaign costs a person, and what a budget buys.")
def privacy() -> None:
    """Account for private campaigns, and plan them.

    \b
    Example:
      keyart privacy plan --dimension 3000 --epsilon 2 --json
      keyart privacy epsilon --noise 1 --rate 0.01 --rounds 1000
    """


@privacy.command(short_help="How many devices, rounds and what noise for an ε?")
@click.option("--dimension", type=COUNT, required=True, help="Entries of a device's vector.")
@click.option(
    "--devices", type=COUNT, multiple=True, default=(1000, 2000, 5000, 20000, 50000), show_default=True,
    help="Devices of a round; may be given several times.",
)  # fmt: skip
@click.option(
    "--rounds", type=COUNT, multiple=True, default=(5, 10, 20), show_default=True,
    help="Rounds of the campaign; may be given several times.",
)  # fmt: skip
@click.option("--epsilon", type=POSITIVE, default=2.0, show_default=True, help="Budget of the whole campaign.")
@delta_option
@l2_option
@click.option("--plot", type=ChartPath(), help="Chart of capture against ε: PNG, SVG or PDF.")
@json_option
def plan(
    dimension: int,
    devices: tuple[int, ...],
    rounds: tuple[int, ...],
    epsilon: float,
    delta: float,
    l2: float | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Noise for a budget, and what it leaves of a fleet's sample, before the first round is paid for.

    Each device takes part in every round. The share is 1 / (1 + τ): the part of the fleet that a round, or the mean
    of all rounds, is worth beside one without noise. Capture is predicted from measured runs, where there are any;
    a fleet for which learning together cannot pay is told so, and that is no error.

    \b
    Example:
      keyart privacy plan --dimension 3000
      keyart privacy plan --dimension 3000 --devices 20000 --epsilon 8 --rounds 5 --plot capture.png
    """
    from keyart_tools.privacy import plan as make
    from keyart_tools.privacy import read

    runs = read()
    made = make(sorted(set(devices)), sorted(set(rounds)), epsilon, delta, dimension, l2, runs)
    if plot is not None:
        from keyart_tools.privacy.capture_chart import draw

        draw(plot, devices, delta=delta, rounds=min(rounds), dimension=dimension, runs=runs)
    if as_json:
        write_json(plan_document(made))
    else:
        _show(made)
    if not runs:
        note("No measurements yet: the plan says what the noise is, and not what capture it leaves.")


@privacy.command(short_help="The accountant's answer.")
@click.option("--noise", type=click.FloatRange(min=0), required=True, help="Deviation of the sum's noise, in clips.")
@click.option(
    "--rate", type=click.FloatRange(min=0, max=1), default=1.0, show_default=True,
    help="Probability to be in a round, drawn in secret.",
)  # fmt: skip
@click.option("--rounds", type=click.IntRange(min=0), required=True)
@delta_option
@l2_option
@click.option("--dimension", type=COUNT, help="Entries of a vector; of Skellam noise.")
@json_option
def epsilon(
    noise: float, rate: float, rounds: int, delta: float, l2: float | None, dimension: int | None, as_json: bool
) -> None:
    """The ε that so many rounds with so much noise cost a person.

    \b
    Example:
      keyart privacy epsilon --noise 1 --rate 0.01 --rounds 1000 --delta 1e-6
    """
    if (l2 is None) != (dimension is None):
        raise click.UsageError("--l2 and --dimension belong together.")
    from keyart_federated import accounting

    if l2 is None or dimension is None:
        spent = accounting.epsilon(noise, rate, rounds, delta)
    else:
        spent = accounting.skellam_epsilon(noise, l2, dimension, rounds, delta, rate)
    if as_json:
        write_json({"epsilon": spent if math.isfinite(spent) else None, "delta": delta})
    else:
        print_table(f"ε = {spent:.4g} at δ = {delta:g}")


def plan_document(made: CampaignPlan) -> dict[str, Any]:
    """The plan as JSON; without measurements, without captures."""
    from dataclasses import asdict

    rows = [asdict(row) | {"pays": made.pays(row)} for row in made.rows]
    if all(row.whole is None for row in made.rows):
        rows = [{k: v for k, v in row.items() if k not in ("whole", "last_quarter", "pays")} for row in rows]
    document = asdict(made) | {"rows": rows, "half_devices": made.half_devices}
    return document if made.alone is not None else {k: v for k, v in document.items() if k != "alone"}


def _show(made: CampaignPlan) -> None:
    from rich.table import Table

    table = Table(title=f"ε = {made.epsilon:g} at δ = {made.delta:g}, {made.dimension:,} coordinates")
    table.title_justify = "left"
    measured = made.rows[0].whole is not None
    names = ["devices", "rounds", "noise /\nclip", "noise of a mean /\nclip", "share,\na round", "share,\nall rounds"]
    for name in [*names, "kB a\nround", *(["capture", "last\nquarter", "pays"] if measured else [])]:
        table.add_column(name, justify="right")
    for row in made.rows:
        cells = [
            f"{row.devices:,}", str(row.rounds), f"{row.noise_multiplier:.3g}", f"{row.mean_noise:.2e}",
            f"{row.share:.1%}", f"{row.campaign_share:.1%}", f"{row.upload_bytes / 1000:,.1f}",
        ]  # fmt: skip
        if row.whole is not None and row.last_quarter is not None:
            word = {None: "", True: "yes", False: "NO"}[made.pays(row)]
            cells += [f"{row.whole:.3f}", f"{row.last_quarter:.3f}", word]
        table.add_row(*cells)
    print_table(
        table, f"From {made.half_devices:,} devices on, a campaign keeps half of its sample.", *_refusals(made)
    )


def _refusals(made: CampaignPlan) -> list[str]:
    """A sentence for each fleet that no number of rounds makes pay."""
    said = []
    for fleet in dict.fromkeys(row.devices for row in made.rows):
        rows = [row for row in made.rows if row.devices == fleet]
        if all(made.pays(row) is False for row in rows):
            best = max(row.whole or 0.0 for row in rows)
            said.append(
                f"No: with {fleet:,} devices at ε = {made.epsilon:g} learning together cannot pay: capture "
                f"{best:.3f} is predicted, and devices that share nothing reach {made.alone:.3f}."
            )
    return said
