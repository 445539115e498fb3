"""The outcome of a simulation: the same from its bytes, and whatever the order of the parts."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from support.simulations import STEPS, OneRound, one_round, setup_of, small_world
from support.worlds import Watched

from keyart.bundle import verify
from keyart.errors import FederatedError
from keyart_federated.simulation.simulation_outcome import SHOWN, SimulationOutcome

DEVICES = 9


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> tuple[Watched, OneRound]:
    world = Watched(small_world(DEVICES))
    return world, one_round(setup_of(world, 2), tmp_path_factory.mktemp("run"), parts=3)


def outcome_of(ended: OneRound, order: slice = slice(None)) -> SimulationOutcome:
    return SimulationOutcome.of(ended.training, ended.setup, ended.fleet.collect()[order])


def same(one: SimulationOutcome, other: SimulationOutcome) -> None:
    for field in fields(SimulationOutcome):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name in SHOWN:
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)
        elif field.name == "calibration":
            for name, array in mine.state().items():
                np.testing.assert_allclose(array, theirs.state()[name], rtol=1e-12)
        else:
            assert mine == theirs, field.name


def test_it_holds_what_each_device_was_shown_and_what_came_of_it(ended):
    world, run = ended
    found = outcome_of(run)
    places = [artwork.id for title in world.catalog for artwork in title.artworks]
    assert found.artwork.shape == found.played.shape == found.quality.shape == (DEVICES, 2 * STEPS)
    for (i, k), shown in world.shown.items():
        assert places[found.artwork[i, k]] == shown
        outcome = run.setup.world.outcome(i, k, shown)
        assert found.played[i, k] == (outcome.kind == "played")
    assert found.quality.any() and (found.quality <= found.played).all()


def test_it_holds_the_last_bundle_and_what_the_rounds_cost(ended, tmp_path):
    _, run = ended
    found = outcome_of(run)
    for name, data in found.bundle.items():
        (tmp_path / name).write_bytes(data)
    assert verify(tmp_path).model_version == 1 + found.rounds == 3
    assert found.client_updates == 2 * DEVICES and found.bytes_up == run.training.bytes_up > 0
    assert found.epsilon == run.training.epsilon


def test_the_order_of_the_parts_does_not_matter(ended):
    _, run = ended
    same(outcome_of(run), outcome_of(run, slice(None, None, -1)))


@pytest.mark.parametrize("epsilon", [None, 0.0, 3.5])
def test_it_comes_back_from_its_bytes(ended, epsilon):
    found = replace(outcome_of(ended[1]), epsilon=epsilon)
    data = found.to_bytes()
    assert isinstance(data, bytes)
    same(found, SimulationOutcome.from_bytes(data))


def test_bytes_that_are_cut_short_are_no_outcome(ended):
    data = outcome_of(ended[1]).to_bytes()
    for cut in (0, 100, len(data) - 1):
        with pytest.raises(FederatedError, match="cannot be read"):
            SimulationOutcome.from_bytes(data[:cut])


@pytest.mark.parametrize("nodes", [[0, 1], [0, 1, 1], [0, 1, 2, 2]], ids=["missing", "twice and missing", "twice"])
def test_devices_on_no_node_or_on_two_are_an_error(ended, nodes):
    """SuperNodes that were started with the wrong partition-id."""
    _, run = ended
    journals = run.fleet.collect()
    with pytest.raises(FederatedError, match="partition-id"):
        SimulationOutcome.of(run.training, run.setup, [journals[node] for node in nodes])
