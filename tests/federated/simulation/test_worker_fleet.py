"""A fleet in several processes is the fleet in one: the same choices, sums and model, with masks and without."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from tests.support.worlds import HandWorld

from keyart.errors import RoundFailed, WorldError
from keyart_federated import Privacy, simulate
from keyart_federated.simulation.local_engine import members_of, worker_fleet
from keyart_federated.simulation.setup import SimulationSetup
from keyart_federated.simulation.worker_fleet import MIN_DEVICES_PER_WORKER, WorkerFleet, worker_count
from keyart_federated.worlds import SyntheticWorld

WORLD = SyntheticWorld(viewers=24, titles=4, artworks=4, impressions=8, seed=5)


@pytest.mark.parametrize(
    "privacy", [None, Privacy(8, 1e-6, masked=False), Privacy(8, 1e-6)], ids=["plain", "noised", "masked"]
)
def test_the_number_of_processes_changes_nothing(privacy, tmp_path):
    reports = [
        simulate(WORLD, 4, 2, seed=1, privacy=privacy, nodes=4, workers=n, out=tmp_path / str(n)) for n in (1, 3)
    ]
    assert reports[0].capture_by_round == reports[1].capture_by_round
    for name in ("ranker.bin", "titles.bin"):
        one, three = ((tmp_path / n / name) for n in "13")
        assert one.exists() == three.exists()
        if one.exists():
            assert one.read_bytes() == three.read_bytes()


def test_small_fleets_stay_in_one_process():
    assert worker_count(MIN_DEVICES_PER_WORKER - 1) == 1
    assert worker_count(2 * MIN_DEVICES_PER_WORKER, wanted=3) in (1, 3)
    assert worker_count(2, wanted=3) <= 2


@dataclass
class FailingWorld(HandWorld):
    def outcome(self, i, k, artwork_id):
        if (i, k) == (5, 3):
            raise WorldError("The tape has run out.")
        return super().outcome(i, k, artwork_id)


def test_an_error_in_a_process_is_the_callers():
    with pytest.raises(WorldError, match="The tape has run out"):
        simulate(FailingWorld(), 4, 1, nodes=4, workers=2)


@pytest.fixture
def fleet() -> Iterator[WorkerFleet]:
    setup = SimulationSetup(WORLD, 2, 4, WORLD.devices)
    with worker_fleet(setup, members_of(WORLD, 2), 2) as fleet:
        yield fleet


def test_a_process_that_ends_is_named(fleet):
    assert len(fleet.collect()) == 2
    os.kill(fleet._processes[1].pid, signal.SIGKILL)
    fleet._processes[1].join()
    with pytest.raises(RoundFailed, match="A process of the simulation has ended"):
        fleet.collect()


def test_each_process_has_its_own_devices(fleet):
    members = [arrays["members"] for arrays in fleet.collect()]
    assert np.array_equal(np.sort(np.concatenate(members)), np.arange(24)) and len(members) == 2
