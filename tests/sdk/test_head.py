"""The personal head: the rank-one update by its formula, a batch as one by one, and a re-fit at the maximum."""

from __future__ import annotations

import numpy as np
import pytest

from keyart.model.artwork_bias import Own
from keyart.model.head import Head, HeadPrior, extend, refit, update, updates

Z, N = 7, 120
PRIOR = HeadPrior(0.05, 0.2)


def log(seed: int, devices: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    artwork = rng.random((*devices, N, Z)).astype(np.float32)
    play = rng.normal(-1, 0.5, (*devices, N)).astype(np.float32)
    played = (rng.random((*devices, N)) < 0.3).astype(np.float32)
    return artwork, play, played


def test_prior():
    head = Head.start(PRIOR, Z)
    np.testing.assert_array_equal(head.mean, np.zeros(Z + 1))
    np.testing.assert_allclose(np.diag(head.covariance), [0.05] * Z + [0.2])
    assert Head.start(PRIOR, Z, (3, 2)).covariance.shape == (3, 2, Z + 1, Z + 1)
    assert not head.offsets(log(1)[0]).any()


def test_update_is_the_formula():
    """mean += S z (y − q) / (1 + w zᵀSz), S −= S z zᵀ S w / (1 + w zᵀSz), in float64 beside."""
    artwork, play, played = log(2)
    head = Head.start(PRIOR, Z)
    mean, s = np.zeros(Z + 1), np.diag([0.05] * Z + [0.2])
    for x, base, y in zip(artwork, play, played, strict=True):
        logit = base + head.offsets(x[None])[0]
        head = update(head, x, logit, y)
        z = np.append(x.astype(float), 1.0)
        q = 1 / (1 + np.exp(-(base + z @ mean)))
        gain = 1 + q * (1 - q) * z @ s @ z
        mean, s = mean + s @ z * (y - q) / gain, s - np.outer(s @ z, s @ z) * q * (1 - q) / gain
    np.testing.assert_allclose(head.mean, mean, atol=2e-5)
    np.testing.assert_allclose(head.covariance, s, atol=2e-5)
    assert np.linalg.eigvalsh(head.covariance.astype(float)).min() > 0
    np.testing.assert_allclose(head.offsets(artwork), extend(artwork) @ head.mean, atol=1e-5)


def test_update_is_the_inverse_of_the_precision():
    """Sherman and Morrison: S⁻¹ grows by w z zᵀ."""
    artwork, play, played = log(3)
    before = Head.start(PRIOR, Z)
    after = update(before, artwork[0], play[0], played[0])
    z, q = np.append(artwork[0], 1.0).astype(float), 1 / (1 + np.exp(-float(play[0])))
    expected = np.linalg.inv(before.covariance.astype(float)) + q * (1 - q) * np.outer(z, z)
    np.testing.assert_allclose(np.linalg.inv(after.covariance.astype(float)), expected, rtol=1e-3, atol=1e-3)


def test_batch_is_one_by_one():
    artwork, play, played = log(4, (5,))
    counted = np.ones((5, N), dtype=np.float32)
    batch = refit(PRIOR, artwork, play, played, counted)
    start = Head.start(PRIOR, Z, (5,))
    updated = update(start, artwork[:, 0], play[:, 0], played[:, 0])
    for i in range(5):
        alone = refit(PRIOR, artwork[i], play[i], played[i], counted[i])
        np.testing.assert_allclose(batch.mean[i], alone.mean, atol=1e-5)
        np.testing.assert_allclose(batch.covariance[i], alone.covariance, atol=1e-5)
        one = update(Head.start(PRIOR, Z), artwork[i, 0], play[i, 0], played[i, 0])
        np.testing.assert_allclose(updated.mean[i], one.mean, atol=1e-6)
        np.testing.assert_allclose(updated.covariance[i], one.covariance, atol=1e-6)


def test_updates_in_place_are_updates_one_by_one():
    artwork, play, played = log(8)
    head, before = Head.start(PRIOR, Z), Head.start(PRIOR, Z)
    for x, base, y in zip(artwork, play, played, strict=True):
        head = update(head, x, base + head.offsets(x[None])[0], y)
    places = np.arange(len(play))  # each picture once, so that its own past adds nothing

    def learned(head: Head, part: slice) -> Head:
        return updates(head, artwork[part], play[part], played[part], Own(len(play)), places[part])

    whole = learned(before, slice(None))
    np.testing.assert_allclose(whole.mean, head.mean, atol=2e-6)
    np.testing.assert_allclose(whole.covariance, head.covariance, atol=2e-7)
    np.testing.assert_array_equal(whole.covariance, whole.covariance.T)  # half of it may be kept
    half = learned(learned(before, slice(50)), slice(50, None))
    np.testing.assert_array_equal(half.mean, whole.mean)  # a profile that is opened again learns as one that is not
    np.testing.assert_array_equal(half.covariance, whole.covariance)
    np.testing.assert_array_equal(before.covariance, Head.start(PRIOR, Z).covariance)  # the old head is as it was
    assert not before.mean.any()
    nothing = learned(head, slice(0))
    np.testing.assert_array_equal(nothing.mean, head.mean)


def test_pictures_of_their_own_count_and_learn_beside_the_head():
    """Both learn from the same chance of a play, with both in it."""
    artwork, play, played = log(10)
    places = np.random.default_rng(2).integers(0, 5, N)
    mine, theirs = Own(5), Own(5)
    head = updates(Head.start(PRIOR, Z), artwork, play, played, mine, places)
    expected = Head.start(PRIOR, Z)
    for x, base, y, place in zip(artwork, play, played, places.tolist(), strict=True):
        logit = base + expected.offsets(x[None])[0] + theirs.added[place]
        expected = update(expected, x, logit, y)
        theirs.learn(place, float(logit), float(y))
    np.testing.assert_allclose(head.mean, expected.mean, atol=2e-6)
    np.testing.assert_allclose(mine.added, theirs.added, atol=2e-6)
    assert np.abs(mine.added).min() > 0
    alone = updates(Head.start(PRIOR, Z), artwork, play, played)
    assert np.abs(alone.mean - head.mean).max() > 1e-3


def test_offsets_of_one_head_and_of_many():
    artwork, play, played = log(9, (3,))
    heads = refit(PRIOR, artwork, play, played, np.ones((3, N), dtype=np.float32))
    for i in range(3):
        alone = Head(heads.mean[i], heads.covariance[i])
        np.testing.assert_allclose(alone.offsets(artwork[i]), heads.offsets(artwork)[i], atol=1e-6)
        assert alone.offsets(artwork[i, 0]).shape == ()


@pytest.mark.parametrize("seed", range(4))
def test_refit_is_the_maximum_of_the_posterior(seed):
    artwork, play, played = log(seed)
    head = refit(PRIOR, artwork, play, played, np.ones(N, dtype=np.float32))
    x, mean = extend(artwork).astype(float), head.mean.astype(float)
    q = 1 / (1 + np.exp(-(play + x @ mean)))
    gradient = x.T @ (played - q) - mean / PRIOR.variances(Z)
    start = x.T @ (played - 1 / (1 + np.exp(-play.astype(float))))
    assert np.abs(gradient).max() < 1e-3 * np.abs(start).max()
    hessian = x.T @ (x * (q * (1 - q))[:, None]) + np.diag(1 / PRIOR.variances(Z))
    np.testing.assert_allclose(head.covariance, np.linalg.inv(hessian), rtol=2e-2, atol=1e-4)


def test_padding_counts_nothing():
    artwork, play, played = log(6)
    counted = (np.arange(N) < 50).astype(np.float32)
    padded = refit(PRIOR, artwork, play, played, counted)
    cut = refit(PRIOR, artwork[:50], play[:50], played[:50], counted[:50])
    np.testing.assert_allclose(padded.mean, cut.mean, atol=1e-5)


def test_updates_come_close_to_the_refit():
    """One by one (assumed-density filtering) and all at once agree on what the viewer likes."""
    artwork, play, played = log(7)
    played = (artwork[:, 0] > 0.6).astype(np.float32)
    head = Head.start(PRIOR, Z)
    for x, base, y in zip(artwork, play, played, strict=True):
        head = update(head, x, base + head.offsets(x[None])[0], y)
    whole = refit(PRIOR, artwork, play, played, np.ones(N, dtype=np.float32))
    assert head.mean[:Z].argmax() == whole.mean[:Z].argmax() == 0
    np.testing.assert_allclose(head.mean, whole.mean, atol=0.08)
