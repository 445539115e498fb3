"""`keyart simulate`: federated rounds over a world, ours or anybody's."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from .chart_path import ChartPath
from .console import json_option, note, one_thread_a_process, print_table, progress, write_json
from .world_loading import load_world, world_errors

if TYPE_CHECKING:
    from keyart_federated import Report
    from keyart_tools.benchmark.benchmark_result import BenchmarkResult

COUNT = click.IntRange(min=1)
SUITE_FOLDER = Path("build", "suite")
SINGLE_WORLD_OPTIONS = ("spec", "learner", "no_head", "epsilon", "delta", "plot", "compare")
SINGLE_POLICY_OPTIONS = ("learner", "no_head", "epsilon", "delta", "out")
SUITE_OPTIONS = ("seeds", "worlds", "policies", "resume", "quick", "download")
NAMES = {"movielens": "MovieLens", "openbandit": "Open Bandit"}
SIZE_OPTIONS = ("viewers", "titles", "rounds", "steps")


@click.command(short_help="Rounds on a world, measured against its truth.")
@click.option(
    "--world", "spec", default="synthetic", show_default=True, metavar="WORLD",
    help="movielens, openbandit, synthetic, or module:factory for a World of your own (found from this folder).",
)  # fmt: skip
@click.option("--rounds", type=COUNT, default=20, show_default=True, help="Federated rounds.")
@click.option("--steps", type=COUNT, default=10, show_default=True, help="Impressions per device and round.")
@click.option("--viewers", type=COUNT, help="Devices, as many as the world has unless told.")
@click.option("--titles", type=COUNT, help="Titles, as many as the world has unless told.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same choices.")
@click.option(
    "--learner", type=click.Choice(["federated", "central", "none"]), default="federated", show_default=True,
    help="Who learns: federated rounds; a central peer that sees every log; nobody.",
)  # fmt: skip
@click.option("--no-head", is_flag=True, help="Without the personal head on each device.")
@click.option(
    "--epsilon", type=click.FloatRange(min=0.0, min_open=True),
    help="Private rounds: what a person may lose in all, as ε. Without it sums are exact.",
)  # fmt: skip
@click.option(
    "--delta", type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True), default=1e-6, show_default=True,
    help="Of private rounds: the probability that ε does not hold.",
)  # fmt: skip
@click.option("--plot", type=ChartPath(), help="Chart of capture by round: PNG, SVG or PDF.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write the bundle to; of a suite: suite.jsonl, .json and .png, build/suite unless told.",
)  # fmt: skip
@click.option(
    "--compare", metavar="A,B",
    help="Policies on the same impressions, paired: federated, central, none, no-head, thompson, oracle …",
)  # fmt: skip
@click.option("--suite", is_flag=True, help="keyart and its peers on all built-in worlds, in one table.")
@click.option("--seeds", type=COUNT, default=3, show_default=True, help="Of a suite: how many, from --seed on.")
@click.option("--worlds", metavar="A,B", help="Of a suite: these worlds only.")
@click.option("--policies", metavar="A,B", help="Of a suite: these policies only.")
@click.option("--resume", is_flag=True, help="Of a suite: go on; what suite.jsonl in --out holds is not run again.")
@click.option("--quick", is_flag=True, help="Of a suite: tiny worlds; whether it runs, not how good it is.")
@click.option("--download", is_flag=True, help="Of a suite: fetch real data that is not in the cache.")
@json_option
@click.pass_context
def simulate(
    ctx: click.Context,
    spec: str,
    rounds: int,
    steps: int,
    viewers: int | None,
    titles: int | None,
    seed: int,
    learner: Any,
    no_head: bool,
    epsilon: float | None,
    delta: float,
    plot: Path | None,
    out: Path | None,
    compare: str | None,
    suite: bool,
    seeds: int,
    worlds: str | None,
    policies: str | None,
    resume: bool,
    quick: bool,
    download: bool,
    as_json: bool,
) -> None:
    """Train by rounds on the devices of a world, and measure the choices against the world's truth.

    A world of your own is made by calling the factory with --viewers, --titles and --seed, those of them that
    you give; it needs rounds × steps impressions a device.

    --compare plays several policies in place of one, and says how far each is from the first, device by device.

    A suite plays keyart, keyart with a part changed (no head; nobody learns together; a central peer; no guard, on
    clickbait), bandits a title, the best fixed pictures, random ones and the oracle on the same impressions, and
    VowpalWabbit and MABWiser where this folder has a .venv-bench; `make bench` makes one. --viewers, --titles,
    --rounds and --steps size its worlds.

    \b
    Example:
      keyart simulate --world synthetic --viewers 200 --rounds 10 --steps 5
      keyart simulate --world movielens --titles 200 --out build/bundle --plot learning.png
      keyart simulate --world synthetic --viewers 2000 --epsilon 8
      keyart simulate --compare federated,central,no-head --rounds 10 --plot compared.png
      keyart simulate --suite --seeds 3 --out build/suite
      keyart simulate --suite --worlds clickbait --policies keyart,guard-off,oracle --viewers 200
    """
    _check_options(ctx, suite, compare is not None)
    if suite:
        sizes = {name: ctx.params[name] for name in SIZE_OPTIONS if _is_set(ctx, name)}
        _run_suite(
            range(seed, seed + seeds), sizes, worlds, policies, resume, quick, download, out or SUITE_FOLDER, as_json
        )
        return
    if epsilon is None and _is_set(ctx, "delta"):
        raise click.UsageError("--delta goes with --epsilon; give both, or neither.")
    settings: dict[str, Any] = {"viewers": viewers, "titles": titles}
    own = ":" in spec
    if not own:
        settings["impressions"] = rounds * steps
    if not own or _is_set(ctx, "seed"):
        settings["seed"] = seed
    given = {name: value for name, value in settings.items() if value is not None}
    if compare is not None:
        with world_errors(spec):
            _compare(compare, spec, given, steps, rounds, seed, plot, as_json)
        return

    if out is not None and not out.name:
        raise click.UsageError(f"--out {out} has no name of its own; name a folder.")
    if out is not None and out.exists() and not (out / "manifest.json").exists() and any(out.iterdir()):
        raise click.UsageError(f"--out {out} holds something else than a bundle; name a new folder.")
    with tempfile.TemporaryDirectory(prefix="keyart-") as temporary:
        folder = out if out is not None else Path(temporary) / "bundle"
        with world_errors(spec):
            budget = None if epsilon is None else (epsilon, delta)
            report = _simulate(spec, given, steps, rounds, seed, learner, not no_head, budget, folder)
    if plot is not None:
        report.plot(plot)
        note(f"Capture by round: {plot}")
    document = {**report.to_dict(), "bundle": str(out) if out is not None else None}
    if as_json:
        write_json(document)
    else:
        _show(report, out)


def _check_options(ctx: click.Context, suite: bool, compared: bool) -> None:
    """An option that would be ignored is wrong use."""
    for name in SINGLE_POLICY_OPTIONS if compared and not suite else ():
        if _is_set(ctx, name):
            raise click.UsageError(f"--{name.replace('_', '-')} is for one policy, and --compare plays several.")
    for name in SINGLE_WORLD_OPTIONS if suite else SUITE_OPTIONS:
        if _is_set(ctx, name):
            option = "--world" if name == "spec" else f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{option} is not for a suite." if suite else f"{option} is for --suite only.")


def _is_set(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is not ParameterSource.DEFAULT


def _run_suite(
    seeds: Sequence[int],
    sizes: dict[str, int],
    worlds: str | None,
    policies: str | None,
    resume: bool,
    quick: bool,
    download: bool,
    out: Path,
    as_json: bool,
) -> None:
    one_thread_a_process()
    from keyart.errors import SettingError
    from keyart_tools.benchmark.benchmark_plan import BenchmarkPlan
    from keyart_tools.benchmark.benchmark_run import run
    from keyart_tools.benchmark.benchmark_worlds import QUICK, BenchmarkSize

    effort = (QUICK if quick else BenchmarkSize()).sized(**sizes)
    try:
        plan = BenchmarkPlan.of(effort, seeds, worlds, policies, resume, download)
    except SettingError as error:  # a name that is not known
        raise click.UsageError(str(error)) from None
    with progress("policies") as tell:
        result = run(plan, out, Path(), tell)
    if as_json:
        write_json(result.to_dict())
    else:
        _show_suite(result, out)


def _show_suite(result: BenchmarkResult, out: Path) -> None:
    from rich.table import Table

    title = "Capture (0: random picture, 1: oracle) with its 95 % interval over devices; mean of the seeds"
    table = Table(title=title, title_justify="left")
    table.add_column("world")
    table.add_column("policy")
    for name in ("last quarter", "whole run", "plays abandoned", "pictures shown", "seconds"):
        table.add_column(name, justify="right")
    before = ""
    for row in result.rows:
        if before and row.world != before:
            table.add_section()
        figures = row.score.figures
        cells = [row.world if row.world != before else "", row.policy]
        for name in ("last_quarter_capture", "capture"):
            low, high = row.score.interval[name]
            cells.append(f"{figures[name]:z.3f} ± {(high - low) / 2:.3f}")
        shares = f"{figures['clickbait_rate']:.1%}", f"{figures['coverage']:.0%}"
        table.add_row(*cells, *shares, f"{row.seconds:.1f}")
        before = row.world
    missing = [f"{name} is missing: {why}" for name, why in result.absent.items()]
    print_table(table, *missing, f"{out}: suite.json, suite.jsonl, suite.png")


def _simulate(
    spec: str,
    settings: dict[str, Any],
    steps: int,
    rounds: int,
    seed: int,
    learner: Any,
    personal_head: bool,
    budget: tuple[float, float] | None,
    folder: Path,
) -> Report:
    """budget: ε and δ of private rounds."""
    one_thread_a_process()
    from keyart_federated import Privacy
    from keyart_federated import simulate as run

    world = load_world(spec, settings)
    with progress("rounds") as tell:
        return run(
            world,
            steps,
            rounds,
            privacy=None if budget is None else Privacy(*budget),
            seed=seed,
            learner=learner,
            personal_head=personal_head,
            out=folder,
            name=NAMES.get(spec, spec),
            progress=tell,
        )


def _compare(
    asked: str, spec: str, settings: dict[str, Any], steps: int, rounds: int, seed: int, plot: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    one_thread_a_process()
    from keyart.errors import SettingError
    from keyart_tools.benchmark.paired_comparison import compare, policies

    from .comparison_output import show

    try:
        names = policies(asked)
    except SettingError as error:  # a name that is not known
        raise click.UsageError(str(error)) from None
    world = load_world(spec, settings)
    with progress("policies") as tell:
        lines = compare(world, names, steps, rounds, seed, tell)
    show(lines, f"{NAMES.get(spec, spec)}, {world.devices} devices, {rounds} rounds of {steps}", plot, as_json)


def _show(report: Report, out: Path | None) -> None:
    from rich.table import Table

    table = Table(
        title=f"{report.world}: {report.devices} devices, {report.rounds} rounds of {report.steps_per_round}",
        title_justify="left",
    )
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("95 % interval", justify="right")
    for name in (
        "random_value", "best_fixed_value", "policy_value", "oracle_value", "best_fixed_capture", "capture",
        "last_quarter_capture", "lift_over_random", "lift_over_best_fixed",
    ):  # fmt: skip
        low, high = report.interval[name]
        table.add_row(name.replace("_", " "), f"{getattr(report, name):.4f}", f"{low:.4f} – {high:.4f}")
    lines = [f"{report.seconds:.1f} s"]
    if report.epsilon is not None:
        lines.append(f"ε = {report.epsilon:.3f} of each person is spent, at δ = {report.delta:g}")
    if report.client_updates:
        lines.append(f"{report.client_updates_per_second:,.0f} client updates a second")
    ok = "fit" if report.propensities_ok else "DO NOT FIT"
    lines.append(f"frequencies of choices {ok} the logged propensities (p = {report.propensities_p:.2g})")
    if out is not None:
        lines.append(f"bundle: {out}")
    print_table(table, "; ".join(lines))
