"""play: the protocol and nothing else, one outcome an impression; and the two policies that learn nothing."""

from __future__ import annotations

import numpy as np
import pytest
from support.worlds import HandWorld, Watched

from keyart.errors import WorldError
from keyart_federated.baselines import EpsilonGreedy, Fixed, Thompson, Uniform, best_fixed, play
from keyart_federated.metrics import WorldTruth, capture, rewards

IMPRESSIONS = 12
PEERS = {"random": Uniform, "Thompson": Thompson, "ε-greedy": EpsilonGreedy}


@pytest.mark.parametrize("name", PEERS)
def test_one_outcome_an_impression_and_no_peeking(name):
    worlds = [Watched(HandWorld()), Watched(HandWorld(), permute=True), Watched(HandWorld())]
    found = [play(w, PEERS[name](w.catalog, seed), IMPRESSIONS) for w, seed in zip(worlds, (3, 3, 4), strict=True)]
    assert worlds[0].asked == {(i, k): 1 for i in range(24) for k in range(IMPRESSIONS)}
    assert not worlds[0].peeked and not worlds[1].peeked
    assert worlds[0].shown == worlds[1].shown != worlds[2].shown  # by the seed alone
    ids = [artwork.id for title in worlds[0].catalog for artwork in title.artworks]
    for (i, k), artwork in worlds[0].shown.items():
        assert ids[found[0].shown[i, k]] == artwork
        outcome = worlds[0].outcome(i, k, artwork)
        assert found[0].played[i, k] == (outcome.kind == "played")
        assert found[0].quality[i, k] == (outcome.seconds >= 900)


class Notes:
    """A peer that writes down what it is asked and told."""

    def __init__(self):
        self.asked, self.told = [], []

    def choose(self, i, title, context):
        self.asked.append((i, title, context))
        return 0

    def learn(self, title, picture, reward):
        self.told.append((title, picture, reward))


def test_a_peer_is_told_of_each_choice_in_turn():
    world, peer, done = HandWorld(devices=3), Notes(), []
    played = play(world, peer, 2, progress=lambda n, of: done.append((n, of)))
    assert [i for i, *_ in peer.asked] == [0, 1, 2, 0, 1, 2]
    for n, (i, title, context) in enumerate(peer.asked):
        title_id, shown_in = world.impression(i, n // 3)
        assert (world.catalog.titles[title].id, shown_in) == (title_id, context)
        assert peer.told[n] == (title, 0, played.quality[i, n // 3])
    assert done == [(1, 2), (2, 2)]


def test_references_are_what_the_scorecard_says():
    world = HandWorld(devices=60)
    truth = WorldTruth.measure(world, IMPRESSIONS)
    fixed = rewards(truth, play(world, best_fixed(truth), IMPRESSIONS).shown).means()
    np.testing.assert_array_equal(fixed.policy, fixed.best_fixed)
    by_chance = rewards(truth, play(world, Uniform(world.catalog, 1), IMPRESSIONS).shown).means()
    estimate = capture(by_chance, by_chance.policy)
    assert estimate.low - 0.1 < 0 < estimate.high + 0.1


def test_a_title_out_of_nowhere():
    class Nowhere(HandWorld):
        def impression(self, i, k):
            return "nowhere", super().impression(i, k)[1]

    with pytest.raises(WorldError, match="nowhere"):
        play(Nowhere(), Fixed([0] * 6), 1)
