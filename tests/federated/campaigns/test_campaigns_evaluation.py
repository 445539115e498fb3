"""Judging a model: an evaluation as a campaign, and the two questions of the gates."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from support.campaign_readers import DAY, KEY, START, campaign, read, summed

from keyart.campaigns.kinds.evaluation import EvaluationLayout, candidate_model, evaluation_vector
from keyart.campaigns.kinds.segments import SegmentLayout
from keyart.errors import RoundFailed, SettingError
from keyart_federated.campaigns import (
    Finished,
    PrivateSum,
    RoundRequest,
    Wait,
    ask,
    compares,
    own_offer,
    read_comparison,
    request_comparison,
    request_guard,
    rollout_plan_of,
)
from keyart_federated.campaigns.bundle_model import installed

SETTINGS = {"version": 2, "wanted": 500, "minimum_devices": 400, "cohorts": 1}


def replayed(rng: np.random.Generator, devices: int) -> np.ndarray:
    """Devices whose candidate would have had a reward of about .4 a decision."""
    rows = []
    for _ in range(devices):
        w, r = rng.uniform(0.5, 1.5, 20), (rng.random(20) < 0.4).astype(float)
        rows.append(evaluation_vector(EvaluationLayout(), w, r))
    return np.array(rows)


def test_a_bundle_is_judged_by_those_that_train_no_model(base):
    one = campaign("evaluation", SETTINGS, rounds=1, epsilon=8.0)
    asked = ask(one, None, 1, 0, base, START)
    assert isinstance(asked, RoundRequest) and (asked.low, asked.high) == (0.0, 0.1)
    offer = asked.offer
    assert (offer.kind, offer.topic, offer.model_version) == ("evaluation", "", 1)
    assert offer.since == START.timestamp() - 14 * 86_400
    model = candidate_model(installed(base.bundle, base.catalog), offer.numbers)
    theirs = installed(base.others[2], base.catalog)
    np.testing.assert_allclose(model.weights.flat(), theirs.weights.flat(), rtol=1e-6)
    np.testing.assert_allclose(model.appeal, theirs.appeal, rtol=1e-6)
    found = read(one, None, asked, summed(offer, replayed(np.random.default_rng(1), 2000)), 2000, base)
    told = found.result
    assert told["used"] and told["low"] < 0.4 < told["high"] and told["high"] - told["low"] < 0.2
    assert told["logged"] == pytest.approx(0.4, abs=0.1) and told["version"] == 2
    json.dumps(told, allow_nan=False)
    assert isinstance(ask(one, found.state, 2, 0, base, START + DAY), Finished)


def test_a_version_that_is_not_here_is_waited_for(base):
    waits = ask(campaign("evaluation", {"version": 9}), None, 1, 0, base, START)
    assert isinstance(waits, Wait) and "version 9" in waits.reason
    assert isinstance(ask(campaign("evaluation", {"version": 1}), None, 1, 0, base, START), RoundRequest)


@pytest.mark.parametrize("value", [0, 10**12, -(10**12)])
def test_a_sum_that_tells_nothing_is_not_used(base, value):
    one = campaign("evaluation", SETTINGS, rounds=2)
    asked = ask(one, None, 1, 0, base, START)
    found = read(one, None, asked, np.full(7, value), 500, base)
    assert found.result["used"] is False and found.result["reason"]


def differing(layout: SegmentLayout, rng: np.random.Generator, devices: int, y: float) -> np.ndarray:
    """Vectors of devices with decisions in all segments and a mean value of y."""
    z = np.clip(rng.normal(y, 0.05, devices) / layout.reach, -1, 1)
    parts = np.stack([np.ones(devices), z, z**2], axis=1)[..., None].repeat(len(layout.segments), axis=2)
    return parts.reshape(devices, -1) * layout.weights


def test_a_candidate_is_compared_by_segment_on_devices_that_are_held_out(base):
    one = campaign("training", {"wanted": 4000, "minimum_devices": 4000, "gates": 0.5, "cohorts": 1}, rounds=2)
    asked = request_comparison(base.others[2], base, one, 5, START)
    offer = asked.offer
    assert (offer.kind, offer.topic, offer.round, asked.low, asked.high) == ("evaluation", "compare", 5, 0.0, 0.1)
    layout = SegmentLayout.of("compare", base.spec)
    total = summed(offer, differing(layout, np.random.default_rng(2), 4000, 0.03))
    found = read_comparison(PrivateSum(own_offer(offer.sign(KEY)), total, 4000), base)
    assert list(found) == list(layout.segments)
    assert found["all"].mean == pytest.approx(0.03, abs=4 * found["all"].standard_error)
    assert found["all"].standard_error < 0.02


def test_the_guard_asks_devices_of_either_version_since_the_roll_out(base):
    one = campaign("training", {"wanted": 4000, "minimum_devices": 4000, "gates": 0.5, "cohorts": 1}, rounds=2)
    since = START - timedelta(hours=5)
    layout, rates = SegmentLayout.of("rates", base.spec), {}
    for number, version in enumerate((2, 1), start=6):
        asked = request_guard(version, base, one, number, START, since)
        offer = asked.offer
        assert (offer.topic, offer.model_version, offer.round) == ("rates", version, number)
        assert offer.since == since.timestamp() and (asked.low, asked.high) == (0.0, 1.0)
        total = summed(offer, differing(layout, np.random.default_rng(version), 4000, 0.1 * version))
        rates[version] = read_comparison(PrivateSum(own_offer(offer.sign(KEY)), total, 4000), base)["all"]
    for version, rate in rates.items():
        assert rate.mean == pytest.approx(0.1 * version, abs=4 * rate.standard_error)


def test_a_hostile_comparison_is_an_error(base):
    asked = request_comparison(base.others[2], base, campaign("training"), 5, START)
    message = asked.offer.sign(KEY)
    for bad in (np.full(asked.offer.size, 2**40), np.zeros(3, dtype=np.int64)):
        with pytest.raises(RoundFailed):
            read_comparison(PrivateSum(own_offer(message), bad, 100), base)


def test_a_campaign_of_statistics_guards_no_bundle(base):
    assert not compares(campaign("statistics"))
    with pytest.raises(SettingError, match="gates"):
        request_guard(2, base, campaign("statistics"), 1, START, START - DAY)


def test_gates_that_nothing_is_set_aside_for_ask_nothing(base):
    one = campaign("training", {"gates": 0.0})
    assert compares(campaign("training")) and not compares(one)
    for request in (
        lambda: request_comparison(base.others[2], base, one, 5, START),
        lambda: request_guard(2, base, one, 5, START, START),
        lambda: request_guard(2, base, campaign("experiment", {"name": "a"}), 5, START, START),
    ):
        with pytest.raises(SettingError, match="gates"):
            request()


def test_the_way_to_the_fleet_is_told_with_the_campaign(base):
    one = campaign("training", {"stages": [0.05, 1.0], "stage_hours": 2.0, "margin": 0.01, "unclear": "go on"})
    plan = rollout_plan_of(one)
    assert (plan.stages, plan.hours, plan.margin, plan.unclear) == ((0.05, 1.0), 2.0, 0.01, "go on")


def test_numbers_of_refused_candidates_are_used_up(base):
    assert base.next_version == 2 and replace(base, refused=frozenset({2, 3})).next_version == 4
