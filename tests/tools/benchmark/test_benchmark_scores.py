"""Scores over seeds."""

from __future__ import annotations

import math

import pytest

from keyart_tools.benchmark.scores import PolicyScore, pooled


def test_pooled_is_the_mean_and_narrows_as_seeds_grow():
    scores = [PolicyScore({"capture": x}, {"capture": (x - 0.3, x + 0.3)}) for x in (0.1, 0.2, 0.6)]
    whole = pooled(scores)
    assert whole.figures["capture"] == pytest.approx(0.3)
    low, high = whole.interval["capture"]
    assert (low + high) / 2 == pytest.approx(0.3) and (high - low) / 2 == pytest.approx(0.3 / math.sqrt(3))
