"""Context, view, outcome, reward: what they accept, and what counts as success."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from support.catalogs import EVENING

from keyart import Context, Outcome, Reward, View
from keyart.context import DEVICE_ALIASES, DEVICES
from keyart.errors import ContextError, HistoryError, SettingError

NAIVE = EVENING.replace(tzinfo=None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": NAIVE},
        {"at": "today"},
        {"at": EVENING.date()},
        {"device": ""},
        {"device": " "},
        {"device": None},
        {"slot": -1},
        {"slot": 1.5},
        {"slot": True},
        {"trending": {"t": math.nan}},
        {"trending": ["t"]},
        {"intent": {"genre:drama": math.inf}},
        {"intent": {"genre:drama": "much"}},
        {"max_maturity": "FSK 13"},
        {"max_maturity": 13},
        {"slot": 1_000_000},
        {"slot": 10**5000},
        {"trending": {"t": 1e300}},
        {"intent": {"genre:drama": 10**5000}},
        {"device": ["x" * 9000]},
    ],
    ids=" ".join,
)
def test_wrong_context(wrong):
    with pytest.raises(ContextError) as caught:
        Context(**{"device": "tv", "at": EVENING, **wrong})
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("word", "device"),
    [
        *((device, device) for device in (*DEVICES, "other")),
        *DEVICE_ALIASES.items(),
        ("TV", "tv"),
        (" Tv ", "tv"),
        ("Smart-TV", "tv"),
        ("set-top_box", "tv"),
        ("SMARTPHONE", "phone"),
        ("iPad", "tablet"),
        ("Desktop", "desktop"),
        ("Other", "other"),
        ("Fridge", "fridge"),
    ],
)
def test_device_classes_are_the_same_in_any_spelling(word, device):
    assert Context(word, EVENING).device == device == View("t", EVENING, 60, word).device


def test_another_device_is_no_secret(caplog):
    for _ in range(3):
        assert Context("Wrist Computer", EVENING).device == "wrist computer"
    assert caplog.text.count("models treat it as 'other'") == 1 and "wrist" not in caplog.text.lower()


def test_the_same_at_another_slot():
    context = Context("tv", EVENING, slot=3, trending={"t": 0.5}, intent={"faces": 1.0}, max_maturity="13+")
    assert context.at_slot(7) == Context("tv", EVENING, 7, {"t": 0.5}, {"faces": 1.0}, "13+")
    assert context.slot == 3


def test_dayparts_are_by_the_viewers_clock():
    parts = {hour: Context("tv", EVENING.replace(hour=hour)).daypart for hour in range(24)}
    assert {h for h, p in parts.items() if p == "night"} == {23, 0, 1, 2, 3, 4}
    assert {h for h, p in parts.items() if p == "morning"} == set(range(5, 12))
    assert {h for h, p in parts.items() if p == "afternoon"} == set(range(12, 17))
    assert {h for h, p in parts.items() if p == "evening"} == set(range(17, 23))
    moment = datetime(2026, 5, 1, 20, tzinfo=UTC)
    there = moment.astimezone(timezone(timedelta(hours=9)))
    assert (Context("tv", moment).daypart, Context("tv", there).daypart) == ("evening", "morning")


@pytest.mark.parametrize(
    "wrong",
    [
        {"title_id": ""},
        {"title_id": 3},
        {"at": NAIVE},
        {"seconds": -1},
        {"seconds": math.nan},
        {"seconds": math.inf},
        {"seconds": "90"},
        {"seconds": True},
        {"device": ""},
        {"device": "\t"},
    ],
    ids=str,
)
def test_wrong_view(wrong):
    with pytest.raises(HistoryError):
        View(**{"title_id": "t", "at": EVENING, "seconds": 60, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Outcome("liked"),
        lambda: Outcome.played(-1),
        lambda: Outcome.played(math.nan),
        lambda: Outcome.played("9"),
    ],
)
def test_wrong_outcome(wrong):
    with pytest.raises(HistoryError):
        wrong()


@pytest.mark.parametrize(
    ("outcome", "duration", "reward"),
    [
        (Outcome.played(900), 0, 1),  # a quarter of an hour, whatever the title's length
        (Outcome.played(899), 0, 0),
        (Outcome.played(899), 7200, 0),
        (Outcome.played(420), 600, 1),  # 70 % of a short one
        (Outcome.played(419), 600, 0),
        (Outcome.opened(), 600, 0),
        (Outcome.skipped(), 600, 0),
        (Outcome("opened", 5000), 600, 0),
    ],
)
def test_reward(outcome, duration, reward):
    assert Reward().of(outcome, duration) == reward


def test_thresholds_are_settings():
    assert Reward(quality_seconds=60).of(Outcome.played(60), 0) == 1
    assert Reward(quality_share=0.1).of(Outcome.played(60), 600) == 1
    for wrong in (
        {"quality_seconds": 0},
        {"quality_seconds": math.nan},
        {"quality_share": 0},
        {"quality_share": 1.1},
    ):
        with pytest.raises(SettingError):
            Reward(**wrong)
