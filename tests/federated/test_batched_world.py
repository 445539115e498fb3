"""A world that answers for many devices at once says what it says one by one."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.worlds import HandWorld

import keyart
from keyart.errors import WorldError
from keyart_federated.world import OneByOne, batched
from keyart_federated.worlds import SyntheticWorld

SETTINGS = {"viewers": 60, "titles": 12, "artworks": 5, "impressions": 12, "seed": 3}
WORLDS = {
    "plain": {},
    "people, drift, late titles, bait": {"shared_devices": 0.4, "drift": 0.5, "premieres": 0.2, "hidden_bait": 0.3},
}


@pytest.mark.parametrize("settings", WORLDS.values(), ids=WORLDS)
def test_batches_are_the_answers_one_by_one(settings):
    world = SyntheticWorld(**SETTINGS, **settings)
    assert batched(world) is world
    single, devices, rng = OneByOne(world), np.arange(3, 60, 2), np.random.default_rng(0)
    for k in range(12):
        many, each = world.impression_batch(devices, k), single.impression_batch(devices, k)
        np.testing.assert_array_equal(many.titles, each.titles)
        for place, now in zip(many.context_of, each.contexts, strict=True):
            then = many.contexts[place]
            assert (then.device, then.daypart, then.slot) == (now.device, now.daypart, now.slot)
        shown = 5 * many.titles + rng.integers(0, 5, len(devices))
        played, seconds = world.outcome_batch(devices, k, shown)
        same, as_long = single.outcome_batch(devices, k, shown)
        np.testing.assert_array_equal(played, same)
        np.testing.assert_allclose(seconds, as_long, rtol=1e-12)
        np.testing.assert_allclose(
            world.expected_reward_batch(devices, k), single.expected_reward_batch(devices, k), rtol=1e-5
        )


def test_a_batch_refuses_what_the_single_answer_refuses():
    world = SyntheticWorld(**SETTINGS)
    devices = np.arange(10)
    titles = world.impression_batch(devices, 0).titles
    with pytest.raises(WorldError, match="has no artwork"):
        world.outcome_batch(devices, 0, 5 * ((titles + 1) % 12))
    for ask in (world.impression_batch, world.expected_reward_batch):
        with pytest.raises(WorldError, match="No impression 12 on device 9"):
            ask(devices, 12)
        with pytest.raises(WorldError, match="No impression 0 on device 60"):
            ask(np.array([60]), 0)


class Skipped(SyntheticWorld):
    def outcome(self, i, k, artwork_id):
        return keyart.Outcome.skipped()


def test_an_answer_that_a_subclass_overrides_is_asked_one_by_one():
    world = Skipped(**SETTINGS)
    answers = batched(world)
    assert answers is not world
    assert not answers.outcome_batch(np.arange(60), 0, 5 * answers.impression_batch(np.arange(60), 0).titles)[0].any()


def test_a_method_that_is_set_on_the_world_itself_is_asked():
    world = SyntheticWorld(**SETTINGS)
    world.outcome = lambda i, k, artwork_id: keyart.Outcome.skipped()
    assert batched(world) is not world


def test_a_plain_world_is_asked_one_by_one():
    assert isinstance(batched(HandWorld()), OneByOne)
