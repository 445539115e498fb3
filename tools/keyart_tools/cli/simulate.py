"""`keyart simulate`: federated rounds on a built-in world or a World of the user."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from .chart_path import ChartPath
from .console import json_option, note, one_thread_a_process, print_table, progress, write_json
from .options import BELOW_ONE, COUNT, FOLDER, POSITIVE, SectionedCommand, seed_option
from .simulation_remarks import remarks
from .world_loading import load_world, world_errors

if TYPE_CHECKING:
    from keyart_federated import Report
    from keyart_tools.benchmark.benchmark_result import BenchmarkResult

SUITE_FOLDER = Path("build", "suite")
SINGLE_WORLD_OPTIONS = ("spec", "learner", "no_head", "epsilon", "delta", "plot", "compare")
SINGLE_POLICY_OPTIONS = ("learner", "no_head", "epsilon", "delta", "out")
SUITE_OPTIONS = ("seeds", "worlds", "policies", "resume", "quick", "download")
NAMES = {"movielens": "MovieLens", "openbandit": "Open Bandit"}
SIZE_OPTIONS = ("viewers", "titles", "rounds", "steps")


SECTIONS = {
    "World and size": ("spec", "viewers", "titles", "rounds", "steps", "seed"),
    "One policy (the default)": ("learner", "no_head", "epsilon", "delta", "plot", "out"),
    "Several policies on one world": ("compare",),
    "All policies on all worlds": ("suite", *SUITE_OPTIONS),
}


@click.command(cls=SectionedCommand, sections=SECTIONS, short_help="Simulate federated rounds on a world.")
@click.option(
    "--world", "spec", default="synthetic", show_default=True, metavar="WORLD",
    help="movielens, openbandit, synthetic, or module:factory for a World of your own, found from this folder.",
)  # fmt: skip
@click.option("--rounds", type=COUNT, default=20, show_default=True, help="Number of federated rounds.")
@click.option("--steps", type=COUNT, default=10, show_default=True, help="Impressions per device and round.")
@click.option("--viewers", type=COUNT, help="Number of devices.  [default: all of the world]")
@click.option("--titles", type=COUNT, help="Number of titles.  [default: all of the world]")
@seed_option("of the world and of all draws; the same seed gives the same choices")
@click.option(
    "--learner", type=click.Choice(["federated", "central", "none"]), default="federated", show_default=True,
    help="Federated rounds, a central baseline that sees every log, or no learning.",
)  # fmt: skip
@click.option("--no-head", is_flag=True, help="Disable the personal head on each device.")
@click.option(
    "--epsilon", type=POSITIVE,
    help="ε limit per user: trains with differential privacy.  [default: no noise]",
)  # fmt: skip
@click.option(
    "--delta", type=BELOW_ONE, default=1e-6, show_default=True,
    help="Probability that ε is exceeded; requires --epsilon.",
)  # fmt: skip
@click.option("--plot", type=ChartPath(), help="Chart of capture by round: PNG, SVG or PDF.")
@click.option(
    "--out", type=FOLDER,
    help="Folder for the bundle; with --suite, for suite.jsonl, .json and .png.  [default with --suite: build/suite]",
)  # fmt: skip
@click.option(
    "--compare", metavar="A,B",
    help="Compare policies on the same impressions: federated, central, none, no-head, thompson, …; or: ladder.",
)  # fmt: skip
@click.option("--suite", is_flag=True, help="Run keyart and the baselines on all built-in worlds.")
@click.option(
    "--seeds", type=COUNT, default=3, show_default=True, help="With --suite: number of seeds, starting at --seed."
)
@click.option("--worlds", metavar="A,B", help="With --suite: worlds to run.  [default: all]")
@click.option("--policies", metavar="A,B", help="With --suite: policies to run.  [default: all]")
@click.option("--resume", is_flag=True, help="With --suite: continue an interrupted run from suite.jsonl in --out.")
@click.option("--quick", is_flag=True, help="With --suite: tiny worlds, to check that it works.")
@click.option("--download", is_flag=True, help="With --suite: download real data that is not in the cache.")
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
    """Train by federated rounds on the devices of a world, and measure the choices.

    Choices are measured against the world's expected rewards, which no learner sees.

    A World of your own is created by calling the factory with those of --viewers, --titles and --seed that you set;
    it needs rounds × steps impressions per device.

    --compare runs several policies instead of one, and reports paired differences from the first policy. With
    --compare ladder, keyart also starts from models that know a part from the beginning (weights, appeal, all), which
    shows what it costs that this part has to be learned.

    --suite runs keyart, variants of keyart (no head; no federated learning; central training; no guard against
    misleading artwork), bandits per title, the best fixed artworks, random artworks and the oracle on the same
    impressions, and VowpalWabbit and MABWiser if this folder has a .venv-bench; `make bench` creates one. --viewers,
    --titles, --rounds and --steps set the size of its worlds.

    \b
    Example:
      keyart simulate --world synthetic --viewers 200 --rounds 10 --steps 5
      keyart simulate --world movielens --titles 200 --out build/bundle --plot learning.png
      keyart simulate --world synthetic --viewers 2000 --epsilon 8
      keyart simulate --compare federated,central,no-head --rounds 10 --plot compared.png
      keyart simulate --compare ladder --viewers 1000 --rounds 10 --plot ladder.png
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
        raise click.UsageError("--delta requires --epsilon.")
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
        raise click.UsageError(f"--out {out} does not name a folder; give a folder name.")
    if out is not None and out.exists() and not (out / "manifest.json").exists() and any(out.iterdir()):
        raise click.UsageError(f"--out {out} holds something other than a bundle; name a new folder.")
    with tempfile.TemporaryDirectory(prefix="keyart-") as temporary:
        folder = out if out is not None else Path(temporary) / "bundle"
        with world_errors(spec):
            budget = None if epsilon is None else (epsilon, delta)
            report = _simulate(spec, given, steps, rounds, seed, learner, not no_head, budget, folder)
    if plot is not None:
        report.plot(plot)
        note(f"Capture by round: {plot}")
    lifts = {
        "random artworks": (report.lift_over_random, *report.interval["lift_over_random"]),
        "the best fixed artworks": (report.lift_over_best_fixed, *report.interval["lift_over_best_fixed"]),
    }
    trained = learner == "central" or report.client_updates > 0
    said = remarks(lifts, report.devices, trained)
    if as_json:
        write_json({**report.to_dict(), "bundle": str(out) if out is not None else None, "remarks": said})
    else:
        _show(report, out, said)


def _check_options(ctx: click.Context, suite: bool, compared: bool) -> None:
    """Refuse options that would be ignored."""
    for name in SINGLE_POLICY_OPTIONS if compared and not suite else ():
        if _is_set(ctx, name):
            raise click.UsageError(
                f"--{name.replace('_', '-')} applies to a single policy and cannot be combined with --compare."
            )
    for name in SINGLE_WORLD_OPTIONS if suite else SUITE_OPTIONS:
        if _is_set(ctx, name):
            option = "--world" if name == "spec" else f"--{name.replace('_', '-')}"
            raise click.UsageError(
                f"{option} cannot be combined with --suite." if suite else f"{option} requires --suite."
            )


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
    except SettingError as error:  # an unknown name
        raise click.UsageError(str(error)) from None
    with progress("policies") as tell:
        result = run(plan, out, Path(), tell)
    if as_json:
        write_json(result.to_dict())
    else:
        _show_suite(result, out)


def _show_suite(result: BenchmarkResult, out: Path) -> None:
    from rich.table import Table

    title = "Capture (0: random, 1: oracle) with its 95 % interval over devices; mean over seeds"
    table = Table(title=title, title_justify="left")
    table.add_column("world")
    table.add_column("policy")
    for name in ("last quarter", "whole run", "abandonment", "artworks shown", "seconds"):
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
    missing = [f"{name} was skipped: {why}" for name, why in result.absent.items()]
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
    """Run the rounds; `budget` holds ε and δ, or None to train without noise."""
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
    policies_text: str, spec: str, settings: dict[str, Any], steps: int, rounds: int, seed: int, plot: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    one_thread_a_process()
    from keyart.errors import SettingError
    from keyart_tools.benchmark.paired_comparison import compare, policies

    from .comparison_output import show

    try:
        names = policies(policies_text)
    except SettingError as error:  # an unknown name
        raise click.UsageError(str(error)) from None
    world = load_world(spec, settings)
    with progress("policies") as tell:
        lines = compare(world, names, steps, rounds, seed, tell)
    show(lines, f"{NAMES.get(spec, spec)}, {world.devices} devices, {rounds} rounds of {steps}", plot, as_json)


def _show(report: Report, out: Path | None, said: Sequence[str]) -> None:
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
        lines.append(f"ε = {report.epsilon:.3f} spent per user, at δ = {report.delta:g}")
    if report.client_updates:
        lines.append(f"{report.client_updates_per_second:,.0f} client updates a second")
    ok = "match" if report.propensities_ok else "DO NOT MATCH"
    lines.append(f"choice frequencies {ok} the logged propensities (p = {report.propensities_p:.2g})")
    if out is not None:
        lines.append(f"bundle: {out}")
    print_table(table, "; ".join(lines), *said)
