"""The simulation of a training campaign over a world's devices, by the campaign and driver of a real fleet."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, get_args

import keyart
from keyart.bundle import load_model
from keyart.errors import SettingError
from keyart.model import HeadPrior

from .accounting.privacy import Privacy
from .campaigns.bundle_model import model_of
from .export import write_bundle
from .learning.model import GlobalModel
from .metrics import WorldTruth, capture, figures, rewards
from .report import Report
from .simulation import fairness
from .simulation.central_learner import CentralLearner
from .simulation.local_engine import (
    devices_in_parts,
    encoded_catalog,
    local_fleet,
    members_of,
    run_campaign,
    worker_fleet,
)
from .simulation.local_fleet import SimulatedFleet
from .simulation.setup import Learner, SimulationSetup, unsticky_policy
from .simulation.simulation_outcome import SimulationOutcome
from .simulation.worker_fleet import worker_count
from .world import World

Engine = Literal["local", "flower"]
Progress = Callable[[int, int], None]
FLOWER_WORKERS = 2


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
    workers: int | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    truth: WorldTruth | None = None,
    start: GlobalModel | None = None,
    progress: Progress = lambda done, of: None,
) -> Report:
    """Simulate `rounds` rounds of `steps_per_round` impressions on every device of a world.

    Devices choose and learn by the path of the SDK, and answer the signed offers of a training campaign within their
    limits, as a served fleet does. The same seed gives the same choices.

    Args:
        world: devices, titles, and what happens.
        steps_per_round: impressions of a device in a round.
        rounds: simulated rounds.
        cohort: devices that are drawn for a round of training; None: all.
        privacy: the budget; None: the same vectors without clipping and noise.
        seed: seed of every draw.
        engine: "local" runs in processes of this machine; "flower" runs on a SuperLink with SuperNodes on it.
        policy: by which devices draw artworks; by default `keyart.Policy` without stickiness.
        reward: thresholds of a quality play.
        personal_head: whether devices learn for themselves.
        learner: "federated"; "central" sees every log; "none" keeps the zero-shot bundle.
        nodes: number of parts of the devices in the local engine; by default as many as fit a processor's cache.
        workers: number of processes: of the local engine, by default one a processor for a fleet of some size,
            and SuperNodes of the engine "flower", by default two.
        out: folder of the last bundle; by default a temporary one.
        name: name of the world in the report.
        truth: `Truth.measure(world, rounds * steps_per_round)`, if several runs share it.
        start: the first bundle's model; None: zero-shot.
        progress: called with the rounds that are done, and all of them.

    Returns:
        The report.

    Raises:
        KeyartError: a setting is wrong, the world breaks its protocol, or the campaign cannot go on.
    """
    if workers is not None and workers < 1:
        raise SettingError(f"workers is {workers}; it must be at least 1.")
    for label, value, known in (("engine", engine, get_args(Engine)), ("learner", learner, get_args(Learner))):
        if value not in known:
            raise SettingError(f"{label} is {value!r}; use one of {', '.join(map(repr, known))}.")
    if learner != "federated" and (privacy is not None or engine != "local"):
        raise SettingError(f"With learner={learner!r} nothing is summed: leave privacy and engine out.")
    setup = SimulationSetup(
        world,
        rounds,
        steps_per_round,
        world.devices if cohort is None else cohort,
        seed,
        policy or unsticky_policy(),
        reward or keyart.Reward(),
        HeadPrior() if personal_head else None,
        learner,
        privacy,
        start=start,
    )
    started = time.perf_counter()
    if learner != "federated":
        outcome = _central(setup, nodes, progress)
    elif engine == "flower":
        from .flower.engine import run_on_flower

        outcome = run_on_flower(setup, workers or FLOWER_WORKERS)
    else:
        outcome = _local(setup, nodes, worker_count(world.devices, workers), progress)
    seconds = time.perf_counter() - started
    truth = truth or WorldTruth.measure(world, setup.impressions)
    folder = Path(out) if out is not None else Path(tempfile.mkdtemp(prefix="keyart-")) / "bundle"
    return _report(setup, outcome, truth, folder, seconds, name or type(world).__name__)


def _local(setup: SimulationSetup, nodes: int | None, workers: int, progress: Progress) -> SimulationOutcome:
    members = members_of(setup.world, nodes)
    with ExitStack() as stack:
        fleet: SimulatedFleet
        if workers > 1:
            fleet = stack.enter_context(worker_fleet(setup, members, workers))
        else:
            fleet = local_fleet(setup, devices_in_parts(setup, members))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="keyart-bundles-"))
        training = run_campaign(setup, fleet, Path(folder), progress)
        return SimulationOutcome.of(training, setup, fleet.collect())


def _central(setup: SimulationSetup, nodes: int | None, progress: Progress) -> SimulationOutcome:
    """Run the baselines that send nothing: one that sees every log, and one whose bundle stays as it was."""
    catalog, encoded = setup.world.catalog, encoded_catalog(setup.world)
    parts = devices_in_parts(setup, members_of(setup.world, nodes), encoded)
    central = CentralLearner(encoded, setup.start or GlobalModel.zero_shot(encoded), setup.policy, setup.seed)
    learns = setup.learner == "central"
    model = central.run(parts, setup.steps_per_round, setup.rounds, progress, learns=learns).model
    journals = [{"members": part.members, **part.state(), **part.calibration.state()} for part in parts]
    with tempfile.TemporaryDirectory(prefix="keyart-bundles-") as folder:
        training = {"round": setup.rounds if learns else 0, "devices": setup.world.devices}
        bundle = write_bundle(Path(folder) / "last", model, catalog, data="Simulated.", training=training)
        return SimulationOutcome.of_bundle(bundle, setup, journals)


def _report(
    setup: SimulationSetup, outcome: SimulationOutcome, truth: WorldTruth, folder: Path, seconds: float, name: str
) -> Report:
    """Measure an outcome against the truth, and write the bundle with what was measured."""
    world, steps = setup.world, setup.steps_per_round
    by_impression = rewards(truth, outcome.artwork)
    estimates = figures(by_impression)
    encoded = encoded_catalog(world)
    fair = fairness.measure(truth, by_impression, outcome.artwork, outcome.played, outcome.quality, encoded.artwork)
    by_round = []
    for number in range(setup.rounds):
        part = by_impression.means(slice(number * steps, (number + 1) * steps))
        by_round.append(capture(part, part.policy).value)
    p = outcome.calibration.p_value()
    with tempfile.TemporaryDirectory(prefix="keyart-bundle-") as place:
        for file, data in outcome.bundle.items():
            (Path(place) / file).write_bytes(data)
        model = model_of(load_model(place, world.catalog, "numpy"))
    write_bundle(
        folder,
        model,
        world.catalog,
        data=f"{name}, simulated: {world.devices} devices, {setup.impressions} impressions each.",
        training={"round": outcome.rounds, "devices": world.devices, "learner": setup.learner},
        quality={key: round(estimate.value, 6) for key, estimate in estimates.items()},
        head=setup.head,
    )
    bundle_bytes = sum(path.stat().st_size for path in folder.iterdir())
    return Report(
        world=name,
        devices=world.devices,
        rounds=setup.rounds,
        steps_per_round=steps,
        seed=setup.seed,
        capture_by_round=tuple(by_round),
        interval={key: (e.low, e.high) for key, e in {**estimates, **fair.estimates()}.items()},
        propensities_ok=p > 1e-3,
        propensities_p=p,
        client_updates=outcome.client_updates,
        client_updates_per_second=outcome.client_updates / seconds,
        seconds=seconds,
        epsilon=outcome.epsilon,
        delta=setup.privacy.delta if setup.privacy is not None else None,
        bytes_up=outcome.bytes_up,
        bytes_down=bundle_bytes * (outcome.rounds + 1),
        bundle=folder,
        **fair.plain() | {key: estimate.value for key, estimate in estimates.items()},
    )
