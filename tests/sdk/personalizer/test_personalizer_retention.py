"""Retention: what was written longer ago than allowed goes by itself, and what was learned from it, too."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from support.catalogs import EVENING, play_favourite

import keyart
from keyart.errors import SettingError
from keyart.profile import session as session_module
from keyart.store.database import Table

DAY = timedelta(days=1)


def live(art: keyart.Personalizer, title: str, favourite: str) -> None:
    art.record(keyart.View(title, EVENING, 5000))
    play_favourite(art, favourite, 10, title)


def sizes(art: keyart.Personalizer) -> tuple[int, int]:
    document = art.export()
    return len(document["views"]), len(document["decisions"])


@pytest.mark.parametrize(("settings", "days"), [({}, 90), ({"retention_days": 7}, 7), ({"retention_days": 365}, 365)])
def test_after_so_many_days(open_art, clock, settings, days):
    with open_art(clock=clock, **settings) as art:
        live(art, "t0", "t0/a")
        clock.now += DAY
        live(art, "t1", "t1/b")
    clock.now += (days - 1) * DAY
    with open_art(clock=clock, **settings) as art:
        assert sizes(art) == (2, 20)
    clock.now += DAY
    art = open_art(clock=clock, **settings)
    art.flush()
    assert sizes(art) == (1, 10)
    clock.now -= days * DAY
    only = open_art(path="only", keys=keyart.EphemeralKey(), clock=clock)
    live(only, "t1", "t1/b")
    np.testing.assert_allclose(
        art._session.custody.profile.learner.head.mean, only._session.custody.profile.learner.head.mean, atol=1e-6
    )
    np.testing.assert_allclose(
        art._session.custody.profile.viewer().affinity, only._session.custody.profile.viewer().affinity, atol=1e-6
    )


def test_by_itself(open_art, clock, monkeypatch):
    """Without a call: the app opens the profile, and a moment later the old entries are gone."""
    monkeypatch.setattr(session_module, "HOUSEKEEPING_SECONDS", 0.05)
    with open_art(clock=clock) as art:
        live(art, "t0", "t0/a")
    clock.now += 91 * DAY
    art = open_art(clock=clock)
    for _ in range(400):
        with art._session.writing:
            if not art._session.custody.store.count(Table.DECISION) and not art._session.custody.store.count(
                Table.VIEW
            ):
                break
        art._session._house._timer and art._session._house._timer.join(0.05)
    assert sizes(art) == (0, 0) and not art.export()["learned"]


def test_a_short_visit_is_enough(open_art, clock):
    with open_art(clock=clock) as art:
        live(art, "t0", "t0/a")
    clock.now += 91 * DAY
    open_art(clock=clock).close()
    assert sizes(open_art(clock=clock)) == (0, 0)


def test_also_after_the_consent_was_withdrawn(open_art, clock):
    with open_art(clock=clock) as art:
        live(art, "t0", "t0/a")
        art.consent.withdraw("personalization")
    clock.now += 91 * DAY
    with open_art(consent="", clock=clock) as art:
        pass
    art = open_art(consent="", clock=clock)
    assert sizes(art) == (0, 0) and not art._session.custody.store.count(Table.HEAD)


def test_an_imported_history_counts_and_goes_little_by_little(open_art, clock):
    """`test_event_log` has the days."""
    with open_art(clock=clock) as art:
        assert art.record_many(keyart.View(f"t{i}", EVENING - 45 * i * DAY, 5000) for i in range(6)) == 6
    left = []
    for _ in range(7):
        open_art(clock=clock).close()  # a short visit is enough
        with open_art(clock=clock) as art:
            left.append(sizes(art)[0])
        clock.now += 15 * DAY + timedelta(hours=6)
    assert left[0] == 6 and left == sorted(left, reverse=True) and left[-1] == 0 and len(set(left)) >= 4


@pytest.mark.parametrize("days", [0, -1, 366, 90.0, True, "90", None])
def test_wrong_setting(open_art, days):
    with pytest.raises(SettingError, match="1 to 365"):
        open_art(retention_days=days)
