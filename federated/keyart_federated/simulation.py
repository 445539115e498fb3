"""simulate: federated rounds over a World in one process, by the same apps and strategy as a deployment."""

from __future__ import annotations

import contextlib
import itertools
import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from flwr.app import Context, RecordDict

import keyart
from keyart.errors import FederatedError, SettingError
from keyart.features import EncodedCatalog, FeatureSpec
from keyart.head import HeadPrior

from . import fairness, optimiser
from .apps.client import client_app
from .calibration import Calibration
from .central import CentralLearner
from .devices import Devices
from .export import write_bundle
from .grid import LocalGrid
from .ledger import Ledger
from .model import Model
from .private.privacy import Privacy
from .private.ranker import PrivateRanker
from .report import Report
from .scorecard import Truth, capture, figures, rewards
from .strategy import FederatedRanker
from .world import World

Learner = Literal["federated", "central", "none"]
Progress = Callable[[int, int], None]
DEVICES_PER_NODE = 256  # bounds the memory of a step, fits caches, and gives each processor its nodes


@dataclass(frozen=True)
class Settings:
    """What a simulation varies beside the world. learner: "central" sees every log, "none" keeps the zero-shot
    bundle. personal_head: whether devices learn for themselves, too."""

    policy: keyart.Policy
    reward: keyart.Reward
    head: HeadPrior | None
    learner: Learner
    privacy: Privacy | None = None


def simulate(
    world: World,
    steps_per_round: int = 10,
    rounds: int = 20,
    cohort: int | None = None,
    privacy: Privacy | None = None,
    seed: int = 0,
    engine: Literal["local"] = "local",
    *,
    policy: keyart.Policy | None = None,
    reward: keyart.Reward | None = None,
    personal_head: bool = True,
    learner: Learner = "federated",
    nodes: int | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    truth: Truth | None = None,
    progress: Progress = lambda done, of: None,
) -> Report:
    """Runs `rounds` rounds of `steps_per_round` impressions on every device of `world`.

    cohort: devices that train in a round, drawn by chance (None: all). out: folder for the bundle (a temporary one
    unless told). truth: `Truth.measure(world, rounds * steps_per_round)`, if several runs share it. progress: called
    with rounds done and rounds in all. The same seed gives the same choices. Raises KeyartError.
    """
    for label, number in (("steps_per_round", steps_per_round), ("rounds", rounds)):
        if number < 1:
            raise SettingError(f"{label} is {number}; it must be at least 1.")
    if cohort is not None and not 1 <= cohort <= world.devices:
        raise SettingError(f"cohort is {cohort}; it must be between 1 and the world's {world.devices} devices.")
    if privacy is not None and learner != "federated":
        raise SettingError(f"privacy is for learner='federated'; with learner={learner!r} nothing is noised.")
    if engine != "local":
        raise SettingError(f"engine is {engine!r}; this version simulates with engine='local'.")
    if learner not in get_args(Learner):
        raise SettingError(f"learner is {learner!r}; use one of {', '.join(map(repr, get_args(Learner)))}.")
    settings = Settings(
        policy=policy or keyart.Policy(stickiness=timedelta(0)),
        reward=reward or keyart.Reward(),
        head=HeadPrior() if personal_head else None,
        learner=learner,
        privacy=privacy,
    )
    run = _Run(world, steps_per_round, rounds, seed, settings, nodes)
    started = time.perf_counter()
    state = run.rounds((cohort or world.devices) / world.devices, progress)
    seconds = time.perf_counter() - started
    truth = truth or Truth.measure(world, rounds * steps_per_round)
    folder = Path(out) if out is not None else Path(tempfile.mkdtemp(prefix="keyart-")) / "bundle"
    return run.report(state, truth, folder, seconds, name or type(world).__name__)


class _Run:
    def __init__(
        self, world: World, steps: int, rounds: int, seed: int, settings: Settings, nodes: int | None
    ) -> None:
        self.world, self.steps, self.count, self.seed, self.settings = world, steps, rounds, seed, settings
        self.spec = FeatureSpec.from_catalog(world.catalog)
        self.encoded = EncodedCatalog.build(world.catalog, self.spec)
        parts = nodes or -(-world.devices // DEVICES_PER_NODE)
        turn = threading.Lock()
        self.parts = [
            Devices(
                world,
                np.arange(part, world.devices, parts),
                self.spec,
                steps * rounds,
                seed=seed,
                policy=settings.policy,
                reward=settings.reward,
                head=settings.head,
                encoded=self.encoded,
                turn=turn,
            )
            for part in range(parts)
        ]
        self.client_updates = 0
        self.spent: float | None = None  # ε, and bytes that a device hands in: of private rounds
        self.bytes_up: int | None = None

    def rounds(self, cohort_share: float, progress: Progress) -> optimiser.State:
        model = Model.zero_shot(self.encoded)
        if self.settings.learner != "federated":
            return CentralLearner(self.encoded, model, self.settings.policy, self.seed).run(
                self.parts, self.steps, self.count, progress, learns=self.settings.learner == "central"
            )
        rounds = itertools.count(1)
        arguments: dict[str, Any] = {
            "steps": self.steps,
            "cohort_share": cohort_share,
            "nodes": len(self.parts),
            "seed": self.seed,
            "policy": self.settings.policy,
            "on_round": lambda _: progress(next(rounds), self.count),
        }
        privacy = self.settings.privacy
        if privacy is None:
            return self._run(FederatedRanker(self.encoded, model, **arguments))
        if privacy.exact:
            arguments |= {"rounds": self.count, "devices": self.world.devices, "ledger": None}
            return self._run(PrivateRanker(self.encoded, model, privacy=privacy, **arguments))
        with (
            tempfile.TemporaryDirectory(prefix="keyart-ledger-") as folder,
            Ledger.open(Path(folder) / "ledger", privacy.epsilon, privacy.delta) as ledger,
        ):
            strategy = PrivateRanker(
                self.encoded,
                model,
                privacy=privacy,
                rounds=self.count,
                devices=self.world.devices,
                ledger=ledger,
                **arguments,
            )
            state = self._run(strategy)
            self.spent, self.bytes_up = ledger.spent(), strategy.bytes_up
            return state

    def _run(self, strategy: FederatedRanker) -> optimiser.State:
        contexts = {
            node + 1: Context(1, node + 1, {"partition-id": node}, RecordDict(), {})
            for node in range(len(self.parts))
        }
        grid = LocalGrid(client_app(lambda context: self.parts[int(context.node_config["partition-id"])]), contexts)
        try:
            with _quiet_flower():
                state = strategy.run(grid, self.count)
        except FederatedError:
            if grid.errors:  # in this process the node's own error says more than Flower's error reply
                raise grid.errors[0] from None
            raise
        self.client_updates = strategy.client_updates
        return state

    def report(self, state: optimiser.State, truth: Truth, folder: Path, seconds: float, name: str) -> Report:
        shown = self._filled("artwork", np.dtype(np.int32))
        played, quality = (self._filled(name, np.dtype(np.float32)) for name in ("played", "quality"))
        by_impression = rewards(truth, shown)
        estimates = figures(by_impression)
        fair = fairness.measure(truth, by_impression, shown, played, quality, self.encoded.artwork)
        by_round = []
        for r in range(self.count):
            part = by_impression.means(slice(r * self.steps, (r + 1) * self.steps))
            by_round.append(capture(part, part.policy).value)
        impressions = self.steps * self.count
        calibration = Calibration.joined([part.calibration for part in self.parts])
        p = calibration.p_value()
        write_bundle(
            folder,
            state.model,
            self.world.catalog,
            data=f"{name}, simulated: {self.world.devices} devices, {impressions} impressions each.",
            training={"round": state.rounds, "devices": self.world.devices, "learner": self.settings.learner},
            quality={key: round(estimate.value, 6) for key, estimate in estimates.items()},
            head=self.settings.head,
        )
        bundle_bytes = sum(path.stat().st_size for path in folder.iterdir())
        federated = self.settings.learner == "federated"
        bytes_up = self.bytes_up
        if bytes_up is None:
            bytes_up = self.parts[0].layout.size * np.dtype(np.int64).itemsize * self.count if federated else 0
        return Report(
            world=name,
            devices=self.world.devices,
            rounds=self.count,
            steps_per_round=self.steps,
            seed=self.seed,
            capture_by_round=tuple(by_round),
            interval={key: (e.low, e.high) for key, e in {**estimates, **fair.estimates()}.items()},
            propensities_ok=p > 1e-3,
            propensities_p=p,
            client_updates=self.client_updates,
            client_updates_per_second=self.client_updates / seconds,
            seconds=seconds,
            epsilon=self.spent,
            delta=self.settings.privacy.delta if self.settings.privacy is not None else None,
            bytes_up=bytes_up,
            bytes_down=bundle_bytes * self.count if federated else bundle_bytes,
            bundle=folder,
            **fair.plain() | {key: estimate.value for key, estimate in estimates.items()},
        )

    def _filled(self, name: str, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """[devices, impressions] a column of the journals, in the world's order of devices."""
        column = np.empty((self.world.devices, self.steps * self.count), dtype=dtype)
        for part in self.parts:
            column[part.members] = getattr(part.journal, name)
        return column


@contextlib.contextmanager
def _quiet_flower() -> Iterator[None]:
    """Flower logs every round at INFO to the terminal; here the caller's progress bar says it."""
    logger = logging.getLogger("flwr")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
