"""Intervals hold as often as they say, on logs of known truth. Seeded; what would not hold is measured
beside it, so that these tests are able to fail."""

from __future__ import annotations

import numpy as np
import pytest

from keyart_federated.evaluation import Decisions, Estimate, dr_ratio, ips_ratio, snips_ratio

LOGS = 500
OF = {"ips": ips_ratio, "snips": snips_ratio, "dr": dr_ratio}
PICTURES = 10
UNIFORM = np.full(PICTURES, 1 / PICTURES)
GREEDY = np.full(PICTURES, 0.25 / 9) + 0.75 * (np.arange(PICTURES) == 0) - 0.25 / 9 * (np.arange(PICTURES) == 0)
QUALITY = np.linspace(0.16, 0.06, PICTURES)


def logs(
    decisions: int, logged=UNIFORM, target=GREEDY, quality=QUALITY, seed: int = 11, devices: int = 0, times=LOGS
):
    """Logs whose rewards depend on the viewer, too, in two moods; with devices, each has one mood."""
    rng = np.random.default_rng([seed, decisions, devices])
    predicted = 0.8 * quality + 0.02
    groups = None if not devices else np.repeat(np.arange(devices), decisions // devices)
    for _ in range(times):
        mood = rng.choice([0.4, 1.6], size=devices or decisions)
        mood = mood if groups is None else mood[groups]
        shown = rng.choice(len(logged), p=logged, size=decisions)
        reward = (rng.random(decisions) < mood * quality[shown]).astype(float)
        expected = np.full(decisions, float(target @ predicted))
        yield Decisions.of(reward, logged[shown], target[shown], predicted[shown], expected, groups)


def coverage(truth: float, told: list[Estimate], end: str = "both") -> float:
    """Share of intervals, or of one of their ends, that have the truth inside."""
    below, above = [one.low <= truth for one in told], [truth <= one.high for one in told]
    return float(np.mean(below if end == "low" else above if end == "high" else np.logical_and(below, above)))


@pytest.mark.parametrize("decisions", [600, pytest.param(2_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("by", ["snips", "dr"])
def test_between_93_and_97_per_cent(by, decisions):
    told = [OF[by](log).estimate() for log in logs(decisions)]
    truth = float(GREEDY @ QUALITY)
    assert 0.93 <= coverage(truth, told) <= 0.97
    assert coverage(truth, told, "low") > 0.955 and coverage(truth, told, "high") > 0.955  # on both sides


@pytest.mark.parametrize("by", ["snips", pytest.param("dr", marks=pytest.mark.slow)])
def test_of_devices(by):
    """40 of them with 50 decisions each, half of them in a mood to play."""
    told = [OF[by](log).estimate() for log in logs(2_000, devices=40)]
    assert 0.93 <= coverage(float(GREEDY @ QUALITY), told) <= 0.97


def test_devices_must_be_told():
    """The same logs, read as if decisions were independent: too short by far."""
    told = [
        snips_ratio(Decisions.of(log.reward, log.propensity, log.propensity)).estimate()
        for log in logs(2_000, target=UNIFORM, devices=40, times=150)
    ]
    assert coverage(float(UNIFORM @ QUALITY), told) < 0.9


def test_rare_rewards_are_on_the_safe_side():
    """16 rewards a log, of which about two fall on what the policy would show; a normal interval would not do."""
    rare = np.full(PICTURES, 0.008)
    found: dict[str, list[Estimate]] = {name: [] for name in OF}
    for log in logs(2_000, quality=rare, times=200):
        for name, of in OF.items():
            found[name].append(of(log).estimate())
    for told in found.values():
        assert coverage(0.008, told) >= 0.93
        normal = np.mean([abs(one.value - 0.008) <= 1.96 * one.standard_error for one in told])
        assert normal < 0.85


def test_differences_hold():
    truth = float((GREEDY - UNIFORM) @ QUALITY)
    told = [snips_ratio(log).minus(log.logged()) for log in logs(2_000)]
    assert 0.93 <= coverage(truth, told) <= 0.97
