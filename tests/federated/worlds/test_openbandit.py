"""Open Bandit logs are read as they were written, and their world clicks at their rates. What needs the data is
skipped where they cannot be had.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from support.services import missing

import keyart
from keyart.errors import DataUnavailable, SettingError, WorldError
from keyart_federated.world import World
from keyart_federated.worlds import OpenBanditLog, OpenBanditWorld, load

CLICKS = {
    ("all", "random"): 38,
    ("all", "bts"): 42,
    ("men", "random"): 46,
    ("men", "bts"): 69,
    ("women", "random"): 46,
    ("women", "bts"): 46,
}
ITEMS = {"all": 80, "men": 34, "women": 46}


@pytest.fixture(scope="module")
def logs(downloads: None) -> dict[tuple[str, str], OpenBanditLog]:
    try:
        return {key: OpenBanditLog.load(*key) for key in CLICKS}
    except DataUnavailable as error:
        missing(f"Open Bandit cannot be fetched: {error}")


@pytest.fixture(scope="module")
def world(logs: dict[tuple[str, str], OpenBanditLog]) -> OpenBanditWorld:
    return OpenBanditWorld(impressions=60, campaign="men")


@pytest.fixture
def written(tmp_path: Path) -> OpenBanditLog:
    """Three items; user "a a a a" is seen at rows 0, 2 and 3, "b a a a" at row 1."""
    head = "timestamp,item_id,position,click,propensity_score," + ",".join(f"user_feature_{n}" for n in range(4))
    rows = [
        "2019-11-23 15:00:00+00:00,0,1,1,0.25,a,a,a,a",
        "2019-11-23 16:30:00.5+00:00,2,3,0,0.5,b,a,a,a",
        "2019-11-24 15:00:00+00:00,2,2,1,0.5,a,a,a,a",
        "2019-11-25 15:00:00+00:00,0,1,0,0.25,a,a,a,a",
    ]
    (tmp_path / "log.csv").write_text("\n".join([head, *rows]) + "\n")
    items = [
        "item_id,item_feature_0,item_feature_1,item_feature_2,item_feature_3",
        "2,1,f,f,f",
        "1,1,f,e,f",
        "0,-1,d,e,f",
    ]
    (tmp_path / "items.csv").write_text("\n".join(items) + "\n")
    return OpenBanditLog.read(tmp_path / "log.csv", tmp_path / "items.csv")


def test_reads_what_is_written(written: OpenBanditLog) -> None:
    assert written.reward.tolist() == [1, 0, 1, 0]
    assert written.propensity.tolist() == [0.25, 0.5, 0.5, 0.25]
    assert written.position.tolist() == [0, 2, 1, 0]
    assert written.item.tolist() == [0, 2, 2, 0]
    assert written.features.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert written.hour.tolist() == [0, 1, 24, 48]  # 15:00 in UTC is midnight in Japan
    assert written.items[0] == {"feature-1:d": 1.0, "feature-2:e": 1.0, "feature-3:f": 1.0}


def test_rates_and_groups(written: OpenBanditLog) -> None:
    assert written.click_rates().tolist() == [0.5, 0.0, 0.5]
    assert [rows.tolist() for rows in written.groups()] == [[0, 2, 3], [1]]


@pytest.mark.parametrize("wrong", [{"campaign": "kids"}, {"policy": "greedy"}])
def test_an_unknown_log_is_named(wrong: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=next(iter(wrong))):
        OpenBanditLog.load(**wrong, cache=tmp_path)


@pytest.mark.parametrize("wrong", [{"impressions": 0}, {"viewers": 0}, {"seed": -1}, {"campaign": "kids"}])
def test_a_setting_outside_of_its_range_is_named(wrong: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=next(iter(wrong))):
        load("openbandit", cache=tmp_path, **wrong)


def test_no_network(tmp_path: Path) -> None:
    def offline(arguments: Sequence[str]) -> None:
        assert arguments[-1] == "obp==0.4.1"
        raise DataUnavailable("no network")

    with pytest.raises(DataUnavailable, match="no network"):
        OpenBanditLog.load("women", "bts", tmp_path, offline)


def test_the_logs_are_the_published_ones(logs: dict[tuple[str, str], OpenBanditLog]) -> None:
    for (campaign, policy), log in logs.items():
        assert log.reward.sum() == CLICKS[campaign, policy]
        assert {len(column) for column in (log.reward, log.propensity, log.position, log.item, log.hour)} == {10_000}
        assert log.features.shape == (10_000, 4)
        assert len(log.items) == ITEMS[campaign] == len(np.unique(log.item))
        assert set(log.position.tolist()) == {0, 1, 2}
        assert (np.diff(log.hour) >= 0).all()
        if policy == "random":
            assert log.propensity == pytest.approx(1 / ITEMS[campaign])
        else:
            assert log.propensity.min() < 0.5 / ITEMS[campaign] < 0.5 < log.propensity.max() <= 1


def test_the_hours_are_those_of_japan(logs: dict[tuple[str, str], OpenBanditLog]) -> None:
    by_hour = np.bincount(logs["all", "random"].hour % 24, minlength=24)
    assert by_hour[20:].sum() > 3 * by_hour[2:6].sum()


def test_rates_add_up_to_the_clicks(logs: dict[tuple[str, str], OpenBanditLog]) -> None:
    for log in logs.values():
        assert log.click_rates()[log.item].sum() == pytest.approx(log.reward.sum())


def test_is_a_world_of_rows(world: OpenBanditWorld, logs: dict[tuple[str, str], OpenBanditLog]) -> None:
    log = logs["men", "random"]
    assert isinstance(world, World)
    assert world.devices == len(log.groups()) == 230
    (title,) = world.catalog
    assert [dict(artwork.tags) for artwork in title.artworks] == list(log.items)
    groups = log.groups()
    for i, k in [(0, 0), (0, 59), (40, 3), (229, 0)]:
        row = groups[i][k % len(groups[i])]
        title_id, context = world.impression(i, k)
        assert (title_id, context.slot) == ("men", log.position[row])
        assert context.at.hour == log.hour[row] % 24
    assert all(not world.history(i) for i in range(230))


def test_a_device_with_few_rows_starts_over_a_week_later(world: OpenBanditWorld) -> None:
    assert world.devices == 230
    first, again = world.impression(229, 0)[1], world.impression(229, 1)[1]
    assert (again.at - first.at).days == 7
    moments = [world.impression(200, k)[1].at for k in range(60)]
    assert moments == sorted(moments)


def test_clicks_come_at_the_items_rates(world: OpenBanditWorld, logs: dict[tuple[str, str], OpenBanditLog]) -> None:
    rates = logs["men", "random"].click_rates()
    pairs = list(itertools.product(range(230), range(60)))
    assert all(world.expected_reward(*p) == pytest.approx(rates, rel=1e-5, abs=1e-30) for p in pairs[::500])
    reward = keyart.Reward()
    artworks = world.catalog.titles[0].artworks
    for a in [*np.argsort(-rates)[:4], int(rates.argmin())]:
        got = sum(reward.of(world.outcome(*p, artworks[a].id), 0.0) for p in pairs)
        assert got == pytest.approx(len(pairs) * rates[a], abs=4 * np.sqrt(len(pairs) * rates[a]))


def test_the_same_draw_whatever_is_asked_first(world: OpenBanditWorld) -> None:
    again = OpenBanditWorld(impressions=60, campaign="men", viewers=20)
    best = world.catalog.titles[0].artworks[int(world.expected_reward(0, 0).argmax())].id
    pairs = list(itertools.product(range(20), range(60)))
    forward = {p: world.outcome(*p, best) for p in pairs}
    assert {p: again.outcome(*p, best) for p in pairs[::-1]} == forward
    other = OpenBanditWorld(impressions=60, campaign="men", viewers=20, seed=1)
    assert {p: other.outcome(*p, best) for p in pairs} != forward
    with pytest.raises(WorldError, match="20 devices and 60 impressions"):
        again.impression(20, 0)
    with pytest.raises(WorldError, match="no artwork"):
        again.outcome(0, 0, "women/00")
