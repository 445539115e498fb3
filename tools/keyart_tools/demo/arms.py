"""The three arms of the demo on one world: federated, federated with a personal head, and a central baseline.

The central baseline sees every log and has no personal head, so it is compared with the federated arm without one:
their difference is the cost of keeping histories on the devices. It runs in its own process beside the other two,
since it takes as long as both of them together.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any

import numpy as np

from keyart.errors import FederatedError, WorldError
from keyart_federated import Report, World, simulate
from keyart_federated.metrics import MetricEstimate, Values, WorldTruth, capture, mean, values
from keyart_federated.worlds import load

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

POLL_SECONDS = 0.2
SPOT_CHECKS = 100
RANDOM, BEST_FIXED, ORACLE = "random", "best fixed artwork", "oracle"
CENTRAL, FEDERATED, FEDERATED_HEAD = "central", "federated", "federated + head"
ORDER = (RANDOM, BEST_FIXED, CENTRAL, FEDERATED, FEDERATED_HEAD, ORACLE)
ARMS: Mapping[str, Mapping[str, Any]] = {
    FEDERATED: {"learner": "federated", "personal_head": False},
    FEDERATED_HEAD: {"learner": "federated", "personal_head": True},
    CENTRAL: {"learner": "central", "personal_head": False},
}

StageProgress = Callable[[str, int, int], None]  # stage, done, of


@dataclass(frozen=True)
class DemoPlan:
    """The settings that all arms share.

    Attributes:
        spec, settings: arguments of `keyart_federated.worlds.load`, so that another process creates the same world.
        name: name of the world in reports.
        rounds: number of rounds.
        steps: impressions per device and round.
        seed: random seed.
    """

    spec: str
    settings: Mapping[str, Any]
    name: str
    rounds: int
    steps: int
    seed: int

    def world(self) -> World:
        """Create the world."""
        return load(self.spec, **self.settings)


@dataclass(frozen=True)
class PolicyFigures:
    """A policy's value and capture over a window of the impressions."""

    value: MetricEstimate
    capture: MetricEstimate


@dataclass(frozen=True)
class ArmResults:
    """The results of the demo.

    Attributes:
        reports: reports of the three arms, by name.
        whole, last_quarter: value and capture of all six policies, in `ORDER`.
        seconds: durations, by stage.
    """

    reports: Mapping[str, Report]
    whole: Mapping[str, PolicyFigures]
    last_quarter: Mapping[str, PolicyFigures]
    seconds: Mapping[str, float]


def run_arms(plan: DemoPlan, world: World, folder: Path, tell: StageProgress) -> ArmResults:
    """Train and measure the arms; `folder` receives one bundle per arm.

    Raises:
        KeyartError: an arm failed.
    """
    seconds: dict[str, float] = {}
    impressions = plan.rounds * plan.steps
    started = time.perf_counter()
    truth = WorldTruth.measure(world, impressions, lambda share: tell("truth", int(share * 100), 100))
    seconds["truth"] = time.perf_counter() - started

    # Spawned, not forked: onnxruntime and BLAS hold threads that a fork would lose.
    spawn = multiprocessing.get_context("spawn")
    ticks: Queue[int] = spawn.Queue()
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=_share_ticks, initargs=(ticks,)) as other:
        with _ctrl_c_ignored():  # inherited: it goes to both processes, and this one ends the other
            central = other.submit(_central, plan, truth, folder / "central")
        relay = threading.Thread(target=_relay, args=(central, ticks, plan.rounds, tell), daemon=True)
        relay.start()
        try:
            reports = {
                name: _arm(plan, world, truth, folder / name.replace(" + ", "-"), name, tell)
                for name in (FEDERATED, FEDERATED_HEAD)
            }
            reports[CENTRAL] = _wait_for(central)
        except BaseException:
            for process in multiprocessing.active_children():  # nobody waits for its result any more
                process.terminate()
            raise
        relay.join()
    seconds |= {name: report.seconds for name, report in reports.items()}
    return ArmResults(
        reports,
        _figures(truth, reports, slice(0, impressions), ""),
        _figures(truth, reports, slice(impressions * 3 // 4, impressions), "last_quarter_"),
        seconds,
    )


def _arm(plan: DemoPlan, world: World, truth: WorldTruth, folder: Path, name: str, tell: StageProgress) -> Report:
    return simulate(
        world,
        plan.steps,
        plan.rounds,
        seed=plan.seed,
        out=folder,
        name=plan.name,
        truth=truth,
        progress=lambda done, of: tell(name, done, of),
        **ARMS[name],
    )


_ticks: Queue[int] | None = None  # in the other process: rounds done, for the one that shows progress


def _share_ticks(ticks: Queue[int]) -> None:
    global _ticks  # noqa: PLW0603 – a queue reaches a spawned process through its initializer only
    _ticks = ticks


@contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # others neither get nor set signals
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _central(plan: DemoPlan, truth: WorldTruth, folder: Path) -> Report:
    assert _ticks is not None  # noqa: S101 – set by the initializer
    ticks = _ticks
    world = plan.world()
    _require_same_world(world, truth)
    return _arm(plan, world, truth, folder, CENTRAL, lambda _, done, of: ticks.put(done))


def _require_same_world(world: World, truth: WorldTruth) -> None:
    """Check that both processes created the same world, since results of different worlds cannot be compared."""
    impressions = truth.reward.shape[1]
    for i in range(0, world.devices, max(1, world.devices // SPOT_CHECKS)):
        k = i % impressions
        expected = world.expected_reward(i, k)
        if not np.allclose(expected, truth.reward[i, k, : len(expected)], rtol=1e-5):
            raise WorldError(f"The world differs in another process (device {i}); its factory must be deterministic.")


def _wait_for(central: Future[Report]) -> Report:
    try:
        return central.result()
    except BrokenProcessPool:
        raise FederatedError(
            "The process of the central baseline was killed, possibly for lack of memory. Try fewer --viewers."
        ) from None


def _relay(central: Future[Report], ticks: Queue[int], rounds: int, tell: StageProgress) -> None:
    """Forward the rounds that the other process reports, until it has ended."""
    while True:
        try:
            tell(CENTRAL, ticks.get(timeout=POLL_SECONDS), rounds)
        except Empty:
            if central.done():
                return


def _figures(
    truth: WorldTruth, reports: Mapping[str, Report], window: slice, prefix: str
) -> dict[str, PolicyFigures]:
    """Return the arms' metrics from their reports, and those of the references from the expected rewards."""
    fixed = (truth.first[truth.title] + truth.best_fixed[truth.title]).astype("int32")
    v: Values = values(truth, fixed, window)
    figures = {
        RANDOM: PolicyFigures(mean(v.random), capture(v, v.random)),
        BEST_FIXED: PolicyFigures(mean(v.best_fixed), capture(v, v.best_fixed)),
        ORACLE: PolicyFigures(mean(v.oracle), capture(v, v.oracle)),
    }
    for name, report in reports.items():
        figures[name] = PolicyFigures(
            _estimate(report, f"{prefix}value" if prefix else "policy_value"), _estimate(report, f"{prefix}capture")
        )
    return {name: figures[name] for name in ORDER}


def _estimate(report: Report, name: str) -> MetricEstimate:
    return MetricEstimate(getattr(report, name), *report.interval[name])
