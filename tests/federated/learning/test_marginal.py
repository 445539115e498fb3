"""Gradients without appeal: the exact posterior where all is known, nothing where noise hides the artworks."""

from __future__ import annotations

import numpy as np
import pytest

from keyart_federated.learning import marginal
from keyart_federated.learning.artwork_sums import ArtworkSums
from keyart_federated.learning.marginal import mean_features, without_appeal

ARTWORKS, PARAMETERS, DECISIONS, VARIANCE = 6, 4, 200, 0.3


@pytest.fixture
def joint(monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weighted rows with an artwork each: features, weights, artworks and working residuals; all is believed."""
    monkeypatch.setattr(marginal, "BELIEVED", 1.0)
    rng = np.random.default_rng(4)
    shown = rng.integers(0, ARTWORKS, DECISIONS)
    rows = rng.normal(size=(ARTWORKS, PARAMETERS))[shown] + rng.normal(size=(DECISIONS, PARAMETERS))
    return rows, rng.uniform(0.05, 0.25, DECISIONS), shown, rng.normal(size=DECISIONS)


def marginals(rows, weights, shown, residuals, noise: float = 0.0, away: float = 0.0):
    by = [shown == a for a in range(ARTWORKS)]
    w = np.array([weights[a].sum() for a in by])
    average = np.stack([(weights[a, None] * rows[a]).sum(axis=0) for a in by]) / w[:, None]
    r = np.array([(weights * residuals)[a].sum() for a in by])
    sums = ArtworkSums(*(np.stack([x, x], axis=1) for x in (r, np.full(ARTWORKS, noise), w)))
    fisher = (rows * weights[:, None]).T @ rows
    gradient = rows.T @ (weights * residuals)
    apart = np.full(ARTWORKS, away)
    return without_appeal(gradient, np.zeros(PARAMETERS), fisher, 0, sums, apart, VARIANCE, average, w)


def test_it_is_the_joint_posterior(joint) -> None:
    rows, weights, shown, residuals = joint
    gradient, _, fisher = marginals(*joint)
    both = np.concatenate([rows, np.eye(ARTWORKS)[shown]], axis=1)
    prior = np.diag([0.0] * PARAMETERS + [1 / VARIANCE] * ARTWORKS)
    expected = np.linalg.solve((both * weights[:, None]).T @ both + prior, both.T @ (weights * residuals))
    np.testing.assert_allclose(np.linalg.solve(fisher, gradient), expected[:PARAMETERS], rtol=1e-8)
    assert np.linalg.eigvalsh(fisher).min() > 0


def test_where_appeal_rests_the_gradient_stays(joint) -> None:
    rows, weights, shown, _ = joint
    resting = np.zeros(DECISIONS)
    for a in range(ARTWORKS):  # every artwork's residual is just what its prior holds it by
        resting[shown == a] = 0.2 / VARIANCE / weights[shown == a].sum()
    gradient, _, _ = marginals(rows, weights, shown, resting, away=0.2)
    np.testing.assert_allclose(gradient, rows.T @ (weights * resting), rtol=1e-8)


def test_where_noise_hides_the_artworks_nothing_is_taken_off(joint) -> None:
    rows, weights, _, residuals = joint
    gradient, noise, fisher = marginals(*joint, noise=1e14)
    np.testing.assert_allclose(fisher, (rows * weights[:, None]).T @ rows, rtol=1e-8)
    np.testing.assert_allclose(gradient, rows.T @ (weights * residuals), rtol=1e-6)
    assert (noise < 1e-6).all()


def test_what_is_left_of_the_simulated_curvature_is_positive(first_step) -> None:
    average = first_step.asked.average
    for column, (fisher, features) in enumerate(
        zip((average.play, average.keep), mean_features(average, first_step.encoded), strict=True)
    ):
        left = fisher - (features.T * average.weights[:, column]) @ features
        # The simulated curvature is a product of float32, whose own smallest values are below 0 by about as much.
        assert np.linalg.eigvalsh(left).min() > -2e-5 * np.linalg.eigvalsh(fisher).max()
