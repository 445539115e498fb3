"""An experiment as a campaign: one round a look, devices of its own at each, and an end."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
from support.campaign_readers import DAY, START, campaign, first_base, read

from keyart.campaigns.kinds.experiment import ExperimentRequest, experiment_vectors
from keyart.errors import SettingError
from keyart_federated.campaigns import DeployedModel, Finished, RoundRequest, Wait, ask
from keyart_federated.campaigns.experiment import ExperimentSettings
from keyart_federated.campaigns.settings import settings_of
from keyart_federated.campaigns.state_codec import unpack
from keyart_federated.experiments.interim_analysis import added
from keyart_federated.experiments.peeking import drawn
from keyart_federated.worlds import SyntheticWorld

SETTINGS = {
    "name": "warm picture",
    "devices": 8000,
    "looks": 4,
    "days": 10,
    "first_day": 4,
    "metrics": {
        "quality_plays": {"mean": 0.15, "deviation": 0.094, "correlation": 0.77},
        "abandonment": {"mean": 0.4, "deviation": 0.2, "correlation": 0.6},
    },
}


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> DeployedModel:
    return first_base(tmp_path_factory.mktemp("base"), SyntheticWorld(viewers=5, titles=6, impressions=3).catalog)


def run(base: DeployedModel, lift: float, **settings):
    """All that was asked and read until the campaign ends."""
    one, state, rounds = campaign("experiment", SETTINGS | settings), None, []
    experiment = settings_of(one, ExperimentSettings).experiment(4.0, 1e-6)
    rng = np.random.default_rng(4)
    fleet, at = drawn(rng, 8000, lift), START
    for number in range(1, 9):
        asked = ask(one, state, number, 0, base, at)
        if isinstance(asked, Finished):
            return rounds, asked
        if isinstance(asked, Wait):
            at += DAY
            asked = ask(one, state, number, 0, base, at)
        while isinstance(asked, Wait):
            at += DAY
            asked = ask(one, state, number, 0, base, at)
        mine, question = slice(2000 * (number - 1), 2000 * number), ExperimentRequest.read(asked.offer)
        nobody = np.zeros(2000, dtype=np.intp)
        vectors = experiment_vectors(question, fleet.arm[mine], nobody, fleet.now[mine], fleet.past[mine])
        total, variance = added(experiment, number - 1, vectors, rng.bytes)
        assert variance == asked.offer.variance * 2000
        found = read(one, state, asked, np.array(total), 2000, base)
        state = bytes(found.state)
        rounds.append((asked, found, at))
    raise AssertionError("it does not end")


def test_a_better_arm_is_found_and_the_campaign_ends(base):
    rounds, end = run(base, 0.15)
    told = rounds[-1][1].result
    assert told["decided"]
    assert told["verdicts"]["treatment"]["word"] == "better"
    assert "“treatment” is better" in told["verdicts"]["treatment"]["text"]
    one = told["metrics"]["quality_plays"]["treatment"]
    assert 0 < one["low"] < one["difference"] < one["high"] and one["excludes_zero"]
    assert one["relative"]["low"] < 0.15 < one["relative"]["high"]
    assert end.result["verdicts"] == told["verdicts"] and len(rounds) < 4
    json.dumps(told, allow_nan=False)


def test_no_difference_is_looked_for_until_the_last_look(base):
    rounds, end = run(base, 0.0, margin=0.001)
    assert (
        len(rounds) == 4
        and end.result["looks"] == 4
        and rounds[-1][1].result["verdicts"]["treatment"]["word"] == "not yet"
    )


def test_each_look_has_its_day_and_devices_of_its_own(base):
    rounds, _ = run(base, 0.0, margin=0.001)
    assert [at - START for _, _, at in rounds] == [timedelta(days=n) for n in (4, 6, 8, 10)]
    slices = [(asked.low, asked.high) for asked, _, _ in rounds]
    assert slices == [(0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0)]
    for number, (asked, _, _) in enumerate(rounds, start=1):
        offer = asked.offer
        assert (offer.round, offer.rounds, offer.minimum_devices, asked.wanted) == (number, 4, 1400, 2000)
        assert offer.since == START.timestamp() and offer.arms == 2 and offer.epsilon == 4.0
        assert (asked.event.noise_multiplier, asked.event.l2) == (offer.noise_multiplier, offer.l2)


def test_each_look_says_how_the_arms_stand(base):
    rounds, _ = run(base, 0.0, margin=0.001)
    for number, (_, found, _) in enumerate(rounds, start=1):
        told = found.result
        assert sum(told["arms"].values()) == pytest.approx(2000 * number, rel=0.1)
        mismatch = told["mismatches"]["treatment"]
        assert not mismatch["found"] and abs(mismatch["difference"]) < mismatch["bound"]
        assert mismatch["difference"] == pytest.approx(told["arms"]["treatment"] - told["arms"]["control"])
    days = [found.result["day"] for _, found, _ in rounds]
    assert days == [4, 6, 8, 10]
    forecasts = [found.result["verdicts"]["treatment"]["forecast"] for _, found, _ in rounds]
    assert "All planned interim analyses are in" in forecasts[-1] and "day" in forecasts[0]


def test_a_look_that_comes_late_has_the_day_on_which_it_came(base):
    asked = ask(campaign("experiment", SETTINGS), None, 1, 0, base, START + 9.5 * DAY)
    assert isinstance(asked, RoundRequest) and unpack(asked.pending)[0]["day"] == 9.5


def test_a_look_waits_for_its_day_from_the_start_that_is_told(base):
    later = campaign("experiment", SETTINGS | {"start": int((START + DAY).timestamp())})
    waits = ask(later, None, 1, 0, base, START + 4 * DAY)
    assert waits == Wait("Look 1 begins on 2026-03-07 09:00 UTC.")
    assert isinstance(ask(later, None, 1, 0, base, START + 5 * DAY), RoundRequest)


def test_a_look_that_was_paid_for_and_lost_is_not_repeated(base):
    """Its devices may have handed in; the next look asks others."""
    one = campaign("experiment", SETTINGS)
    asked = ask(one, None, 2, 1, base, START + 9 * DAY)
    assert (asked.low, asked.high, asked.offer.round) == (0.25, 0.5, 2)
    assert isinstance(ask(one, None, 5, 4, base, START + 30 * DAY), Finished)


@pytest.mark.parametrize("how", ["long", "short", "nobody"])
def test_a_hostile_look_is_refused_and_the_others_stay(base, how):
    one = campaign("experiment", SETTINGS)
    asked = ask(one, None, 1, 0, base, START + 9 * DAY)
    bad = np.full(asked.offer.size, 0 if how == "nobody" else 10**9)
    found = read(one, None, asked, bad[1:] if how == "short" else bad, 2000, base)
    assert found.result["used"] is False and found.result["reason"]
    assert ask(one, found.state, 2, 0, base, START + 9 * DAY).low == 0.25


def test_an_epsilon_too_small_for_the_devices_is_refused(base):
    with pytest.raises(SettingError, match="too few"):
        ask(campaign("experiment", SETTINGS, epsilon=0.05), None, 1, 0, base, START + 9 * DAY)
