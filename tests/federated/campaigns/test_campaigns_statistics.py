"""Statistics campaigns: rates with intervals that hold at all rounds, what is trending, who there is."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from support.campaign_readers import DAY, START, Fleet, campaign, epsilon, first_base, read, summed

from keyart import Artwork, Catalog, Title
from keyart.campaigns.kinds.segments import SegmentLayout
from keyart.campaigns.kinds.trending import TRENDING_BUCKETS
from keyart.errors import InputError
from keyart_federated.campaigns import DeployedModel, Finished, RoundRequest, Wait, ask, trending
from keyart_federated.worlds import SyntheticWorld

SETTINGS = {"wanted": 2000, "minimum_devices": 1600, "hours": 24.0, "cohorts": 1}


@pytest.fixture(scope="module")
def world() -> SyntheticWorld:
    return SyntheticWorld(viewers=200, titles=12, artworks=3, impressions=30)


@pytest.fixture(scope="module")
def base(world, tmp_path_factory) -> DeployedModel:
    return first_base(tmp_path_factory.mktemp("base"), world.catalog)


def rated(layout: SegmentLayout, rng: np.random.Generator, devices: int, rate: float) -> np.ndarray:
    """Vectors of devices that all have decisions in "all" and in the first segment, at a rate of their own."""
    z = rng.beta(4 * rate, 4 * (1 - rate), devices)
    parts = np.zeros((devices, 3, len(layout.segments)))
    parts[:, :, :2] = np.stack([np.ones(devices), z, z**2], axis=1)[..., None]
    return parts.reshape(devices, -1) * layout.weights


def test_rates_are_told_by_segment_and_narrow_round_by_round(base):
    one, state, layout = campaign("statistics", SETTINGS, rounds=4), None, SegmentLayout.of("rates", base.spec)
    rng, widths, events, at = np.random.default_rng(5), [], [], START
    for number in range(1, 5):
        asked = ask(one, state, number, 0, base, at)
        assert isinstance(asked, RoundRequest) and (asked.offer.topic, asked.offer.size) == ("rates", layout.size)
        assert asked.offer.since == at.timestamp() - 86_400
        events.append(asked.event)
        found = read(one, state, asked, summed(asked.offer, rated(layout, rng, 2000, 0.3), number), 2000, base)
        state = found.state
        segments = found.result["segments"]
        assert list(segments) == list(layout.segments)
        told = segments["all"]
        assert told["low"] < 0.3 < told["high"] and told["last"] == pytest.approx(0.3, abs=4 * told["error"])
        assert told["devices"] == pytest.approx(2000, rel=0.2)
        widths.append(told["high"] - told["low"])
        assert segments["daypart:night"]["rate"] is None  # nobody was there: noise drowns it
        json.dumps(found.result, allow_nan=False)
        assert isinstance(ask(one, state, number + 1, 0, base, at), Wait | Finished)
        at += DAY
    assert sorted(widths, reverse=True) == widths and widths[-1] < 0.7 * widths[0]
    assert ask(one, state, 5, 0, base, at) == Finished({"rounds": 4})
    assert 0.999 * 4.0 < epsilon(events) <= 4.0


@pytest.mark.slow
def test_the_interval_holds_at_every_round_of_nearly_every_campaign(base):
    """Of 200 campaigns of six rounds, no more miss the truth, ever, than one in twenty may by chance."""
    one, layout = campaign("statistics", SETTINGS | {"hours": 0}, rounds=6), SegmentLayout.of("rates", base.spec)
    asked = ask(one, None, 1, 0, base, START)
    rng, missed = np.random.default_rng(8), 0
    for _ in range(200):
        state, ever = None, False
        for _ in range(6):
            exact = 4096 * rated(layout, rng, 2000, 0.3).sum(axis=0)
            noise = rng.normal(scale=np.sqrt(asked.offer.variance * 2000), size=layout.size)
            found = read(one, state, asked, np.rint(exact + noise).astype(np.int64), 2000, base)
            state, told = found.state, found.result["segments"]["all"]
            ever = ever or not told["low"] <= 0.3 <= told["high"]
        missed += ever
    assert missed <= 17  # binomial(200, .05), but for one in a hundred


def test_failed_rounds_count_only_where_they_were_paid_for(base):
    one = campaign("statistics", SETTINGS, rounds=2)
    assert isinstance(ask(one, None, 9, 0, base, START), RoundRequest)
    assert isinstance(ask(one, None, 9, 2, base, START), Finished)


def test_what_is_trending_is_kept_for_display_and_not_told(base, world):
    one = campaign("statistics", SETTINGS | {"topic": "trending"}, rounds=1)
    asked = ask(one, None, 1, 0, base, START)
    titles = len(world.catalog)
    assert asked.offer.size == titles * TRENDING_BUCKETS and asked.offer.since == START.timestamp() - 86_400
    vectors = np.zeros((2000, titles, TRENDING_BUCKETS))
    vectors[:1200, 7, -1] = 1.0
    vectors[1200:1500, 2, -1] = 1.0
    found = read(one, None, asked, summed(asked.offer, vectors.reshape(2000, -1)), 2000, base)
    assert found.result["titles"] == titles and found.result["above_noise"] >= 1
    assert not any(title.id in json.dumps(found.result) for title in world.catalog)
    listed = trending(found.state, world.catalog)
    assert [title for title, _, _ in listed[:2]] == [world.catalog.titles[t].id for t in (7, 2)]
    _, plays, error = listed[0]
    assert plays == pytest.approx(1200, abs=4 * error)
    assert len(listed) == titles and trending(None, world.catalog) == []
    grown = Catalog.from_titles([*world.catalog, Title("new", artworks=[Artwork("new/a")])])
    with pytest.raises(InputError, match="changed"):
        trending(found.state, grown)


def test_who_there_is_is_told_as_shares(base, world):
    settings = {"topic": "population", "wanted": 200, "minimum_devices": 180}
    one = campaign("statistics", settings, epsilon=50.0, rounds=1)
    fleet = Fleet(world, base, impressions=30)
    fleet.live(20)
    asked = ask(one, None, 1, 0, base, START)
    told = read(one, None, asked, fleet.total(asked), 200, base).result
    devices = np.bincount(fleet.devices.journal.device[:, :20].ravel(), minlength=5) / (200 * 20)
    names = [name for name in told["contexts"] if name.startswith("device:")]
    assert [told["contexts"][name] for name in names] == pytest.approx(devices, abs=5 * told["contexts_error"])
    assert told["contexts_error"] < 0.05 and told["history"] == pytest.approx(1.0, abs=0.05)
    dayparts = [value for name, value in told["contexts"].items() if name.startswith("daypart:")]
    assert sum(dayparts) == pytest.approx(1.0)


@pytest.mark.parametrize("topic", ["rates", "trending", "population"])
@pytest.mark.parametrize("how", ["long", "entry", "short"])
def test_a_hostile_sum_is_refused_and_nothing_is_forgotten(base, topic, how):
    one = campaign("statistics", SETTINGS | {"topic": topic, "hours": 0}, rounds=3)
    asked = ask(one, None, 1, 0, base, START)
    good = read(one, None, asked, np.zeros(asked.offer.size, dtype=np.int64), 2000, base)
    bad = np.full(asked.offer.size, 2**40 if how == "long" else 0)
    if how == "entry":
        bad[3] = -(2**63)
    found = read(one, good.state, asked, bad[:-1] if how == "short" else bad, 2000, base)
    assert found.result["used"] is False and found.result["reason"]
    after = ask(one, found.state, 3, 0, base, START)
    assert isinstance(after, RoundRequest)
    assert isinstance(ask(one, found.state, 4, 1, base, START), Finished)


def test_a_catalogue_that_changes_meanwhile_costs_a_round(base, world):
    one = campaign("statistics", SETTINGS | {"topic": "trending"}, rounds=3)
    asked = ask(one, None, 1, 0, base, START)
    grown = Catalog.from_titles([*world.catalog, Title("new", artworks=[Artwork("new/a")])])
    total = np.zeros(asked.offer.size, dtype=np.int64)
    found = read(one, None, asked, total, 2000, replace(base, catalog=grown))
    assert found.result["used"] is False and "catalogue" in found.result["reason"]
