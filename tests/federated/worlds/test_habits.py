"""What comes up, for whom, and what was watched before."""

from __future__ import annotations

import numpy as np
import pytest

from keyart_federated.worlds import SyntheticWorld
from keyart_federated.worlds.synthetic_catalog import made_up_catalog
from keyart_federated.worlds.synthetic_people import People
from keyart_federated.worlds.viewing_habits import Habits, shown, watched


@pytest.mark.parametrize("exponent", [0.0, 1.0, 3.0])
def test_titles_come_up_by_their_rank(exponent: float) -> None:
    world = SyntheticWorld(viewers=300, titles=50, artworks=2, impressions=100, popularity_exponent=exponent)
    counts = dict.fromkeys((title.id for title in world.catalog), 0)
    for i in range(300):
        for k in range(100):
            counts[world.impression(i, k)[0]] += 1
    stated = (np.arange(50) + 10.0) ** -exponent
    stated /= stated.sum()
    share = np.sort(list(counts.values()))[::-1] / 30_000
    # What suits the viewers moves titles a little, too.
    assert share[:10].sum() == pytest.approx(stated[:10].sum(), abs=0.08)
    assert share[25:].sum() == pytest.approx(stated[25:].sum(), abs=0.08)


def test_cold_start_takes_the_history_of_so_many_and_of_nobody_else() -> None:
    settings = {"viewers": 60, "titles": 10, "artworks": 2, "impressions": 4, "seed": 8}
    cold, warm = SyntheticWorld(**settings, cold_start=0.25), SyntheticWorld(**settings)
    none = [i for i in range(60) if not cold.history(i)]
    assert len(none) == 15
    assert all(cold.history(i) == warm.history(i) for i in range(60) if i not in none)
    assert all(len(warm.history(i)) == 15 for i in range(60))


def test_each_person_of_a_device_gets_and_watches_what_suits_them() -> None:
    """Owners are suited by title 0 alone, the partner of device 0 by title 1 alone."""
    catalog, _ = made_up_catalog(2, 2, 0.0, 1.0, 0)
    match = np.array([[30.0, -30.0], [30.0, -30.0], [-30.0, 30.0]])
    people = People(match, np.zeros((3, 4)), None, np.array([2, 1]))
    habits = Habits(np.ones((2, 3)), np.ones((2, 24)), np.array([22, 22]))
    page = np.full((1, 2), 0.5)
    found = shown(people, habits, page, 200, 1)
    away = (found.hour - 22) % 24 >= 12
    assert found.person is not None
    assert np.array_equal(found.person[0], np.where(away[0], 0, 2))
    assert np.array_equal(found.title[0], np.where(away[0], 0, 1))
    assert not found.title[1].any()
    assert 60 < away[0].sum() < 140
    first, second = watched(people, habits, page[0], catalog, 100, 0.0, 1)
    assert [title == 1 for title in first.title] == [(at // 3600 - 22) % 24 < 12 for at in first.at]
    assert not any(second.title)
    # Nearly all are watched to the end: each was chosen by whom it suits.
    assert np.mean(np.array(first.seconds) > 0.8 * np.array([catalog.titles[t].duration for t in first.title])) > 0.95
