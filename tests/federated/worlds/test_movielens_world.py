"""The MovieLens world keeps the contract, and its people are the real ones. Skipped where the data cannot be
had.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import numpy as np
import pytest
from support.services import missing

import keyart
from keyart.catalog import kind_of
from keyart.errors import DataUnavailable, SettingError, WorldError
from keyart_federated.world import World
from keyart_federated.worlds import load
from keyart_federated.worlds.movielens import MovieLensWorld
from keyart_federated.worlds.movielens.fetch import Files, fetch
from keyart_federated.worlds.movielens.films import read_films
from keyart_federated.worlds.movielens.ratings import people_of, read_table


@pytest.fixture(scope="module")
def files(downloads: None) -> Files:
    try:
        return fetch()
    except DataUnavailable as error:
        missing(f"MovieLens cannot be fetched: {error}")


@pytest.fixture(scope="module")
def world(files: Files) -> MovieLensWorld:
    return MovieLensWorld()


@pytest.fixture(scope="module")
def small(files: Files) -> MovieLensWorld:
    return MovieLensWorld(impressions=30, seed=2, viewers=60, titles=200)


def test_is_everybody_and_every_film(world: MovieLensWorld) -> None:
    assert isinstance(world, World)
    assert world.devices == 943
    assert len(world.catalog) == 1662
    assert world.catalog["ml98"].name == "The Silence of the Lambs (1991)"
    tags = world.catalog["ml98"].tags
    assert {"genre:thriller", "cast:anthony-hopkins", "cast:jodie-foster", "decade:1990s"} < set(tags)
    assert world.catalog["ml98"].duration == 118 * 60


def test_nine_of_ten_ratings_find_their_film_in_the_database(files: Files) -> None:
    matched = {item for film in read_films(files.items, files.films) if film.matched for item in film.items}
    items = read_table(files.ratings)[:, 1]
    assert np.isin(items, list(matched)).mean() > 0.92


def test_history_is_the_earlier_half_of_real_ratings(world: MovieLensWorld, files: Files) -> None:
    films = read_films(files.items, files.films)
    table = read_table(files.ratings)
    for i in (0, 99, 942):
        own = table[table[:, 0] == i + 1]
        views = world.history(i)
        assert len(own) // 2 - 5 <= len(views) <= len(own) // 2  # a few films are listed twice, or have no name
        stars = {f"ml{item}": (star, at) for _, item, star, at in own.tolist()}
        latest = max(at for _, at in stars.values())
        for view in views:
            if view.title_id not in stars:  # rated under the film's other number
                assert any(view.title_id == film.id and len(film.items) > 1 for film in films)
                continue
            star, at = stars[view.title_id]
            assert view.at.astimezone(UTC) == datetime.fromtimestamp(at, UTC)
            assert at <= latest
            quality = keyart.Reward().is_quality(view.seconds, world.catalog[view.title_id].duration)
            assert quality == (star >= 3)


def test_the_hours_are_the_viewers_own(files: Files, world: MovieLensWorld) -> None:
    index = {item: n for n, film in enumerate(read_films(files.items, files.films)) for item in film.items}
    own_share = []
    for i, person in enumerate(people_of(read_table(files.ratings), files.users, index)[:200]):
        hours = set((person.at // 3600 % 24).tolist())
        own_share.append(np.mean([world.impression(i, k)[1].at.hour in hours for k in range(120)]))
    assert np.mean(own_share) > 0.7


def test_devices_follow_the_daypart(world: MovieLensWorld) -> None:
    contexts = [world.impression(i, k)[1] for i in range(300) for k in range(40)]
    evening = [context.device for context in contexts if context.daypart == "evening"]
    morning = [context.device for context in contexts if context.daypart == "morning"]
    assert evening.count("tv") / len(evening) > 0.6
    assert morning.count("phone") / len(morning) > 0.5
    assert {context.slot for context in contexts} == set(range(11))


def test_impressions_come_after_the_history_and_repeat_none_of_it(world: MovieLensWorld) -> None:
    for i in range(0, 943, 31):
        views = world.history(i)
        moments = [view.at for view in views] + [world.impression(i, k)[1].at for k in range(120)]
        assert all(at.utcoffset() is not None for at in moments)
        assert moments == sorted(moments)
        watched = {view.title_id for view in views}
        assert not watched & {world.impression(i, k)[0] for k in range(120)}


def test_pictures_show_parts_of_the_film_and_two_do_not(small: MovieLensWorld) -> None:
    for title in small.catalog:
        assert 8 <= len(title.artworks) <= 10
        bait = 0
        for artwork in title.artworks:
            promises = [tag for tag in artwork.tags if kind_of(tag) in ("genre", "cast") and tag not in title.tags]
            bait += bool(promises)
            kinds = [kind_of(tag) for tag in artwork.tags]
            assert [kinds.count(kind) for kind in ("shot", "palette", "mood", "faces")] == [1, 1, 1, 1]
            assert kinds.count("cast") <= 1
        assert bait == 2


def test_pictures_depend_on_title_and_seed_alone(small: MovieLensWorld) -> None:
    fewer = MovieLensWorld(impressions=3, seed=2, viewers=5, titles=60)
    other = MovieLensWorld(impressions=3, seed=3, viewers=5, titles=60)
    for title in fewer.catalog:
        assert small.catalog[title.id] == title
    assert any(other.catalog[title.id].artworks != title.artworks for title in fewer.catalog)


def test_the_same_draw_whatever_is_asked_first(small: MovieLensWorld) -> None:
    again = MovieLensWorld(impressions=30, seed=2, viewers=60, titles=200)
    pairs = list(itertools.product(range(0, 60, 7), range(30)))

    def outcomes(world: MovieLensWorld, order: list[tuple[int, int]]) -> dict[tuple[int, int, str], keyart.Outcome]:
        return {
            (i, k, artwork.id): world.outcome(i, k, artwork.id)
            for i, k in order
            for artwork in world.catalog[world.impression(i, k)[0]].artworks
        }

    assert outcomes(small, pairs) == outcomes(again, pairs[::-1])
    assert all(np.array_equal(small.expected_reward(*p), again.expected_reward(*p)) for p in pairs)


def test_frequencies_agree_with_the_expected_reward(world: MovieLensWorld) -> None:
    reward = keyart.Reward()
    stated, seen = [], []
    for i, k in itertools.product(range(0, 943, 4), range(0, 120, 3)):
        title = world.catalog[world.impression(i, k)[0]]
        a = (i + 3 * k) % len(title.artworks)
        stated.append(world.expected_reward(i, k)[a])
        seen.append(reward.of(world.outcome(i, k, title.artworks[a].id), title.duration))
    p, y = np.array(stated), np.array(seen)
    for group in np.array_split(np.argsort(p), 6):
        error = np.sqrt((p[group] * (1 - p[group])).sum()) / len(group)
        assert abs(y[group].mean() - p[group].mean()) < 3.5 * error


def test_size_of_random_and_oracle(world: MovieLensWorld) -> None:
    rewards = [world.expected_reward(i, k) for i in range(0, 943, 3) for k in range(0, 120, 2)]
    assert np.mean([r.mean() for r in rewards]) == pytest.approx(0.08, abs=0.003)
    assert 0.14 < np.mean([r.max() for r in rewards]) < 0.16


def test_the_smallest_world_and_wrong_settings(files: Files) -> None:
    world = load("movielens", impressions=2, viewers=1, titles=1)
    assert np.isfinite(world.expected_reward(0, 1)).all()
    with pytest.raises(WorldError):
        world.impression(1, 0)
    for wrong in ({"impressions": 0}, {"viewers": 0}, {"titles": 0}, {"seed": -1}):
        with pytest.raises(SettingError, match=next(iter(wrong))):
            load("movielens", **wrong)
