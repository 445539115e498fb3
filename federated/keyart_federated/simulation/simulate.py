"""simulate: a training campaign over the devices of a World, by the campaign, the driver and the vectors of a fleet."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

import keyart
from keyart.errors import SettingError
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.head import HeadPrior

from ..accounting.privacy import Privacy, TrainingPlan
from ..export import write_bundle
from ..learning.model import Model
from ..metrics import Truth, capture, figures, rewards
from ..propensity_check import Calibration
from ..report import Report
from ..world import World
from . import fairness
from .central import CentralLearner
from .devices import Devices
from .fleet import LocalFleet
from .participation import Participation
from .training_run import TrainingRun, limits_of

Learner = Literal["federated", "central", "none"]
Engine = Literal["local", "flower"]
Progress = Callable[[int, int], None]
DEVICES_PER_PART = 256  # bounds the memory of a step, fits caches, and gives each processor its parts


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
    engine: Engine = "local",
    *,
    policy: keyart.Policy | None = None,
    reward: keyart.Reward | None = None,
    personal_head: bool = True,
    learner: Learner = "federated",
    nodes: int | None = None,
    workers: int = 2,
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
    if engine not in get_args(Engine):
        raise SettingError(f"engine is {engine!r}; use one of {', '.join(map(repr, get_args(Engine)))}.")
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
    with tempfile.TemporaryDirectory(prefix="keyart-bundles-") as bundles:
        model = run.rounds(cohort or world.devices, Path(bundles), progress)
    seconds = time.perf_counter() - started
    truth = truth or Truth.measure(world, rounds * steps_per_round)
    folder = Path(out) if out is not None else Path(tempfile.mkdtemp(prefix="keyart-")) / "bundle"
    return run.report(model, truth, folder, seconds, name or type(world).__name__)


class _Run:
    def __init__(
        self, world: World, steps: int, rounds: int, seed: int, settings: Settings, nodes: int | None
    ) -> None:
        self.world, self.steps, self.count, self.seed, self.settings = world, steps, rounds, seed, settings
        self.spec = FeatureSpec.from_catalog(world.catalog)
        self.encoded = EncodedCatalog.build(world.catalog, self.spec)
        count = nodes or -(-world.devices // DEVICES_PER_PART)
        members = [np.arange(part, world.devices, count) for part in range(count)]
        self.parts = devices_of(world, members, self.encoded, steps * rounds, seed, settings)
        self.training: TrainingRun | None = None

    def rounds(self, cohort: int, folder: Path, progress: Progress) -> Model:
        """Run all rounds and return the last model."""
        settings = self.settings
        if settings.learner != "federated":
            model = Model.zero_shot(self.encoded)
            learner = CentralLearner(self.encoded, model, settings.policy, self.seed)
            learns = settings.learner == "central"
            return learner.run(self.parts, self.steps, self.count, progress, learns=learns).model
        plan = TrainingPlan.of(settings.privacy, self.count, cohort)
        participation = Participation(self.world.devices, limits_of(settings.privacy, plan, self.seed))
        share = cohort / self.world.devices
        fleet = LocalFleet(self.parts, participation, self.seed, share, own_noise=plan.masked)
        self.training = TrainingRun(
            folder,
            self.world.catalog,
            plan=plan,
            privacy=settings.privacy,
            seed=self.seed,
            head=settings.head,
            steps_per_round=self.steps,
            policy=settings.policy,
        )
        for number in range(1, self.count + 1):
            fleet.play(self.training.base.bundle, (number - 1) * self.steps, self.steps)
            self.training.after_round(number, fleet)
            progress(number, self.count)
        return self.training.model

    def report(self, model: Model, truth: Truth, folder: Path, seconds: float, name: str) -> Report:
        shown = self._column("artwork", np.dtype(np.int32))
        played, quality = (self._column(name, np.dtype(np.float32)) for name in ("played", "quality"))
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
            model,
            self.world.catalog,
            data=f"{name}, simulated: {self.world.devices} devices, {impressions} impressions each.",
            training={
                "round": self.training.rounds if self.training is not None else self.count,
                "devices": self.world.devices,
                "learner": self.settings.learner,
            },
            quality={key: round(estimate.value, 6) for key, estimate in estimates.items()},
            head=self.settings.head,
        )
        bundle_bytes = sum(path.stat().st_size for path in folder.iterdir())
        training = self.training
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
            client_updates=training.client_updates if training else 0,
            client_updates_per_second=(training.client_updates if training else 0) / seconds,
            seconds=seconds,
            epsilon=training.epsilon if training else None,
            delta=self.settings.privacy.delta if self.settings.privacy is not None else None,
            bytes_up=training.bytes_up if training else 0,
            bytes_down=bundle_bytes * (training.rounds + 1 if training else 1),
            bundle=folder,
            **fair.plain() | {key: estimate.value for key, estimate in estimates.items()},
        )

    def _column(self, name: str, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """[devices, impressions]: a column of the journals, in the world's order of devices."""
        column = np.empty((self.world.devices, self.steps * self.count), dtype=dtype)
        for part in self.parts:
            column[part.members] = getattr(part.journal, name)
        return column


def devices_of(
    world: World,
    members: Sequence[npt.NDArray[np.intp]],
    encoded: EncodedCatalog,
    impressions: int,
    seed: int,
    settings: Settings,
) -> list[Devices]:
    """Return the simulated devices of a world in parts. members: the devices' numbers of each part."""
    turn = threading.Lock()
    return [
        Devices(
            world,
            part,
            encoded.spec,
            impressions,
            seed=seed,
            policy=settings.policy,
            reward=settings.reward,
            head=settings.head,
            encoded=encoded,
            turn=turn,
        )
        for part in members
    ]
