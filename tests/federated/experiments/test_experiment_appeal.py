"""Base appeal of pictures, from few impressions: drawn towards their likes, and right where there are many."""

from __future__ import annotations

import numpy as np
import pytest
from support.catalogs import sample_catalog

from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart_federated.experiments.appeal import base_appeal

CATALOG = sample_catalog(40)
ENCODED = EncodedCatalog.build(CATALOG, FeatureSpec.from_catalog(CATALOG))
PICTURES = len(ENCODED.artwork)


def told(impressions: np.ndarray, truth: np.ndarray, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Residuals and curvature of pictures that are played one time in five, but for their appeal."""
    rng = np.random.default_rng(seed)
    curvature = impressions * 0.16
    return rng.normal(curvature * truth, np.sqrt(curvature)) + rng.normal(0, np.sqrt(noise), PICTURES), curvature


@pytest.mark.parametrize("noise", [0.0, 20.0])
def test_few_impressions_are_drawn_in_and_many_are_believed(noise):
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 0.3, PICTURES)
    impressions = np.where(np.arange(PICTURES) % 2, 20.0, 5000.0)  # every second picture is new
    residuals, curvature = told(impressions, truth, noise, 2)
    shrunk, raw = base_appeal(residuals, curvature, noise, ENCODED), residuals / curvature
    new = impressions < 100
    error, plain = (np.sqrt(((guess - truth)[new] ** 2).mean()) for guess in (shrunk, raw))
    assert error < 0.3 < plain and error < 0.6 * plain
    np.testing.assert_allclose(shrunk[~new], truth[~new], atol=0.2)


def test_a_new_picture_starts_where_its_title_is():
    truth = np.where(ENCODED.title_of == 3, 0.8, 0.0)
    impressions = np.full(PICTURES, 3000.0)
    new = int(np.flatnonzero(ENCODED.title_of == 3)[0])
    impressions[new] = 0.0
    shrunk = base_appeal(*told(impressions, truth, 0.0, 4), 0.0, ENCODED)
    assert shrunk[new] > 0.3


def test_noise_alone_moves_nothing():
    residuals = np.random.default_rng(5).normal(0, 30, PICTURES)
    assert np.abs(base_appeal(residuals, np.full(PICTURES, 2.0), 900.0, ENCODED)).max() < 0.1
