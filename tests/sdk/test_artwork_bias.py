"""Own: one number a picture, learned from its own outcomes, by one device and by many at once."""

from __future__ import annotations

import numpy as np
import pytest

from keyart.model import artwork_bias as own_module
from keyart.model.artwork_bias import BIAS_VARIANCE, ArtworkBias, update_artwork_bias
from keyart.model.scorer import sigmoid


def learn(own: ArtworkBias, place: int, play: float, played: float) -> None:
    own.learn(place, sigmoid(np.float32(play)), np.float32(played))


def posterior(played: list[float], base: float) -> float:
    """The mode of the posterior of one logit, by Newton's method on the whole log."""
    mean = 0.0
    for _ in range(50):
        q = 1 / (1 + np.exp(-(base + mean)))
        gradient = sum(y - q for y in played) - mean / BIAS_VARIANCE
        mean += gradient / (len(played) * q * (1 - q) + 1 / BIAS_VARIANCE)
    return float(mean)


@pytest.mark.parametrize("base", [-2.0, 0.0, 1.0])
@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_it_comes_near_the_posterior_of_the_whole_log(base, rate):
    played = (np.random.default_rng(1).random(60) < rate).astype(float).tolist()
    own = ArtworkBias(3)
    for y in played:
        learn(own, 1, base + float(own.added[1]), y)
    assert own.added[1] == pytest.approx(posterior(played, base), abs=0.12)
    assert own.added[0] == own.added[2] == 0
    ((place, mean, weight),) = own.known()
    assert (place, mean) == (1, float(own.added[1])) and weight > 0


def test_many_devices_learn_as_one():
    rng = np.random.default_rng(2)
    base, played = rng.normal(0, 1, (40, 5)), (rng.random((40, 5)) < 0.4).astype(np.float32)
    alone = [ArtworkBias(1) for _ in range(5)]
    mean, weight = np.zeros(5, dtype=np.float32), np.zeros(5, dtype=np.float32)
    for logits, y in zip(base, played, strict=True):
        q = sigmoid((logits + mean).astype(np.float32))
        mean, weight = update_artwork_bias(mean, weight, q, y)
        for device, one in enumerate(alone):
            learn(one, 0, float(logits[device] + one.added[0]), float(y[device]))
    np.testing.assert_allclose(mean, [one.added[0] for one in alone], atol=1e-5)
    np.testing.assert_allclose(weight, [one.known()[0][2] for one in alone], rtol=1e-5)


def test_there_and_back():
    own = ArtworkBias(4)
    for place, y in ((2, 1.0), (0, 0.0), (2, 0.0)):
        learn(own, place, 0.3 + float(own.added[place]), y)
    again = ArtworkBias(4, own.known())
    np.testing.assert_array_equal(again.added, own.added)
    assert again.known() == own.known() and [place for place, *_ in own.known()] == [0, 2]
    before = own.of(3), own.of(0)
    learn(own, 3, 0.0, 1.0)
    learn(own, 0, 0.0, 1.0)
    own.put_back(3, *before[0])
    own.put_back(0, *before[1])
    assert sorted(own.known()) == sorted(again.known()) and own.of(3) == (0.0, None)


def test_a_bounded_number_of_pictures(monkeypatch):
    monkeypatch.setattr(own_module, "MAX_ARTWORKS", 3)
    own = ArtworkBias(6)
    for place in (0, 1, 2, 0, 3):
        learn(own, place, 0.0, 1.0)
    assert [place for place, *_ in own.known()] == [2, 0, 3]
    assert own.added[1] == 0 and (own.added[[0, 2, 3]] > 0).all()
