"""All worlds, seeds and policies; the figures of each, and what is written of them."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keyart.errors import FederatedError
from keyart.features import EncodedCatalog, FeatureSpec
from keyart_federated import Report, World, fairness, simulate
from keyart_federated.peers import EpsilonGreedy, Peer, Played, Thompson, Uniform, best_fixed, play
from keyart_federated.report import Interval
from keyart_federated.scorecard import Truth, figures, rewards

from ..bench.contest import interpreter
from .chart import draw
from .outside import started
from .worlds import Effort, settings_of

KEYART, RANDOM, BEST_FIXED, SQUARECB = "keyart", "random", "best fixed", "VW SquareCB"
POLICIES = (KEYART, SQUARECB, "ε-greedy", "Thompson", BEST_FIXED, RANDOM)
# What is told of every policy: names as in `keyart_federated.Report`.
FIGURES = (
    "capture", "last_quarter_capture", "policy_value", "clickbait_rate", "coverage", "exposure_gini",
    "bottom_half_plays_gained", "bottom_half_lift", "tag_entropy_first_quarter", "tag_entropy_last_quarter",
)  # fmt: skip

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Score:
    """figures: by name, those of FIGURES. interval: 95 %, of those that have one."""

    figures: Mapping[str, float]
    interval: Mapping[str, Interval]


@dataclass(frozen=True)
class Row:
    """One policy on one world, over all seeds."""

    world: str
    policy: str
    score: Score


@dataclass(frozen=True)
class Result:
    """rows: worlds and policies in order. absent: name of a world or policy, and why it is not there (`where: why`
    for a policy that is missing on some worlds). document: as in suite.json."""

    rows: Sequence[Row]
    absent: Mapping[str, str]
    document: Mapping[str, Any]


@dataclass
class _Found:
    """What the runs bring, as they bring it."""

    scores: dict[tuple[str, str], list[Score]] = field(default_factory=dict)
    reports: list[dict[str, Any]] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)


def run(effort: Effort, seeds: Sequence[int], out: Path, peers_at: Path, download: bool, tell: Tell) -> Result:
    """Runs everything and writes suite.json and suite.png to `out`.

    peers_at: the folder that may hold `.venv-bench`. download: whether MovieLens is fetched where it is not in the
    cache. tell: gets policies done and in all. Raises KeyartError, OSError where `out` cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    settings, missing = settings_of(effort, download)
    found = _Found(absent=missing)
    python = interpreter(peers_at)
    if python is None:
        found.absent[SQUARECB] = "there is no .venv-bench here; `make bench` makes one."
    policies = [name for name in POLICIES if python is not None or name != SQUARECB]
    done, of = 0, len(settings) * len(seeds) * len(policies)
    tell(done, of)
    for setting in settings:
        for seed in seeds:
            world = setting.world(seed)
            for _ in _contest(found, setting.name, world, effort, seed, policies, python):
                done += 1
                tell(done, of)
    rows = [
        Row(setting.name, name, pooled(found.scores[setting.name, name]))
        for setting in settings
        for name in policies
        if (setting.name, name) in found.scores
    ]
    document = {
        "seeds": list(seeds),
        "rounds": effort.rounds,
        "steps_per_round": effort.steps,
        "worlds": [{"name": setting.name, "about": setting.about, **setting.settings} for setting in settings],
        "rows": [_row(row, found.scores[row.world, row.policy]) for row in rows],
        "absent": found.absent,
        "reports": found.reports,
    }
    (out / "suite.json").write_text(
        json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )
    about = f"{effort.viewers} devices, {effort.impressions} impressions each, {len(seeds)} seed" + "s" * (
        len(seeds) > 1
    )
    draw([(row.world, row.policy, row.score.figures, row.score.interval) for row in rows], about, out / "suite.png")
    return Result(rows, found.absent, document)


def _contest(
    found: _Found, name: str, world: World, effort: Effort, seed: int, policies: Sequence[str], python: Path | None
) -> Iterator[str]:
    """One world and seed: the peers one after the other, then keyart; yields a policy when it is done."""
    truth = Truth.measure(world, effort.impressions)
    tags = EncodedCatalog.build(world.catalog, FeatureSpec.from_catalog(world.catalog)).artwork
    peers: dict[str, AbstractContextManager[Peer]] = {
        RANDOM: nullcontext(Uniform(world.catalog, seed)),
        BEST_FIXED: nullcontext(best_fixed(truth)),
        "Thompson": nullcontext(Thompson(world.catalog, seed)),
        "ε-greedy": nullcontext(EpsilonGreedy(world.catalog, seed)),
    }
    if python is not None:
        peers[SQUARECB] = started(SQUARECB, python, Path(__file__).with_name("vowpal_wabbit.py"), world, seed)
    scores: dict[str, Score] = {}
    for policy in policies:
        if policy == KEYART:
            continue
        try:
            with peers[policy] as peer:
                scores[policy] = score_of(truth, play(world, peer, effort.impressions), tags)
        except FederatedError as error:  # a peer that cannot run is missing from the table, which says so
            if policy != SQUARECB:
                raise
            found.absent[f"{SQUARECB} on {name}, seed {seed}"] = str(error)
        yield policy
    with tempfile.TemporaryDirectory(prefix="keyart-") as folder:
        report = simulate(
            world, effort.steps, effort.rounds, seed=seed, truth=truth, name=name, out=Path(folder) / "bundle"
        )
    report = report.beside(*(scores[policy].figures["clickbait_rate"] for policy in (RANDOM, BEST_FIXED)))
    scores[KEYART] = score_of_report(report)
    found.reports.append({**report.to_dict(), "bundle": None})
    for policy, score in scores.items():
        found.scores.setdefault((name, policy), []).append(score)
    yield KEYART


def score_of(truth: Truth, played: Played, artwork_tags: Any) -> Score:
    """The figures of a peer, by the same functions as a report's."""
    of = rewards(truth, played.shown)
    fair = fairness.measure(truth, of, played.shown, played.played, played.quality, artwork_tags)
    estimates = {**figures(of), **fair.estimates()}
    named = {**{name: estimate.value for name, estimate in estimates.items()}, **fair.plain()}
    return Score(
        {name: named[name] for name in FIGURES},
        {name: (estimates[name].low, estimates[name].high) for name in FIGURES if name in estimates},
    )


def score_of_report(report: Report) -> Score:
    """The same figures of a simulation."""
    return Score(
        {name: getattr(report, name) for name in FIGURES},
        {name: report.interval[name] for name in FIGURES if name in report.interval},
    )


def pooled(scores: Sequence[Score]) -> Score:
    """The mean over seeds. Seeds are independent, so that squares of half-widths add up."""
    count = len(scores)
    means = {name: sum(score.figures[name] for score in scores) / count for name in scores[0].figures}
    interval = {}
    for name in scores[0].interval:
        half = math.hypot(*((high - low) / 2 for low, high in (score.interval[name] for score in scores))) / count
        interval[name] = (means[name] - half, means[name] + half)
    return Score(means, interval)


def _row(row: Row, by_seed: Sequence[Score]) -> dict[str, Any]:
    interval = {name: [x if math.isfinite(x) else None for x in ends] for name, ends in row.score.interval.items()}
    captures = [score.figures["last_quarter_capture"] for score in by_seed]
    return {
        "world": row.world,
        "policy": row.policy,
        **row.score.figures,
        "interval": interval,
        "last_quarter_capture_by_seed": captures,
    }
