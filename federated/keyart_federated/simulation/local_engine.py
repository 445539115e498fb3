"""A simulation in this process: devices in parts, and the campaign over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from keyart.model import EncodedCatalog, FeatureSpec

from ..types import Ints
from ..world import World
from .devices import Devices
from .local_fleet import LocalFleet, SimulatedFleet
from .participation import Participation
from .setup import SimulationSetup
from .training_run import TrainingRun, limits_of
from .worker_fleet import WorkerFleet

DEVICES_PER_PART = 256  # bounds the memory of a step, fits caches, and gives each processor its parts
Progress = Callable[[int, int], None]


def devices_in_parts(
    setup: SimulationSetup, members: Sequence[Ints], encoded: EncodedCatalog | None = None
) -> list[Devices]:
    """Return the simulated devices of a world in parts.

    Args:
        setup: the simulation.
        members: the devices' numbers of each part.
        encoded: the world's catalogue, if it is encoded already.
    """
    encoded = encoded or encoded_catalog(setup.world)
    return [
        Devices(
            setup.world,
            part,
            encoded.spec,
            setup.impressions,
            seed=setup.seed,
            policy=setup.policy,
            reward=setup.reward,
            head=setup.head,
            encoded=encoded,
        )
        for part in members
    ]


def members_of(world: World, parts: int | None = None) -> list[Ints]:
    """Return the numbers of the devices of each part; parts: how many, by default as fits a processor's cache."""
    count = parts or -(-world.devices // DEVICES_PER_PART)
    return [np.arange(part, world.devices, count) for part in range(count)]


def encoded_catalog(world: World) -> EncodedCatalog:
    """Return a world's catalogue in the places of its feature spec."""
    return EncodedCatalog.build(world.catalog, FeatureSpec.from_catalog(world.catalog))


def local_fleet(setup: SimulationSetup, parts: Sequence[Devices]) -> LocalFleet:
    """Return the fleet of devices that are all in this process: all devices of the world, or some of them."""
    share, devices = setup.cohort / setup.world.devices, setup.world.devices
    participation = Participation(devices, limits_of(setup.privacy, setup.plan, setup.seed))
    return LocalFleet(parts, participation, setup.seed, share, setup.plan.masked, devices)


def worker_fleet(setup: SimulationSetup, members: Sequence[Ints], workers: int) -> WorkerFleet:
    """Return the fleet of devices that are in `workers` processes.

    Args:
        setup: the simulation.
        members: the devices' numbers of each part; a process gets every `workers`-th of the parts.
        workers: number of processes.
    """
    encoded = encoded_catalog(setup.world)

    def make(some: Sequence[Ints]) -> LocalFleet:
        return local_fleet(setup, devices_in_parts(setup, some, encoded))

    makers = [partial(make, members[worker::workers]) for worker in range(min(workers, len(members)))]
    return WorkerFleet(makers, setup.seed, setup.plan.masked)


def run_campaign(
    setup: SimulationSetup,
    fleet: SimulatedFleet,
    folder: Path,
    progress: Progress = lambda done, of: None,
) -> TrainingRun:
    """Drive the training campaign of a simulation to its end.

    Args:
        setup: the simulation.
        fleet: its devices.
        folder: where the campaign's bundles are written.
        progress: called with the simulated rounds that are done, and all of them.

    Raises:
        RoundFailed: the transport of a round has failed for good.
    """
    training = TrainingRun(
        folder,
        setup.world.catalog,
        plan=setup.plan,
        privacy=setup.privacy,
        seed=setup.seed,
        head=setup.head,
        steps_per_round=setup.steps_per_round,
        policy=setup.policy,
        campaign_id=setup.campaign_id,
        start=setup.start,
    )
    for number in range(1, setup.rounds + 1):
        fleet.play(training.base.bundle, (number - 1) * setup.steps_per_round, setup.steps_per_round)
        training.after_round(number, fleet)
        progress(number, setup.rounds)
    return training
