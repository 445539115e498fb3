"""Baseline bandit libraries, one slate at a time. Runs in its own Python, `.venv-bench`, which has no keyart.

    python -m performance.baseline_libraries SLATES BUNDLE TIMES        (`baseline_comparison` prepares the package)

SLATES is a JSON file: `{"viewer": {TAG: WEIGHT}, "slates": [[{TAG: WEIGHT}, … 20 artworks] …]}`. Each library gets
the features in its own form beforehand, learns from one outcome per slate, and is timed when it predicts and when it
predicts and learns, alternately with the bare run. Prints one JSON object.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import random
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

from .interleaved_timing import Call, in_turns
from .ranker_baseline import bare_run, warmed_up

Tags = dict[str, float]
WARM_UP = 20
PLAYED = 1 / 7


@dataclass(frozen=True)
class TimedSlate:
    """A viewer and the artworks of one title."""

    viewer: Tags
    pictures: list[Tags]


@dataclass(frozen=True)
class TimedBaseline:
    """A policy of a library.

    Attributes:
        predict: returns the index of an artwork of a slate.
        learn: learns from the reward of one artwork; None if learning is not timed.
    """

    name: str
    note: str
    predict: Callable[[TimedSlate], int]
    learn: Callable[[TimedSlate, int, float], None] | None


def vowpal_wabbit(slates: list[TimedSlate]) -> Iterator[TimedBaseline]:
    """Yield a contextual bandit with action features, SquareCB and all viewer × artwork products (`-q UA`)."""
    module = importlib.import_module("vowpalwabbit")
    settings = "--cb_explore_adf --squarecb -q UA"
    draws = random.Random(3)  # noqa: S311 (exploring, no secret)
    written = [_vowpal_wabbit_text(slate) for slate in slates]
    text = {id(slate): lines for slate, lines in zip(slates, written, strict=True)}
    chances: list[float] = []

    def pick(workspace: Any, examples: Any) -> int:
        chances[:] = workspace.predict(examples)
        return draws.choices(range(len(chances)), chances)[0]

    def learn(slate: TimedSlate, action: int, reward: float) -> None:
        lines = list(text[id(slate)])
        lines[1 + action] = f"0:{-reward:g}:{chances[action]:.6g} {lines[1 + action]}"
        workspace.learn(lines)

    workspace = module.Workspace(f"{settings} --quiet")
    yield TimedBaseline("VowpalWabbit", settings, lambda slate: pick(workspace, text[id(slate)]), learn)
    parsed = {id(slate): workspace.parse(lines) for slate, lines in zip(slates, written, strict=True)}
    yield TimedBaseline(
        "VowpalWabbit, parsed before",
        f"{settings}; its text is read beforehand",
        lambda slate: pick(workspace, parsed[id(slate)]),
        None,
    )
    for examples in parsed.values():
        workspace.finish_example(examples)


def mabwiser(slates: list[TimedSlate]) -> Iterator[TimedBaseline]:
    """Yield one ridge regression per arm on the viewer's tags; artwork tags are not used."""
    module = importlib.import_module("mabwiser.mab")
    names, arms = sorted(slates[0].viewer), list(range(len(slates[0].pictures)))
    vectors = {id(slate): [[slate.viewer[name] for name in names]] for slate in slates}
    first = [vectors[id(slate)][0] for slate in slates]
    decisions = [n % len(arms) for n in range(len(first))]
    rewards = [float(n % 7 == 0) for n in range(len(first))]
    for policy in (module.LearningPolicy.LinUCB(alpha=1.0), module.LearningPolicy.LinGreedy(epsilon=0.05)):
        bandit = module.MAB(arms=arms, learning_policy=policy)
        bandit.fit(decisions, rewards, first)

        def predict(slate: TimedSlate, bandit: Any = bandit) -> int:
            return int(bandit.predict(vectors[id(slate)]))

        def learn(slate: TimedSlate, action: int, reward: float, bandit: Any = bandit) -> None:
            bandit.partial_fit([action], [reward], vectors[id(slate)])

        yield TimedBaseline(f"MABWiser {type(policy).__name__}", "no picture features", predict, learn)


def open_bandit_pipeline(slates: list[TimedSlate]) -> Iterator[TimedBaseline]:
    """Yield `obp.policy.linear.LinUCB`, without the package's `__init__`, which imports torch."""
    spec = importlib.util.find_spec("obp")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("No module named 'obp'")
    package = types.ModuleType("obp.policy")
    package.__path__ = [str(Path(spec.submodule_search_locations[0]) / "policy")]
    sys.modules["obp.policy"] = package
    linear = importlib.import_module("obp.policy.linear")
    np = importlib.import_module("numpy")
    names, arms = sorted(slates[0].viewer), len(slates[0].pictures)
    vectors = {id(slate): np.array([[slate.viewer[name] for name in names]]) for slate in slates}
    policy = linear.LinUCB(dim=len(names), n_actions=arms, epsilon=1.0, random_state=1)

    def predict(slate: TimedSlate) -> int:
        return int(policy.select_action(vectors[id(slate)])[0])

    def learn(slate: TimedSlate, action: int, reward: float) -> None:
        policy.update_params(action, reward, vectors[id(slate)])

    yield TimedBaseline("Open Bandit Pipeline LinUCB", "no picture features", predict, learn)


def river(slates: list[TimedSlate]) -> Iterator[TimedBaseline]:
    """Yield LinUCB on the viewer's tags, and a logistic regression on viewer and artwork tags without products."""
    bandit = importlib.import_module("river.bandit")
    linear_model = importlib.import_module("river.linear_model")
    arms = list(range(len(slates[0].pictures)))
    policy = bandit.LinUCBDisjoint(seed=1)
    for arm in arms:
        policy.update(arm, slates[0].viewer, 0.0)

    def pull(slate: TimedSlate) -> int:
        return int(policy.pull(arms, context=slate.viewer))

    def update(slate: TimedSlate, action: int, reward: float) -> None:
        policy.update(action, slate.viewer, reward)

    yield TimedBaseline("river LinUCB", "no picture features", pull, update)
    model = linear_model.LogisticRegression()
    rows = {id(slate): [{**slate.viewer, **picture} for picture in slate.pictures] for slate in slates}

    def best(slate: TimedSlate) -> int:
        values = [model.predict_proba_one(row)[True] for row in rows[id(slate)]]
        return values.index(max(values))

    def learn(slate: TimedSlate, action: int, reward: float) -> None:
        model.learn_one(rows[id(slate)][action], bool(reward))

    yield TimedBaseline("river logistic regression", "no products, no exploration", best, learn)


BASELINES: dict[str, tuple[str, Callable[[list[TimedSlate]], Iterator[TimedBaseline]]]] = {
    "VowpalWabbit": ("vowpalwabbit", vowpal_wabbit),
    "MABWiser": ("mabwiser", mabwiser),
    "Open Bandit Pipeline": ("obp", open_bandit_pipeline),
    "river": ("river", river),
}


def measure(slates: list[TimedSlate], bare: Call | None, times: int) -> dict[str, Any]:
    """Return medians in microseconds, as `{"peers": […], "absent": […]}`; `bare` is None without onnxruntime."""
    results: list[dict[str, Any]] = []
    absent: list[dict[str, str]] = []
    for name, (package, make) in BASELINES.items():
        try:
            for baseline in make(slates):
                results.append({"version": version(package), **_time_baseline(baseline, slates, bare, times)})
        except Exception as error:  # if a library fails, the others are still measured
            reason = f"{type(error).__name__}: {error} (package {package}, as constraints-bench.txt pins it)"
            absent.append({"name": name, "reason": reason})
    return {"peers": results, "absent": absent}


def _time_baseline(
    baseline: TimedBaseline, slates: list[TimedSlate], bare: Call | None, times: int
) -> dict[str, Any]:
    draws = random.Random(4)  # noqa: S311 (outcomes, no secret)

    learn, order, again = baseline.learn, cycle(slates), cycle(slates)

    def predicting() -> Call:
        return partial(baseline.predict, next(order))

    makers: dict[str, Callable[[], Call]] = {"predict": predicting}
    if learn is not None:
        teach = learn

        def learning() -> Call:
            slate, reward = next(again), float(draws.random() < PLAYED)
            return lambda: teach(slate, baseline.predict(slate), reward)

        makers["predict + learn"] = learning
    if bare is not None:
        makers["bare"] = partial(warmed_up, bare)
    samples = in_turns(makers, times, WARM_UP)
    return {
        "name": baseline.name,
        "note": baseline.note,
        "microseconds": {name: median(taken) for name, taken in samples.items()},
    }


def _vowpal_wabbit_text(slate: TimedSlate) -> list[str]:
    """Write a slate in VowpalWabbit's format: the viewer in namespace U, one line per artwork in namespace A."""

    def features(tags: Tags) -> str:
        return " ".join(f"{tag.replace(':', '=')}:{weight:.4g}" for tag, weight in tags.items())

    return [f"shared |U {features(slate.viewer)}", *(f"|A {features(picture)}" for picture in slate.pictures)]


def main(file: str, bundle: str, times: str) -> None:
    """Run the program; see the top of the file."""
    document = json.loads(Path(file).read_text(encoding="utf-8"))
    slates = [TimedSlate(document["viewer"], pictures) for pictures in document["slates"]]
    bare = None
    with contextlib.suppress(ImportError):
        bare = bare_run(Path(bundle))
    print(json.dumps(measure(slates, bare, int(times))))


if __name__ == "__main__":
    main(*sys.argv[1:])
