"""Clocks that are set back, summer time and travel: what is kept, what counts as skipped, and in which order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.catalogs import EVENING, TV, Clock

import keyart

BERLIN, TOKYO = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo")
HOUR = timedelta(hours=1)


def sticky(open_art, hours=24, **settings):
    return open_art(policy=keyart.Policy(stickiness=hours * HOUR), **settings)


@pytest.mark.parametrize(
    ("first", "hours", "kept"),
    [
        # In the night of the 29th of March 2026 one hour is missing; in that of the 25th of October it comes twice.
        (datetime(2026, 3, 28, 19, 30, tzinfo=BERLIN), 23.5, True),
        (datetime(2026, 3, 28, 19, 30, tzinfo=BERLIN), 24, False),
        (datetime(2026, 10, 24, 19, 30, tzinfo=BERLIN), 23.5, True),
        (datetime(2026, 10, 24, 19, 30, tzinfo=BERLIN), 24, False),
    ],
)
def test_stickiness_counts_hours_that_passed_and_not_those_of_the_wall(open_art, dial, first, hours, kept):
    art = sticky(open_art)
    dial.number = 0.1
    shown = art.choose("t0", keyart.Context("tv", first))
    later = (first.astimezone(UTC) + hours * HOUR).astimezone(BERLIN)  # one time zone object, as apps have it
    assert art.choose("t0", keyart.Context("tv", later)).sticky == kept and not shown.sticky


def test_travel_changes_the_daypart_and_not_the_hours(open_art, dial):
    art = sticky(open_art)
    art.choose("t0", keyart.Context("tv", EVENING))
    elsewhere = (EVENING + HOUR).astimezone(TOKYO)  # 4 at night there: another daypart, another picture
    assert not art.choose("t0", keyart.Context("tv", elsewhere)).sticky
    assert art.choose("t0", keyart.Context("tv", elsewhere + HOUR / 2)).sticky
    assert art.choose("t0", keyart.Context("tv", EVENING + 2 * HOUR)).sticky  # and at home the old one


def test_a_clock_that_was_set_back_draws_once_and_then_keeps(open_art, dial):
    art = sticky(open_art)
    art.choose("t0", TV)
    back = [art.choose("t0", keyart.Context("tv", EVENING - timedelta(days=2) + i * HOUR / 4)) for i in range(4)]
    assert [decision.sticky for decision in back] == [False, True, True, True]


@pytest.mark.parametrize("hours", [5, -5, -30_000])
def test_silence_counts_as_a_skip_also_after_the_clock_was_set_back(open_art, hours):
    clock = Clock()
    art = open_art(clock=clock)
    decision = art.choose("t0", TV)
    assert art.seen(decision.id)
    clock.now = EVENING + timedelta(minutes=-30)  # a little: nothing yet
    art.flush()
    assert not art.export()["outcomes"]
    clock.now = EVENING + hours * HOUR
    art.flush()
    assert [outcome["kind"] for outcome in art.export()["outcomes"]] == ["skipped"]


def test_events_are_in_the_order_in_which_they_came(open_art, clock):
    """Whatever the clock says: what is learned is the same, now and after the next open."""
    with open_art(clock=clock) as art:
        ids = []
        for days in (0, -800, 3, -1):
            clock.now = EVENING + timedelta(days=days)
            decision = art.choose("t0", keyart.Context("tv", clock.now))
            art.observe(decision.id, keyart.Outcome.played(2400) if days < 0 else keyart.Outcome.skipped())
            ids.append(decision.id)
        learned = art.export()["learned"]
    with open_art(clock=clock) as art:
        document = art.export()
        assert [entry["id"] for entry in document["decisions"]] == ids
        assert document["learned"] == pytest.approx(learned)
