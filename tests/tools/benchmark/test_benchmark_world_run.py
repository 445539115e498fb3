"""One world and seed: what every policy plays on, how long it took, and the oracle among them."""

from __future__ import annotations

import time

import numpy as np
from support.worlds import HandWorld

from keyart_federated.baselines import play
from keyart_federated.metrics import WorldTruth, figures, rewards
from keyart_tools.benchmark.benchmark_worlds import BenchmarkSize, BenchmarkWorld
from keyart_tools.benchmark.world_run import Oracle, WorldRun


def test_nothing_is_left_to_gain_for_the_oracle():
    world = HandWorld(devices=5)
    truth = WorldTruth.measure(world, 8)
    played = play(world, Oracle(truth), 8)
    of = rewards(truth, played.shown)
    assert np.array_equal(of.policy, of.oracle)
    assert figures(of)["capture"].value == 1.0


def slow_to_make(**settings):
    time.sleep(0.2)
    return HandWorld(devices=2)


def test_the_clock_is_for_the_policy_not_for_the_world():
    setting = BenchmarkWorld("by hand", "", f"{__name__}:slow_to_make")
    contest = WorldRun(setting, 3, BenchmarkSize(rounds=1, steps=2), None)
    entry = contest.entry("random")
    assert entry.key == ("by hand", 3, "random") and entry.report is None
    assert 0 < entry.seconds < 0.2
    assert contest.entry("no head").report["world"] == "by hand"
