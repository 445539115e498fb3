"""The personal head: the rank-one update by its formula, a batch as one by one, and a re-fit at the maximum."""

from __future__ import annotations

import numpy as np
import pytest

from keyart.model.head import Head, HeadPrior, refit_head, update_head, with_bias
from keyart.model.scorer import head_logit, sigmoid

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
    assert not head_logit(head.mean, log(1)[0]).any()


def test_update_is_the_formula():
    """mean += S z (y − q) / (1 + w zᵀSz), S −= S z zᵀ S w / (1 + w zᵀSz), in float64 beside."""
    artwork, play, played = log(2)
    head = Head.start(PRIOR, Z)
    mean, s = np.zeros(Z + 1), np.diag([0.05] * Z + [0.2])
    for x, base, y in zip(artwork, play, played, strict=True):
        logit = base + head_logit(head.mean, x[None])[0]
        head = update_head(head, x, sigmoid(logit), y)
        z = np.append(x.astype(float), 1.0)
        q = 1 / (1 + np.exp(-(base + z @ mean)))
        gain = 1 + q * (1 - q) * z @ s @ z
        mean, s = mean + s @ z * (y - q) / gain, s - np.outer(s @ z, s @ z) * q * (1 - q) / gain
    np.testing.assert_allclose(head.mean, mean, atol=2e-5)
    np.testing.assert_allclose(head.covariance, s, atol=2e-5)
    assert np.linalg.eigvalsh(head.covariance.astype(float)).min() > 0
    np.testing.assert_allclose(head_logit(head.mean, artwork), with_bias(artwork) @ head.mean, atol=1e-5)


def test_update_is_the_inverse_of_the_precision():
    """Sherman and Morrison: S⁻¹ grows by w z zᵀ."""
    artwork, play, played = log(3)
    before = Head.start(PRIOR, Z)
    after = update_head(before, artwork[0], sigmoid(play[0]), played[0])
    z, q = np.append(artwork[0], 1.0).astype(float), 1 / (1 + np.exp(-float(play[0])))
    expected = np.linalg.inv(before.covariance.astype(float)) + q * (1 - q) * np.outer(z, z)
    np.testing.assert_allclose(np.linalg.inv(after.covariance.astype(float)), expected, rtol=1e-3, atol=1e-3)


def test_a_batch_has_the_bits_of_each_device_alone():
    artwork, play, played = log(4, (5,))
    batch = refit_head(PRIOR, artwork, play, played)
    updated = update_head(Head.start(PRIOR, Z, (5,)), artwork[:, 0], sigmoid(play[:, 0]), played[:, 0])
    for i in range(5):
        alone = refit_head(PRIOR, artwork[i], play[i], played[i])
        np.testing.assert_array_equal(batch.mean[i], alone.mean)
        np.testing.assert_array_equal(batch.covariance[i], alone.covariance)
        one = update_head(Head.start(PRIOR, Z), artwork[i, 0], sigmoid(play[i, 0]), played[i, 0])
        np.testing.assert_array_equal(updated.mean[i], one.mean)
        np.testing.assert_array_equal(updated.covariance[i], one.covariance)


def test_an_update_leaves_the_head_before_it_as_it_was():
    artwork, play, played = log(8)
    before = Head.start(PRIOR, Z)
    head = update_head(before, artwork[0], sigmoid(play[0]), played[0])
    np.testing.assert_array_equal(before.covariance, Head.start(PRIOR, Z).covariance)
    assert not before.mean.any() and head.mean.any()
    for x, base, y in zip(artwork, play, played, strict=True):
        head = update_head(head, x, sigmoid(base), y)
    np.testing.assert_array_equal(head.covariance, head.covariance.T)  # half of it may be kept


def test_an_outcome_that_does_not_count_changes_no_bit():
    artwork, play, played = log(9, (2,))
    head = refit_head(PRIOR, artwork, play, played)
    counted = np.array([0.0, 1.0], dtype=np.float32)
    after, whole = (
        update_head(head, artwork[:, 0], sigmoid(play[:, 0]), played[:, 0], some) for some in (counted, None)
    )
    np.testing.assert_array_equal(after.mean[0], head.mean[0])
    np.testing.assert_array_equal(after.covariance[0], head.covariance[0])
    np.testing.assert_array_equal(after.mean[1], whole.mean[1])
    np.testing.assert_array_equal(after.covariance[1], whole.covariance[1])


def test_offsets_of_one_head_and_of_many():
    artwork, play, played = log(9, (3,))
    heads = refit_head(PRIOR, artwork, play, played)
    for i in range(3):
        alone = Head(heads.mean[i], heads.covariance[i])
        np.testing.assert_allclose(head_logit(alone.mean, artwork[i]), head_logit(heads.mean, artwork)[i], atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_refit_is_the_maximum_of_the_posterior(seed):
    artwork, play, played = log(seed)
    head = refit_head(PRIOR, artwork, play, played)
    x, mean = with_bias(artwork).astype(float), head.mean.astype(float)
    q = 1 / (1 + np.exp(-(play + x @ mean)))
    gradient = x.T @ (played - q) - mean / PRIOR.variances(Z)
    start = x.T @ (played - 1 / (1 + np.exp(-play.astype(float))))
    assert np.abs(gradient).max() < 1e-3 * np.abs(start).max()
    hessian = x.T @ (x * (q * (1 - q))[:, None]) + np.diag(1 / PRIOR.variances(Z))
    np.testing.assert_allclose(head.covariance, np.linalg.inv(hessian), rtol=2e-2, atol=1e-4)


def test_nothing_is_learned_from_no_decisions():
    artwork, play, played = log(6, (2,))
    head = refit_head(PRIOR, artwork[:, :0], play[:, :0], played[:, :0])
    np.testing.assert_array_equal(head.mean, np.zeros((2, Z + 1)))
    np.testing.assert_array_equal(head.covariance, Head.start(PRIOR, Z, (2,)).covariance)


def test_updates_come_close_to_the_refit():
    """One by one (assumed-density filtering) and all at once agree on what the viewer likes."""
    artwork, play, played = log(7)
    played = (artwork[:, 0] > 0.6).astype(np.float32)
    head = Head.start(PRIOR, Z)
    for x, base, y in zip(artwork, play, played, strict=True):
        head = update_head(head, x, sigmoid(base + head_logit(head.mean, x[None])[0]), y)
    whole = refit_head(PRIOR, artwork, play, played)
    assert head.mean[:Z].argmax() == whole.mean[:Z].argmax() == 0
    np.testing.assert_allclose(head.mean, whole.mean, atol=0.08)
