"""Verdicts in words: each of them, with its numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keyart_federated.experiments import Baseline, Experiment, analyse, detectable, needed, verdicts
from keyart_federated.experiments.peeking import ExperimentFleet, baselines, drawn, played

KNOWN = baselines(devices=20_000)
EXPERIMENT = Experiment("buttons", 20_000, KNOWN, looks=4, epsilon=4.0, margin=0.04)


def said(experiment: Experiment, lift: float, harm: float = 0.0, lose: float = 0.0, looks: int = 4):
    rng = np.random.default_rng(7)
    fleet = drawn(rng, experiment.devices, lift)
    now = fleet.now.copy()
    now[fleet.arm == 1, 5] += harm  # abandonment
    kept = (fleet.arm == 0) | (rng.random(len(now)) >= lose)
    results = played(experiment, ExperimentFleet(fleet.arm[kept], now[kept], fleet.past[kept]), rng.bytes)
    (verdict,) = verdicts(experiment, analyse(experiment, results.looks[:looks]))
    return verdict


@pytest.mark.parametrize(
    ("word", "arguments", "part"),
    [
        ("better", {"lift": 0.08}, "is better than “control”; quality plays a picture: +"),
        ("worse", {"lift": -0.08}, "is worse than"),
        ("no difference", {"lift": 0.0}, "No difference larger than 4 % between “treatment” and “control”"),
        ("not yet", {"lift": 0.025, "looks": 1}, "Quality plays a picture: "),
        ("guard", {"lift": 0.08, "harm": 0.1}, "does harm (plays given up: "),
        ("mismatch", {"lift": 0.08, "lose": 0.3}, "Nothing can be concluded"),
    ],
)
def test_each_verdict(word, arguments, part):
    # A picture that people give up more is worse, and breaches a guard, too.
    experiment = replace(EXPERIMENT, tolerance=0.5) if word == "worse" else EXPERIMENT
    verdict = said(experiment, **arguments)
    assert verdict.word == word and part in verdict.text
    assert (verdict.more is None) == (word != "not yet") and (verdict.forecast == "") == (word != "not yet")
    assert "→" not in verdict.text and "pp" not in verdict.text, "effects are relative throughout"
    assert verdict.guards == (("abandonment",) if word == "guard" else ())


def test_an_effect_is_absolute_where_there_is_nothing_to_relate_it_to():
    course = analyse(
        EXPERIMENT,
        played(EXPERIMENT, drawn(np.random.default_rng(7), 20_000, 0.08), np.random.default_rng(8).bytes).looks,
    )
    of_first = course.courses["quality_plays"][0]
    nothing = replace(of_first, control=np.zeros_like(of_first.control))
    (verdict,) = verdicts(EXPERIMENT, replace(course, courses={**course.courses, "quality_plays": (nothing,)}))
    assert "pp absolute difference, between +" in verdict.text and "relative" not in verdict.text


def test_a_forecast_follows_the_pace_and_ends_with_the_plan():
    patient = replace(EXPERIMENT, margin=0.01)
    looks = played(patient, drawn(np.random.default_rng(7), 20_000, 0.012), np.random.default_rng(8).bytes).looks
    planned, slow = (
        verdicts(patient, analyse(patient, [replace(one, day=one.day * pace) for one in looks[:2]]))[0]
        for pace in (1.0, 3.0)
    )
    assert planned.word == slow.word == "not yet" and planned.more is not None and slow.more is not None
    assert 2.5 * planned.more <= slow.more <= 3.5 * planned.more, "days, as they have passed so far"
    assert f"About {planned.more} more day" in planned.forecast and "pace" in planned.forecast
    (ended,) = verdicts(patient, analyse(patient, looks))
    assert ended.word == "not yet" and ended.more is None
    assert "more day" not in ended.forecast and "All planned interim analyses are in" in ended.forecast


def test_a_guard_may_get_a_little_worse():
    assert said(EXPERIMENT, 0.0, harm=0.05).word == "guard"
    assert said(replace(EXPERIMENT, tolerance=0.2), 0.0, harm=0.05).word == "no difference"


def test_lower_is_better_where_it_is():
    other = {"abandonment": KNOWN["abandonment"], "quality_plays": KNOWN["quality_plays"]}
    assert said(replace(EXPERIMENT, metrics=other), 0.0, harm=0.05).word == "worse"


def test_days_more_are_about_right():
    """What is foreseen after one look is what the plan knew."""
    first = said(replace(EXPERIMENT, margin=0.01), 0.03, looks=1)
    assert first.word == "not yet" and first.more is not None and first.more < 60
    hopeless = said(replace(EXPERIMENT, margin=0.0001), 0.0, looks=1)
    assert hopeless.more is None or hopeless.more > 14


@pytest.mark.slow
def test_power_is_what_was_planned():
    experiment = Experiment("buttons", 6000, KNOWN, looks=4, epsilon=2.0)
    effect = detectable(experiment, power=0.8).effect
    found = 0
    for seed in range(100):
        rng = np.random.default_rng([seed, 9])
        looks = played(experiment, drawn(rng, 6000, effect), rng.bytes).looks
        found += analyse(experiment, looks).courses["quality_plays"][0].excludes_zero
    assert 0.8 - 3 * 0.04 <= found / 100 <= 0.95


def test_devices_needed_find_just_that():
    for looks in (1, 8):
        experiment = Experiment("buttons", 10**8, KNOWN, looks=looks)
        devices = needed(experiment, 0.02)
        assert detectable(replace(experiment, devices=devices)).effect == pytest.approx(0.02, rel=1e-2)
    few = detectable(Experiment("buttons", 5000, KNOWN, looks=8))
    assert few.effect > few.without_noise and 0 < few.noise_share < 1


def test_longer_averages_chance_out_and_not_people():
    known = Baseline(0.1, 0.1, 0.5, 14)
    assert known.over(28).deviation ** 2 == pytest.approx(0.01 * 0.75)
    assert known.over(1e9).deviation ** 2 == pytest.approx(0.01 * 0.5)
    assert known.over(14) == known
    days = [needed(Experiment("b", 10**8, KNOWN, days=d, first_day=d, looks=1), 0.02) for d in (7, 14, 28)]
    assert days == sorted(days, reverse=True)
