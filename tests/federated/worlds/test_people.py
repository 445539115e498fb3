"""Tastes that no tag tells, tastes that drift, and two people on a device: measured on expected rewards."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from keyart_federated.worlds import SyntheticWorld
from keyart_federated.worlds.synthetic_catalog import TAGS

# Rewards of one title differ by taste alone; plays are rare, so the log of a reward is the logit and a constant.
QUIET = {"context": 0.0, "position_bias": 0.0, "play_rate": 0.002, "clickbait_share": 0.0}


def tastes(world: SyntheticWorld, ks: range) -> np.ndarray:
    """[devices, pictures]: log reward less the title's mean and everybody's, 0 where the title did not come up."""
    place = {title.id: n for n, title in enumerate(world.catalog)}
    found = np.full((world.devices, len(place), 10), np.nan)
    for i, k in itertools.product(range(world.devices), ks):
        log = np.log(world.expected_reward(i, k))
        found[i, place[world.impression(i, k)[0]]] = log - log.mean()
    return np.nan_to_num(found - np.nanmean(found, axis=0)).reshape(world.devices, -1)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_tags_tell_what_idiosyncrasy_leaves(share: float) -> None:
    world = SyntheticWorld(
        viewers=40, titles=24, impressions=400, popularity_exponent=0.0, idiosyncrasy=share, **QUIET
    )
    shown = np.array([[a.tags.get(tag, 0.0) for tag in TAGS] for title in world.catalog for a in title.artworks])
    told = (shown.reshape(24, 10, -1) - shown.reshape(24, 10, -1).mean(axis=1, keepdims=True)).reshape(240, -1)
    left, total = 0.0, 0.0
    for likes in tastes(world, range(400)):
        met = likes.reshape(24, 10).any(axis=1).repeat(10)
        fit = np.linalg.lstsq(told[met], likes[met], rcond=None)[0]
        left += np.sum((likes[met] - told[met] @ fit) ** 2)
        total += np.sum(likes[met] ** 2)
    free = 1 - np.linalg.matrix_rank(told) / 216  # a fit explains some of what is random, too; 9 of 10 are free
    assert left / total == pytest.approx(share * free, abs=0.06)


def test_untold_taste_shows_in_what_people_watch() -> None:
    settings = {"viewers": 80, "titles": 60, "impressions": 300, "history_views": 60, "popularity_exponent": 0.5}
    world = SyntheticWorld(**settings, idiosyncrasy=1.0, **QUIET)
    likes = tastes(world, range(300))
    place = {title.id: n for n, title in enumerate(world.catalog)}
    seen = np.zeros((80, 60))
    for i in range(80):
        for view in world.history(i):
            seen[i, place[view.title_id]] += view.seconds
    pairs = np.triu_indices(80, 1)
    assert np.corrcoef(np.corrcoef(seen)[pairs], np.corrcoef(likes)[pairs])[0, 1] > 0.3


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_taste_drifts_as_far_as_it_is_told_to(share: float) -> None:
    world = SyntheticWorld(viewers=300, titles=1, impressions=41, drift=share, idiosyncrasy=0.3, **QUIET)
    start, middle, end = (tastes(world, range(k, k + 1)) for k in (0, 20, 40))

    def alike(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])

    assert alike(start, end) == pytest.approx(np.sqrt(1 - share), abs=0.06)
    assert middle == pytest.approx((start + end) / 2, abs=0.02)
    assert end.std() == pytest.approx(start.std(), rel=0.08)


def test_two_people_share_a_device_at_different_hours() -> None:
    world = SyntheticWorld(viewers=50, titles=1, impressions=80, shared_devices=0.3, **QUIET)
    two = 0
    for i in range(50):
        hours: dict[bytes, set[int]] = {}
        for k in range(80):
            hours.setdefault(world.expected_reward(i, k).tobytes(), set()).add(world.impression(i, k)[1].at.hour)
        assert len(hours) <= 2
        two += len(hours) == 2
        if len(hours) == 2:
            one, other = hours.values()
            assert not one & other
            # Each keeps to twelve hours in one piece: from some hour on, all of the one's come before the other's.
            assert any(
                {(h - start) % 24 < 12 for h in one} == {True} and {(h - start) % 24 < 12 for h in other} == {False}
                for start in range(24)
            )
    assert two == 15
    alone = SyntheticWorld(viewers=50, titles=1, impressions=80, **QUIET)
    assert all(
        np.array_equal(alone.expected_reward(i, k), alone.expected_reward(i, 0)) for i in (0, 9) for k in (5, 70)
    )


def test_the_people_of_a_device_have_tastes_of_their_own() -> None:
    world = SyntheticWorld(viewers=200, titles=1, impressions=60, shared_devices=1.0, idiosyncrasy=0.5, **QUIET)
    pairs = []
    for i in range(200):
        rows = {world.expected_reward(i, k).tobytes(): np.log(world.expected_reward(i, k)) for k in range(60)}
        if len(rows) == 2:
            pairs.append([row - row.mean() for row in rows.values()])
    both = np.array(pairs) - np.mean(pairs, axis=(0, 1))
    assert len(pairs) > 150
    assert abs(np.corrcoef(both[:, 0].ravel(), both[:, 1].ravel())[0, 1]) < 0.1
    assert both[:, 0].std() == pytest.approx(both.std(), rel=0.1)
