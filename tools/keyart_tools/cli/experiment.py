"""`keyart experiment`: plan an A/B test, run one on a World, and report its results."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import json_option, note, one_thread_a_process, print_table, progress, write_json
from .options import BELOW_ONE, COUNT, PATH, POSITIVE, seed_option
from .world_loading import load_world, world_errors

if TYPE_CHECKING:
    from rich.table import Table

    from keyart import Policy
    from keyart_federated.experiments import Experiment

PAGE = click.Path(path_type=Path, dir_okay=False)
NAMES = (
    "quality_plays", "take_rate", "watch_time", "browse_time", "returns", "abandonment", "page_diversity",
)  # fmt: skip
PLANNED_DAYS = (7, 14, 21, 28)
SETTINGS = ("exploration", "diversity", "misleading")

epsilon_option = click.option(
    "--epsilon", type=POSITIVE, default=1.0, show_default=True, help="ε limit per user, for the whole experiment."
)
delta_option = click.option(
    "--delta", type=BELOW_ONE, default=1e-6, show_default=True, help="δ per user, for the whole experiment."
)
metric_option = click.option(
    "--metric", type=click.Choice(NAMES), default=NAMES[0], show_default=True, help="Primary metric."
)
group_option = click.option(
    "--group", metavar="KIND:A,B",
    help="Subgroups to report: device:tv,phone, daypart:…, or a label that the host app sets.",
)  # fmt: skip


def share(_: click.Context, __: click.Parameter, text: str) -> float:
    """Parse a share such as 1% or 0.01."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise click.BadParameter(f"{text!r} is not a share between 0 and 1, such as 1% or 0.01.")
    return value


margin_option = click.option(
    "--margin",
    callback=share,
    metavar="SHARE",
    default="2%",
    show_default=True,
    help="Smallest relative effect that matters.",
)


@click.group(short_help="Plan, run and read private A/B tests.")
def experiment() -> None:
    """Run A/B tests without collecting logs: each device submits one noised vector.

    Results may be read every day. plan, run and read work on this machine; list, show and export ask a coordinating
    server for the experiments of its fleet.

    \b
    Example:
      keyart experiment plan --mean 0.14 --deviation 0.07 --correlation 0.5 --effect 1%
      keyart experiment run old/bundle new/bundle --world synthetic --viewers 4000 --epsilon 4
      keyart experiment read experiment.json --html experiment.html
    """


@experiment.command(short_help="Compute the devices and days for an effect.")
@metric_option
@click.option("--mean", type=float, help="Mean of the metric over devices.")
@click.option("--deviation", type=POSITIVE, help="Standard deviation of the metric between devices.")
@click.option(
    "--correlation", type=click.FloatRange(0.0, 0.95), default=0.0, show_default=True,
    help="Correlation of a device's value with its value before the experiment.",
)  # fmt: skip
@click.option(
    "--measured-days",
    type=POSITIVE,
    default=14.0,
    show_default=True,
    help="Number of days over which the baseline was measured.",
)
@click.option("--pilot", type=PATH, help="Results file of an earlier experiment, to take the baseline from.")
@click.option(
    "--effect",
    callback=share,
    metavar="SHARE",
    default="1%",
    show_default=True,
    help="Relative effect to detect, as a share of the metric's mean.",
)
@click.option("--devices", type=COUNT, help="Number of devices; reports the effect that they detect.")
@click.option("--days", type=COUNT, default=21, show_default=True, help="Day of the last interim analysis.")
@click.option("--first-day", type=COUNT, default=7, show_default=True, help="Day of the first interim analysis.")
@click.option(
    "--looks", type=COUNT, default=8, show_default=True, help="Number of interim analyses; each adds noise."
)
@click.option(
    "--arms", type=click.IntRange(2, 64), default=2, show_default=True, help="Number of arms, including the control."
)
@click.option(
    "--power",
    type=click.FloatRange(0.5, 0.999),
    default=0.9,
    show_default=True,
    help="Probability of detecting the effect.",
)
@group_option
@epsilon_option
@delta_option
@json_option
def plan(
    metric: str,
    mean: float | None,
    deviation: float | None,
    correlation: float,
    measured_days: float,
    pilot: Path | None,
    effect: float,
    devices: int | None,
    days: int,
    first_day: int,
    looks: int,
    arms: int,
    power: float,
    group: str | None,
    epsilon: float,
    delta: float,
    as_json: bool,
) -> None:
    """Compute how many devices and days an experiment needs to detect an effect.

    The result includes noise and interim analyses.

    Describe the metric with --mean and --deviation, or give the results file of an earlier experiment with --pilot.

    \b
    Example:
      keyart experiment plan --mean 0.14 --deviation 0.07 --correlation 0.5 --effect 1%
      keyart experiment plan --pilot experiment.json --effect 2% --devices 20000 --json
    """
    from dataclasses import replace

    from keyart_federated.experiments import ASSUMED, Baseline, Experiment, Results, detectable, needed
    from keyart_federated.experiments.pilot import baselines

    if pilot is not None:
        if mean is not None or deviation is not None:
            raise click.UsageError("--pilot provides the baseline; give either --pilot or --mean and --deviation.")
        baselines_by_metric = baselines(Results.load(pilot))
    elif mean is None or deviation is None:
        raise click.UsageError(
            "Give --mean and --deviation of the metric, or --pilot with the results file of an experiment."
        )
    else:
        baselines_by_metric = {**ASSUMED, metric: Baseline(mean, deviation, correlation, measured_days)}
    if metric not in baselines_by_metric:
        raise click.UsageError(f"The pilot did not measure {metric}.")
    baselines_by_metric = {
        metric: baselines_by_metric[metric],
        **{name: baseline for name, baseline in baselines_by_metric.items() if name != metric},
    }
    kind, groups = _group(group)
    experiment_plan = Experiment(
        "plan", devices or 10**9, baselines_by_metric, tuple(f"arm {n}" for n in range(arms)), days=days,
        first_day=first_day,
        looks=looks, epsilon=epsilon, delta=delta, group=kind, groups=groups,
    )  # fmt: skip
    needed_devices = needed(experiment_plan, effect, power)
    rows = []
    for length in sorted({*PLANNED_DAYS, days}):
        first = min(first_day, length)
        for count in sorted({1, min(looks, length - first + 1)}):
            start = first if count > 1 else length
            variant = replace(experiment_plan, days=length, first_day=start, looks=count)
            rows.append({"days": length, "looks": count, "devices": needed(variant, effect, power)})
    detected = detectable(replace(experiment_plan, devices=devices or needed_devices), power=power)
    document = {
        "metric": metric,
        "effect": effect,
        "power": power,
        "epsilon": epsilon,
        "delta": delta,
        "devices": needed_devices,
        "fewest_a_look": experiment_plan.fewest_a_look,
        "rows": rows,
        "found": {
            "devices": devices or needed_devices,
            "effect": detected.effect,
            "without_noise": detected.without_noise,
            "noise_share": detected.noise_share,
        },
    }
    if as_json:
        write_json(document)
    else:
        _show_plan(document, experiment_plan)


@experiment.command(short_help="Compare two bundles or policies on a World.")
@click.argument("bundle", type=PATH)
@click.argument("other", type=PATH, required=False)
@click.option(
    "--world", "spec", default="synthetic", show_default=True, metavar="WORLD",
    help="movielens, openbandit, synthetic, or module:factory for a World of your own.",
)  # fmt: skip
@click.option("--viewers", type=COUNT, help="Number of devices.  [default: all of the world]")
@click.option("--titles", type=COUNT, help="Number of titles.  [default: all of the world]")
@seed_option("of the world and of all draws")
@click.option(
    "--policy", multiple=True, metavar="NAME=VALUE",
    help=f"Policy setting of the second arm: {', '.join(SETTINGS)}; may be repeated.",
)  # fmt: skip
@click.option(
    "--name",
    default="experiment",
    show_default=True,
    help="Name of the experiment; it seeds the assignment of devices to arms.",
)
@click.option(
    "--past",
    type=click.IntRange(min=2),
    default=40,
    show_default=True,
    help="Impressions per device before the experiment starts.",
)
@click.option(
    "--steps", type=COUNT, default=80, show_default=True, help="Impressions per device during the experiment."
)
@click.option(
    "--looks",
    type=COUNT,
    default=4,
    show_default=True,
    help="Number of interim analyses, in the second half of the days.",
)
@metric_option
@margin_option
@group_option
@epsilon_option
@delta_option
@click.option("--out", type=PAGE, default=Path("experiment.json"), show_default=True, help="Results file to write.")
@click.option("--html", type=PAGE, help="Report page to write.")
@json_option
def run(
    bundle: Path,
    other: Path | None,
    spec: str,
    viewers: int | None,
    titles: int | None,
    seed: int,
    policy: tuple[str, ...],
    name: str,
    past: int,
    steps: int,
    looks: int,
    metric: str,
    margin: float,
    group: str | None,
    epsilon: float,
    delta: float,
    out: Path,
    html: Path | None,
    as_json: bool,
) -> None:
    """Simulate an A/B test on a World.

    After a common history with BUNDLE, half of the devices switch to OTHER or to another policy. Results are
    collected by secure aggregation, once from each device.

    Without OTHER and without --policy both arms are the same: an A/A test.

    \b
    Example:
      keyart experiment run old/bundle new/bundle --world synthetic --viewers 4000 --epsilon 4
      keyart experiment run build/bundle --policy exploration=0.1 --html experiment.html
    """
    one_thread_a_process()
    from keyart import Policy
    from keyart.bundle import load_model
    from keyart_federated.simulation.arm_simulation import Arm
    from keyart_federated.simulation.experiment_trial import TrialPlan
    from keyart_federated.simulation.experiment_trial import run as on_world

    for path in (out, html):
        if path is not None and not path.parent.is_dir():
            raise click.UsageError(f"The folder {path.parent} for {path.name} does not exist; create it first.")
    kind, groups = _group(group)
    plan = TrialPlan(
        name, past, steps, looks, (metric, *(n for n in NAMES if n != metric)), margin, epsilon, delta, kind, groups
    )
    changed = _policy(Policy(), policy)
    settings: dict[str, Any] = {"viewers": viewers, "titles": titles}
    if ":" not in spec:
        settings |= {"impressions": past + steps, "seed": seed}
    given = {key: value for key, value in settings.items() if value is not None}
    with world_errors(spec):
        world = load_world(spec, given)
        before = load_model(bundle, world.catalog, "numpy")
        after = load_model(other, world.catalog, "numpy") if other is not None else before
        arms = [Arm("control", before, Policy()), Arm("treatment", after, changed)]
        with progress("devices") as tell:
            results = on_world(world, arms, plan, seed, tell)
    results.save(out)
    note(f"Results: {out}")
    _tell(results, html, as_json)


@experiment.command(short_help="Report an experiment in words and as a page.")
@click.argument("results", type=PATH)
@click.option("--html", type=PAGE, help="Report page to write.")
@json_option
def read(results: Path, html: Path | None, as_json: bool) -> None:
    """Report the results file RESULTS of an experiment: effects, intervals, groups, guard metrics and a verdict.

    The report may be read after each interim analysis: the intervals are valid at all analyses together.

    \b
    Example:
      keyart experiment read experiment.json
      keyart experiment read experiment.json --html experiment.html --json
    """
    from keyart_federated.experiments import Results

    _tell(Results.load(results), html, as_json)


def _tell(results: Any, html: Path | None, as_json: bool) -> None:
    from keyart_tools.experiment import summary, write_page

    document = summary(results)
    if html is not None:
        write_page(html, results)
        note(f"Report: {html}")
    if as_json:
        write_json(document)
        return
    for comparison in document["comparisons"]:
        print_table(f"{comparison['text']} {comparison['forecast']}".strip(), "", _table(document, comparison))


def _table(document: dict[str, Any], comparison: dict[str, Any]) -> Table:
    from rich.table import Table

    from keyart_federated.experiments import MEASURES
    from keyart_federated.experiments.device_metrics import percent

    control = next(iter(document["arms"]))
    table = Table(
        title=f"{document['name']}, day {document['day']:g} of {document['days']}: {control} → {comparison['arm']}",
        title_justify="left",
    )
    for name in ("metric", "devices", control, comparison["arm"], "change", "95 % interval, valid at all analyses"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    first = next(iter(comparison["metrics"]))
    rows = [(name, metric["label"], metric) for name, metric in comparison["metrics"].items()]
    rows += [(first, f"  {name}", metric) for name, metric in comparison["groups"].items()]
    for name, label, metric in rows:
        measure = MEASURES[name]
        change, low, high = metric["relative"]
        is_relative = change is not None
        guard = f", guard {comparison['guards'][name]}" if comparison["guards"].get(name) == "breached" else ""
        table.add_row(
            label + guard,
            f"{metric['devices']:,}",
            measure.shown(metric["control"]),
            measure.shown(metric["control"] + metric["effect"]),
            percent(change) if is_relative else measure.shown_difference(metric["effect"]),
            f"{percent(low)} to {percent(high)}" if is_relative else "",
        )
    return table


def _show_plan(document: dict[str, Any], experiment_plan: Experiment) -> None:
    from rich.table import Table

    effect, detected = document["effect"], document["found"]
    table = Table()
    for name in ("days", "analyses", "devices"):
        table.add_column(name, justify="right")
    for row in document["rows"]:
        table.add_row(str(row["days"]), str(row["looks"]), f"{row['devices']:,}")
    print_table(
        f"Devices that detect a change of {100 * effect:.3g} % in {document['metric']}, with a probability of "
        f"{document['power']:g}:",
        table,
        f"{detected['devices']:,} devices, {experiment_plan.days} days and {experiment_plan.looks} analyses find "
        f"{100 * detected['effect']:.2f} %; without noise, {100 * detected['without_noise']:.2f} %. "
        f"Noise is {100 * detected['noise_share']:.0f} % of the variance, "
        f"at ε = {document['epsilon']:g} per user. An analysis needs {document['fewest_a_look']:,} devices.",
    )


def _group(text: str | None) -> tuple[str, tuple[str, ...]]:
    if text is None:
        return "", ()
    kind, colon, values = text.partition(":")
    if not colon or not kind or not values:
        raise click.UsageError(f"--group {text} is not of the form KIND:A,B, such as device:tv,phone.")
    return kind, tuple(values.split(","))


def _policy(policy: Policy, changes: tuple[str, ...]) -> Policy:
    from dataclasses import replace

    given: dict[str, Any] = {}
    for change in changes:
        name, _, value = change.partition("=")
        if name not in SETTINGS:
            raise click.UsageError(f"--policy {change}: the settings are {', '.join(SETTINGS)}.")
        try:
            given[name] = value if name == "misleading" else float(value)
        except ValueError:
            given[name] = math.nan
        if isinstance(given[name], float) and not math.isfinite(given[name]):
            raise click.UsageError(f"--policy {change}: {value!r} is not a number.")
    return replace(policy, **given)
