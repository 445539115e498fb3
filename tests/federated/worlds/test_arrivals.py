"""Pictures that arrive half-way: never the best before, like any other after."""

from __future__ import annotations

import numpy as np
import pytest

from keyart_federated.worlds import SyntheticWorld
from keyart_federated.worlds.arrivals import ABSENT_LOGITS, drawn_arrivals


def test_a_late_picture_is_never_the_best_before_it_arrives() -> None:
    world = SyntheticWorld(viewers=150, titles=6, impressions=60, arrivals=0.3, seed=1)
    late = drawn_arrivals(6, 10, 0.3, 60, 1)[0].reshape(6, 10) < 0
    place = {title.id: n for n, title in enumerate(world.catalog)}
    best = np.array(
        [
            [late[place[world.impression(i, k)[0]], world.expected_reward(i, k).argmax()] for k in range(60)]
            for i in range(150)
        ]
    )
    assert not best[:, :30].any()
    assert best[:, 30:].mean() == pytest.approx(0.3, abs=0.1)


def test_before_it_arrives_hardly_anybody_plays_it() -> None:
    world = SyntheticWorld(viewers=150, titles=6, impressions=60, arrivals=0.3, seed=1)
    late = drawn_arrivals(6, 10, 0.3, 60, 1)[0].reshape(6, 10) < 0
    played = np.zeros((2, 2, 2))
    for n, title in enumerate(world.catalog):
        for i in range(150):
            for k in range(60):
                if world.impression(i, k)[0] == title.id:
                    for a, artwork in enumerate(title.artworks):
                        got = world.outcome(i, k, artwork.id).kind == "played"
                        played[k // 30, int(late[n, a])] += [got, 1]
    rate = played[:, :, 0] / played[:, :, 1]
    assert rate[0, 1] < 0.03 < 0.1 < rate[0, 0]
    assert rate[1, 1] == pytest.approx(rate[1, 0], rel=0.15)


@pytest.mark.parametrize(("share", "each"), [(0.0, 0), (0.2, 2), (1.0, 9)])
def test_so_many_of_each_title_are_late_and_one_is_there(share: float, each: int) -> None:
    lacking = drawn_arrivals(5, 10, share, 7, 0)
    assert ((lacking[0].reshape(5, 10) == -ABSENT_LOGITS).sum(axis=1) == each).all()
    assert (lacking[:3] == lacking[0]).all()
    assert not lacking[3:].any()
    assert not drawn_arrivals(5, 1, 1.0, 7, 0).any()
