"""Where a log cannot answer, it is said so; where it can, it is not."""

from __future__ import annotations

import numpy as np
import pytest

from keyart.errors import FederatedError
from keyart_federated.evaluation import Decisions, Overlap, dr, ips, shrunk, snips


def log(n: int, logged: list[float], target: list[float], seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    shown = rng.choice(len(logged), p=logged, size=n)
    reward = (rng.random(n) < 0.2).astype(float)
    return reward, np.array(logged)[shown], np.array(target)[shown]


def test_figures_by_hand():
    found = Overlap.of(Decisions.of([1, 0, 1, 0], [0.5, 0.5, 0.25, 0.5], [0.25, 0.0, 0.5, 0.75], groups=list("abbc")))
    assert (found.decisions, found.units) == (4, 3)
    assert found.mean_weight == pytest.approx(4 / 4)
    assert found.effective == pytest.approx(16 / (0.25 + 4 + 2.25))
    assert (found.largest_weight, found.largest_share, found.unseen) == (2.0, 0.5, 0.25)
    off = Overlap.of(Decisions.of([1, 0, 1], [0.5, 0.5, 0.5], [1.0, 1.0, 0.25], groups=[1, 1, 2]))
    assert off.deviations == pytest.approx((2 - 0.5) / (4 + 0.25) ** 0.5)


HALF = [0.5, 0.5, 0.0]
REFUSED = {
    "half of the policy was never shown": (1000, HALF, [0.25, 0.25, 0.5], "hardly shows"),
    "none of the policy was shown": (12, HALF, [0.0, 0.0, 1.0], "mean weight is 0.00"),
    "shown a few times, by luck": (2000, [0.998, 0.002], [0.002, 0.998], "count"),
}


@pytest.mark.parametrize(("n", "logged", "target", "words"), REFUSED.values(), ids=REFUSED)
def test_without_overlap_nobody_answers(n, logged, target, words):
    arrays = log(n, logged, target)
    predicted = np.full(n, 0.2)
    for answer in (
        lambda: ips(*arrays),
        lambda: snips(*arrays),
        lambda: dr(*arrays, predicted, predicted),
        lambda: shrunk(*arrays, predicted, predicted),
    ):
        with pytest.raises(FederatedError, match=words) as told:
            answer()
        assert "Raise Policy.exploration" in str(told.value)


def test_propensities_that_are_none():
    """Logged as half of what they were, weights are twice as high."""
    reward, logged, target = log(2000, [0.5, 0.5], [0.7, 0.3])
    with pytest.raises(FederatedError, match="not drawn with these propensities"):
        snips(reward, logged / 2, target)


def test_little_overlap_is_answered_with_doubts():
    doubts = Overlap.of(Decisions.of(*log(600, [0.95, 0.05], [0.05, 0.95]))).doubts
    assert len(doubts) == 1 and "decisions count" in doubts[0]
    arrays = log(30_000, [0.5, 0.45, 0.05], [0.47, 0.43, 0.1])
    assert Overlap.of(Decisions.of(*arrays)).doubts == ()
    (doubt,) = Overlap.of(Decisions.of(arrays[0], arrays[1], 0.95 * arrays[2])).doubts
    assert "standard errors from 1" in doubt
    heavy = Overlap.of(Decisions.of(np.zeros(101), [0.5] * 100 + [0.02], [0.5] * 100 + [0.4]))
    assert any("One decision holds 17%" in doubt for doubt in heavy.doubts)


def test_short_logs_with_overlap_are_answered():
    assert snips([1, 0, 1, 0], [0.5] * 4, [0.9, 0.1, 0.9, 0.1]).value == pytest.approx(0.9)
    assert snips([1, 0, 1, 0], [0.5] * 4, [0.9, 0.9, 0.9, 0.9]).value == pytest.approx(0.5)


def test_refusals_are_rare_where_there_is_overlap():
    """Weights up to 16, and their mean off by chance alone."""
    refused = 0
    for seed in range(300):
        arrays = log(1000, [0.8, 0.05, 0.05, 0.05, 0.05], [0.05, 0.8, 0.05, 0.05, 0.05], seed)
        try:
            Overlap.of(Decisions.of(*arrays)).require()
        except FederatedError:
            refused += 1
    assert refused <= 1
