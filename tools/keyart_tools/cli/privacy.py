"""`keyart privacy`: privacy accounting, and planning of private campaigns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .chart_path import ChartPath
from .console import json_option, note, print_table, write_json
from .options import BELOW_ONE, COUNT, POSITIVE

if TYPE_CHECKING:
    from keyart_tools.privacy import CampaignPlan

delta_option = click.option(
    "--delta",
    type=BELOW_ONE,
    default=1e-6,
    show_default=True,
    help="Probability that ε is exceeded; below one over the number of devices.",
)
l2_option = click.option(
    "--l2",
    type=POSITIVE,
    help="Clipping norm in integer steps; selects distributed Skellam noise instead of Gaussian.",
)


@click.group(short_help="Account for and plan private campaigns.")
def privacy() -> None:
    """Account for private campaigns, and plan them.

    \b
    Example:
      keyart privacy plan --dimension 3000 --epsilon 2 --json
      keyart privacy epsilon --noise 1 --rate 0.01 --rounds 1000
    """


@privacy.command(short_help="Plan devices, rounds and noise for an ε.")
@click.option("--dimension", type=COUNT, required=True, help="Number of entries of a device's vector.")
@click.option(
    "--devices", type=COUNT, multiple=True, default=(1000, 2000, 5000, 20000, 50000), show_default=True,
    help="Number of devices per round; may be repeated.",
)  # fmt: skip
@click.option(
    "--rounds", type=COUNT, multiple=True, default=(5, 10, 20), show_default=True,
    help="Number of rounds of the campaign; may be repeated.",
)  # fmt: skip
@click.option(
    "--epsilon", type=POSITIVE, default=2.0, show_default=True, help="Privacy budget of the whole campaign."
)
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
    """Compute the noise for a privacy budget, and the effective sample that it leaves, before a round is charged.

    Each device takes part in every round. The share is 1 / (1 + τ): the effective fraction of the fleet in one round,
    or in the mean over all rounds, relative to a round without noise. Capture, the normalised policy value (policy −
    random) / (oracle − random), is predicted from measured runs if there are any. A fleet for which federated
    learning cannot pay off is reported, and is not an error.

    \b
    Example:
      keyart privacy plan --dimension 3000
      keyart privacy plan --dimension 3000 --devices 20000 --epsilon 8 --rounds 5 --plot capture.png
    """
    from keyart_tools.privacy import plan as make
    from keyart_tools.privacy import read

    runs = read()
    campaign_plan = make(sorted(set(devices)), sorted(set(rounds)), epsilon, delta, dimension, l2, runs)
    if plot is not None:
        from keyart_tools.privacy.capture_chart import draw

        draw(plot, devices, delta=delta, rounds=min(rounds), dimension=dimension, runs=runs)
    if as_json:
        write_json(plan_document(campaign_plan))
    else:
        _show(campaign_plan)
    if not runs:
        note("No measured runs: the plan reports the noise, but predicts no capture.")


@privacy.command(short_help="Compute the ε of a campaign.")
@click.option(
    "--noise",
    type=click.FloatRange(min=0),
    required=True,
    help="Noise multiplier: standard deviation of the sum's noise over the clipping norm.",
)
@click.option(
    "--rate", type=click.FloatRange(min=0, max=1), default=1.0, show_default=True,
    help="Sampling rate: probability that a device takes part in a round, drawn in secret.",
)  # fmt: skip
@click.option("--rounds", type=click.IntRange(min=0), required=True, help="Number of rounds of the campaign.")
@delta_option
@l2_option
@click.option("--dimension", type=COUNT, help="Number of entries of the vector; required with --l2.")
@json_option
def epsilon(
    noise: float, rate: float, rounds: int, delta: float, l2: float | None, dimension: int | None, as_json: bool
) -> None:
    """Compute the ε per user of a number of rounds with a given noise.

    \b
    Example:
      keyart privacy epsilon --noise 1 --rate 0.01 --rounds 1000 --delta 1e-6
    """
    if (l2 is None) != (dimension is None):
        raise click.UsageError("--l2 and --dimension require each other.")
    from keyart_federated import accounting

    if l2 is None or dimension is None:
        spent = accounting.epsilon(noise, rate, rounds, delta)
    else:
        spent = accounting.skellam_epsilon(noise, l2, dimension, rounds, delta, rate)
    if as_json:
        write_json({"epsilon": spent if math.isfinite(spent) else None, "delta": delta})
    else:
        print_table(f"ε = {spent:.4g} at δ = {delta:g}")


def plan_document(campaign_plan: CampaignPlan) -> dict[str, Any]:
    """Return the plan as plain values, without predicted captures if no run was measured."""
    from dataclasses import asdict

    rows = [asdict(row) | {"pays": campaign_plan.pays(row)} for row in campaign_plan.rows]
    if all(row.whole is None for row in campaign_plan.rows):
        rows = [{k: v for k, v in row.items() if k not in ("whole", "last_quarter", "pays")} for row in rows]
    document = asdict(campaign_plan) | {"rows": rows, "half_devices": campaign_plan.half_devices}
    return document if campaign_plan.alone is not None else {k: v for k, v in document.items() if k != "alone"}


def _show(campaign_plan: CampaignPlan) -> None:
    from rich.table import Table

    table = Table(
        title=f"ε = {campaign_plan.epsilon:g} at δ = {campaign_plan.delta:g}, {campaign_plan.dimension:,} coordinates"
    )
    table.title_justify = "left"
    measured = campaign_plan.rows[0].whole is not None
    names = ["devices", "rounds", "noise /\nclip", "noise of a mean /\nclip", "share,\na round", "share,\nall rounds"]
    for name in [*names, "kB a\nround", *(["capture", "last\nquarter", "pays"] if measured else [])]:
        table.add_column(name, justify="right")
    for row in campaign_plan.rows:
        cells = [
            f"{row.devices:,}", str(row.rounds), f"{row.noise_multiplier:.3g}", f"{row.mean_noise:.2e}",
            f"{row.share:.1%}", f"{row.campaign_share:.1%}", f"{row.upload_bytes / 1000:,.1f}",
        ]  # fmt: skip
        if row.whole is not None and row.last_quarter is not None:
            verdict = {None: "", True: "yes", False: "NO"}[campaign_plan.pays(row)]
            cells += [f"{row.whole:.3f}", f"{row.last_quarter:.3f}", verdict]
        table.add_row(*cells)
    print_table(
        table,
        f"With {campaign_plan.half_devices:,} devices or more, the campaign keeps at least half of its sample.",
        *_refusals(campaign_plan),
    )


def _refusals(campaign_plan: CampaignPlan) -> list[str]:
    """Return a sentence for each fleet for which no number of rounds pays off."""
    sentences = []
    for fleet in dict.fromkeys(row.devices for row in campaign_plan.rows):
        rows = [row for row in campaign_plan.rows if row.devices == fleet]
        if all(campaign_plan.pays(row) is False for row in rows):
            best = max(row.whole or 0.0 for row in rows)
            sentences.append(
                f"Not worthwhile: with {fleet:,} devices at ε = {campaign_plan.epsilon:g}, federated learning cannot "
                f"pay off: capture {best:.3f} is predicted, and devices that learn alone reach "
                f"{campaign_plan.alone:.3f}."
            )
    return sentences
