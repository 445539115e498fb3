"""What clickbait, the place on the page, the device and the daypart do in the synthetic world."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import keyart
from keyart.catalog import kind_of
from keyart_federated.worlds import SyntheticWorld


def promised(title: keyart.Title, artwork: keyart.Artwork) -> bool:
    """Whether the picture shows a genre or a cast member that the title does not hold."""
    return any(tag not in title.tags for tag in artwork.tags if kind_of(tag) in ("genre", "cast"))


def test_clickbait_is_two_of_ten_and_does_not_pay() -> None:
    world = SyntheticWorld(viewers=300, titles=6, impressions=80, seed=4, clickbait_penalty=3.0)
    plays = {True: [0, 0], False: [0, 0]}
    reward = keyart.Reward()
    for title in world.catalog:
        assert sum(promised(title, artwork) for artwork in title.artworks) == 2
    for i, k in itertools.product(range(300), range(80)):
        title = world.catalog[world.impression(i, k)[0]]
        artwork = title.artworks[(i + k) % 10]
        outcome = world.outcome(i, k, artwork.id)
        if outcome.kind == "played":
            count = plays[promised(title, artwork)]
            count[0] += 1
            count[1] += reward.of(outcome, title.duration) == 1.0
    kept = {bait: good / played for bait, (played, good) in plays.items()}
    assert kept[True] < 0.4 * kept[False]


def test_clickbait_pulls_plays_as_far_as_it_is_told_to() -> None:
    played = []
    for pull in (0.0, 1.0):
        world = SyntheticWorld(viewers=80, titles=20, impressions=40, play_rate=0.05, seed=4, clickbait_pull=pull)
        rates: dict[bool, list[bool]] = {True: [], False: []}
        for i, k in itertools.product(range(80), range(40)):
            title = world.catalog[world.impression(i, k)[0]]
            for artwork in title.artworks:
                rates[promised(title, artwork)].append(world.outcome(i, k, artwork.id).kind == "played")
        played.append(np.mean(rates[True]) / np.mean(rates[False]))
    assert played[0] < 1  # by itself it pulls nobody: a genre that the title lacks suits its viewers less
    assert played[1] / played[0] == pytest.approx(
        np.e, rel=0.15
    )  # plays are rare, so a logit is nearly a factor of e


@pytest.mark.parametrize("bias", [0.2, 1.0])
def test_a_slot_costs_what_it_is_told_to(bias: float) -> None:
    quiet = {"titles": 1, "context": 0.0, "play_rate": 0.0001, "position_bias": bias}
    world = SyntheticWorld(viewers=20, impressions=120, seed=1, **quiet)
    for i in range(20):
        by_slot = {world.impression(i, k)[1].slot: world.expected_reward(i, k) for k in range(120)}
        if 0 in by_slot and 7 in by_slot:
            assert by_slot[7] / by_slot[0] == pytest.approx(np.full(10, 8**-bias), rel=0.03)
    flat = SyntheticWorld(viewers=5, impressions=30, **(quiet | {"position_bias": 0.0}))
    assert all(np.array_equal(flat.expected_reward(2, k), flat.expected_reward(2, 0)) for k in range(30))


def test_device_and_daypart_move_rewards_by_context_alone() -> None:
    quiet = {"titles": 1, "position_bias": 0.0, "play_rate": 0.0001, "seed": 1}
    for context in (0.0, 0.3):
        world = SyntheticWorld(viewers=30, impressions=60, context=context, **quiet)
        logs: dict[tuple[str, str], np.ndarray] = {}
        for i, k in itertools.product(range(30), range(60)):
            moment = world.impression(i, k)[1]
            effect = np.log(world.expected_reward(i, k)) - np.log(world.expected_reward(i, 0))
            start = world.impression(i, 0)[1]
            if (start.device, start.daypart) == ("tv", "night"):
                before = logs.setdefault((moment.device, moment.daypart), effect)
                assert effect == pytest.approx(before, abs=0.01)  # the same for all viewers
        assert len(logs) == 12
        spread = np.std([effect - effect.mean() for effect in logs.values()])
        assert spread == 0.0 if context == 0 else 0.2 < spread < 0.6
