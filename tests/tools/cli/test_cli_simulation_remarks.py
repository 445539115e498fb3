"""A simulation that is too small, or without training, says so."""

from __future__ import annotations

import json
import math

from keyart_tools.cli.simulation_remarks import remarks

CLEAR = {"random artworks": (0.4, 0.1, 0.7)}


def test_a_clear_result_of_a_trained_model_has_no_remark() -> None:
    assert remarks(CLEAR, 100, trained=True) == []


def test_a_model_without_training() -> None:
    (said,) = remarks(CLEAR, 100, trained=False)
    assert said.startswith("The model has never been trained")


def test_an_interval_that_contains_zero() -> None:
    (said,) = remarks({"random artworks": (-0.18, -0.58, 0.22), **{"others": (1.0, 0.5, 1.5)}}, 50, trained=True)
    assert said.startswith("Too few devices to tell whether this is better or worse than random artworks")
    assert "-0.18" in said and "-0.58 to +0.22" in said
    assert "About 20,000 devices are needed for ±0.02" in said  # 50 × (.4 / .02)²


def test_one_device() -> None:
    (said,) = remarks({"random artworks": (0.1, -math.inf, math.inf)}, 1, trained=True)
    assert "simulate more of them" in said


def test_a_small_simulation_says_so(keyart_command) -> None:
    tiny = ["simulate", "--world", "synthetic", "--viewers", "4", "--titles", "3", "--rounds", "1", "--steps", "1"]
    done = keyart_command(*tiny, "--learner", "none", "--json")
    (first, *others) = json.loads(done.stdout)["remarks"]
    assert "never been trained" in first and any("Too few devices" in said for said in others)
    assert first in keyart_command(*tiny, "--learner", "none").stdout
