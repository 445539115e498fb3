"""The synthetic world keeps the contract of `keyart_federated.World`, and its numbers are the ones it
states.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import keyart
from keyart.catalog import kind_of
from keyart.errors import SettingError, WorldError
from keyart_federated.world import World
from keyart_federated.worlds import SyntheticWorld

SMALL = {"viewers": 40, "titles": 12, "artworks": 10, "impressions": 30}


@pytest.fixture(scope="module")
def world() -> SyntheticWorld:
    return SyntheticWorld(**SMALL, seed=5)


def everything(world: SyntheticWorld, pairs: list[tuple[int, int]]) -> dict[tuple[int, int, str], keyart.Outcome]:
    return {
        (i, k, artwork.id): world.outcome(i, k, artwork.id)
        for i, k in pairs
        for artwork in world.catalog[world.impression(i, k)[0]].artworks
    }


def test_is_a_world_of_the_asked_size(world: SyntheticWorld) -> None:
    assert isinstance(world, World)
    assert world.devices == 40
    assert world.impressions == 30
    assert len(world.catalog) == 12
    assert all(len(title.artworks) == 10 for title in world.catalog)


def test_the_same_draw_whatever_is_asked_first(world: SyntheticWorld) -> None:
    pairs = list(itertools.product(range(0, 40, 4), range(0, 30, 3)))
    forward = everything(world, pairs)
    other = SyntheticWorld(**SMALL, seed=5)
    for i, k in pairs:
        other.expected_reward(i, k)
    assert everything(other, pairs[::-1]) == forward
    assert everything(world, pairs) == forward


def test_a_seed_is_a_world() -> None:
    same, again, different = (SyntheticWorld(**SMALL, seed=seed) for seed in (5, 5, 6))
    for i, k in itertools.product(range(5), range(30)):
        assert same.impression(i, k) == again.impression(i, k)
        assert np.array_equal(same.expected_reward(i, k), again.expected_reward(i, k))
    assert same.history(3) == again.history(3)
    assert any(same.impression(i, k) != different.impression(i, k) for i, k in itertools.product(range(5), range(30)))
    assert same.catalog.titles != different.catalog.titles


def test_more_impressions_leave_the_first_ones_as_they_were() -> None:
    short = SyntheticWorld(viewers=20, titles=8, impressions=42, seed=1)
    long = SyntheticWorld(viewers=20, titles=8, impressions=90, seed=1)
    for i, k in itertools.product(range(20), range(42)):
        title_id, context = short.impression(i, k)
        assert (title_id, context) == long.impression(i, k)
        artwork = short.catalog[title_id].artworks[k % 10].id
        assert short.outcome(i, k, artwork) == long.outcome(i, k, artwork)


def test_frequencies_agree_with_the_expected_reward() -> None:
    # Every (viewer, impression, picture) is one draw; grouped by its stated probability, the mean reward must
    # be it.
    world = SyntheticWorld(viewers=300, titles=10, impressions=200, seed=3)
    reward = keyart.Reward()
    stated, seen = [], []
    for i, k in itertools.product(range(world.devices), range(world.impressions)):
        title = world.catalog[world.impression(i, k)[0]]
        a = (i + 3 * k) % len(title.artworks)
        stated.append(world.expected_reward(i, k)[a])
        seen.append(reward.of(world.outcome(i, k, title.artworks[a].id), title.duration))
    p, y = np.array(stated), np.array(seen)
    for group in (np.arange(len(p)), *np.array_split(np.argsort(p), 6)):
        error = np.sqrt((p[group] * (1 - p[group])).sum()) / len(group)
        assert abs(y[group].mean() - p[group].mean()) < 3 * error


def test_a_viewer_s_outcomes_are_independent_between_impressions() -> None:
    world = SyntheticWorld(viewers=200, titles=1, artworks=2, impressions=40, seed=2)
    artwork = world.catalog.titles[0].artworks[0].id
    played = np.array(
        [[world.outcome(i, k, artwork).kind == "played" for k in range(40)] for i in range(200)], dtype=float
    )
    expected = played.mean()
    assert abs(np.mean((played[:, :-1] - expected) * (played[:, 1:] - expected))) < 0.02
    assert len({row.tobytes() for row in played}) > 190


def test_base_rates_are_the_ones_asked_for() -> None:
    world = SyntheticWorld(viewers=200, titles=40, impressions=40, seed=0, play_rate=0.3, keep_rate=0.4)
    rewards = [world.expected_reward(i, k).mean() for i in range(200) for k in range(40)]
    assert np.mean(rewards) == pytest.approx(0.12, rel=1e-3)


def test_default_size_of_random_and_oracle() -> None:
    world = SyntheticWorld(viewers=200, impressions=40)
    rewards = np.array([world.expected_reward(i, k) for i in range(200) for k in range(40)])
    assert rewards.mean() == pytest.approx(0.08, abs=0.003)
    assert 0.13 < rewards.max(axis=1).mean() < 0.155


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


def test_titles_hold_what_is_described(world: SyntheticWorld) -> None:
    for title in world.catalog:
        kinds = [kind_of(tag) for tag in title.tags]
        assert 1 <= kinds.count("genre") <= 3
        assert kinds.count("cast") <= 2
        assert sum(weight for tag, weight in title.tags.items() if kind_of(tag) == "genre") == pytest.approx(1.0)
        assert title.duration >= 20 * 60
        for artwork in title.artworks:
            shown = [kind_of(tag) for tag in artwork.tags]
            assert shown.count("palette") == 1
            assert shown.count("style") in (1, 2)
            assert 1 <= shown.count("genre") <= 2


def test_every_moment_has_a_zone_and_time_goes_on(world: SyntheticWorld) -> None:
    for i in range(world.devices):
        views = world.history(i)
        assert len(views) == 15
        moments = [view.at for view in views] + [world.impression(i, k)[1].at for k in range(world.impressions)]
        assert all(at.utcoffset() is not None for at in moments)
        assert moments == sorted(moments)


def test_history_holds_full_and_abandoned_views(world: SyntheticWorld) -> None:
    shares = [view.seconds / world.catalog[view.title_id].duration for i in range(40) for view in world.history(i)]
    abandoned = np.mean(np.array(shares) < 0.3)
    assert 0.1 < abandoned < 0.7
    assert np.mean(np.array(shares) > 0.8) == pytest.approx(1 - abandoned)


def test_expected_reward_is_a_value_of_the_caller_s_own(world: SyntheticWorld) -> None:
    before = world.expected_reward(0, 0)
    kept = before.copy()
    before[:] = 0
    assert np.array_equal(world.expected_reward(0, 0), kept)
    assert kept.dtype == np.float64


@pytest.mark.parametrize(("i", "k"), [(40, 0), (-1, 0), (0, 30), (0, -1)])
def test_an_impression_outside_of_the_world_is_an_error(world: SyntheticWorld, i: int, k: int) -> None:
    for ask in (world.impression, world.expected_reward):
        with pytest.raises(WorldError, match="40 devices and 30 impressions"):
            ask(i, k)
    with pytest.raises(WorldError, match="40 devices and 30 impressions"):
        world.outcome(i, k, "s0000/00")


def test_a_picture_of_another_title_is_an_error(world: SyntheticWorld) -> None:
    title_id, _ = world.impression(0, 0)
    other = next(title for title in world.catalog if title.id != title_id)
    for artwork_id in (other.artworks[0].id, "no such picture"):
        with pytest.raises(WorldError, match="which has no artwork"):
            world.outcome(0, 0, artwork_id)


@pytest.mark.parametrize(
    "settings",
    [
        {"viewers": 0},
        {"artworks": 0},
        {"play_rate": 0.0},
        {"keep_rate": 1.0},
        {"clickbait_share": 1.5},
        {"seed": -1},
    ],
)
def test_a_setting_outside_of_its_range_is_named(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        SyntheticWorld(**settings)


@pytest.mark.parametrize("odd", [{"artworks": 1}, {"clickbait_share": 1.0}, {"history_views": 0}, {"impressions": 1}])
def test_small_worlds_work(odd: dict[str, float]) -> None:
    world = SyntheticWorld(**({"viewers": 2, "titles": 1, "artworks": 3, "impressions": 5} | odd))
    assert np.isfinite(world.expected_reward(1, 0)).all()
