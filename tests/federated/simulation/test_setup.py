"""The setup of a simulation as other processes read it: the same from its file, and from names and numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from support.simulations import setup_of, small_world
from support.worlds import HandWorld, RuledWorld

import keyart
from keyart.errors import SettingError, WorldError
from keyart_federated.accounting.privacy import Privacy
from keyart_federated.simulation.setup import CONFIG, SimulationSetup, unsticky_policy
from keyart_federated.worlds import SyntheticWorld

SMALL = {"viewers": 6, "titles": 8, "artworks": 3, "impressions": 40}


@pytest.mark.parametrize("world", [small_world(6), RuledWorld(devices=5), SyntheticWorld(**SMALL)])
def test_a_setup_comes_back_from_its_file(tmp_path, world):
    """Worlds hold read-only mappings, which `pickle` alone does not write."""
    setup = setup_of(world, 3, cohort=4, head=None, policy=keyart.Policy(exploration=0.2))
    config = setup.to_config(tmp_path / "setup.pickle")
    again = SimulationSetup.from_config(json.loads(json.dumps(config)))
    for name in ("rounds", "steps_per_round", "cohort", "seed", "policy", "reward", "head", "learner", "privacy"):
        assert getattr(again, name) == getattr(setup, name), name
    assert again.plan == setup.plan and again.impressions == 15
    assert [title.id for title in again.world.catalog] == [title.id for title in world.catalog]
    for i in range(world.devices):
        assert list(again.world.history(i)) == list(world.history(i))
        assert again.world.impression(i, 3) == world.impression(i, 3)


def test_a_world_that_cannot_be_sent_is_an_error_that_says_what_to_do(tmp_path):
    class Local(HandWorld):
        pass

    for world in (Local(devices=2), HandWorld(devices=2)):
        world.open_file = (tmp_path / "x").open("w")
        with pytest.raises(SettingError, match="'module:factory'"):
            setup_of(world).to_config(tmp_path / "setup.pickle")
        world.open_file.close()


def test_a_world_by_name():
    setup = SimulationSetup.from_config(
        {"world": "synthetic", "world-settings": SMALL, "rounds": 4, "steps": 10, "seed": 3, "cohort": 5,
         "epsilon": 8, "delta": 1e-5, "personal-head": False}
    )  # fmt: skip
    assert isinstance(setup.world, SyntheticWorld) and setup.world.devices == 6
    assert (setup.rounds, setup.steps_per_round, setup.seed, setup.cohort) == (4, 10, 3, 5)
    assert setup.privacy == Privacy(8.0, 1e-5) and setup.head is None


def test_a_factory_of_ones_own():
    setup = SimulationSetup.from_config({"world": "support.worlds:HandWorld", "world-settings": {"devices": 7}})
    assert isinstance(setup.world, HandWorld) and setup.cohort == setup.world.devices == 7


def test_what_is_not_told_is_as_in_simulate():
    setup = SimulationSetup.from_config({"world-settings": SMALL | {"impressions": 200}})
    assert (setup.rounds, setup.steps_per_round, setup.seed) == (CONFIG["rounds"], CONFIG["steps"], 0)
    assert setup.privacy is None and setup.head is not None and setup.cohort == 6
    assert setup.policy == unsticky_policy() and setup.policy.stickiness == timedelta(0)


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"viewers": 6}, "viewers"),
        ({"rounds": "many"}, "rounds"),
        ({"rounds": 0}, "rounds"),
        ({"rounds": True}, "rounds"),
        ({"steps": -1}, "steps_per_round"),
        ({"seed": 1.5}, "seed"),
        ({"cohort": 7}, "cohort"),
        ({"cohort": -1}, "cohort"),
        ({"epsilon": -1.0}, "epsilon"),
        ({"epsilon": "8"}, "epsilon"),
        ({"delta": 2.0, "epsilon": 1.0}, "delta"),
        ({"world-settings": ["viewers"]}, "world-settings"),
        ({"personal-head": "no"}, "personal-head"),
    ],
)
def test_a_setting_that_no_simulation_has_is_named(config, word):
    with pytest.raises(SettingError, match=word):
        SimulationSetup.from_config({"world-settings": SMALL, **config})


@pytest.mark.parametrize(
    "world", ["nowhere", "support.worlds:Missing", "no_such_module:World", "support.worlds:START"]
)
def test_a_world_that_is_none_is_an_error(world):
    with pytest.raises(WorldError):
        SimulationSetup.from_config({"world": world})


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"steps_per_round": 0}, {"cohort": 0}, {"cohort": 7}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        replace(setup_of(small_world(6)), **wrong)


def test_the_plan_is_that_of_the_cohort():
    setup = setup_of(small_world(20), 3, cohort=10)
    assert setup.plan.cohort == 10 and setup.plan.minimum_devices == 8
    assert np.isclose(setup.plan.threshold_permille, 800)
