"""What a round's sum tells of artworks: which entry is which, and how far a noised curvature is believed."""

from __future__ import annotations

import numpy as np
import pytest

from keyart_federated.learning.artwork_sums import EXPOSURE_SPREAD, ArtworkSums
from keyart_federated.learning.learning_request import MIN_ARTWORK_CURVATURE

PLACES = {"gradient": slice(0, 3), "artworks": slice(3, 7), "curvature": slice(7, 11)}
SUMS, SIMULATED = np.arange(11.0), np.array([[4.0, 2.0], [8.0, 1.0]])


def read(noise: float, sums: np.ndarray = SUMS) -> ArtworkSums:
    return ArtworkSums.read(sums, np.full(11, noise), PLACES, SIMULATED)


def test_columns_are_play_and_completion() -> None:
    sums = read(0.0)
    np.testing.assert_array_equal(sums.residuals, [[3, 5], [4, 6]])
    np.testing.assert_array_equal(sums.curvature, [[7, 9], [8, 10]])
    noise = np.arange(11.0) * 100
    np.testing.assert_array_equal(ArtworkSums.read(SUMS, noise, PLACES, SIMULATED).noise, [[300, 500], [400, 600]])


def test_what_noise_hides_is_left_to_the_simulation() -> None:
    np.testing.assert_allclose(read(1e12).curvature, SIMULATED, rtol=1e-9)
    half = read((EXPOSURE_SPREAD * 4.0) ** 2)  # as doubtful as the simulated curvature of the first artwork's play
    assert half.curvature[0, 0] == pytest.approx((4.0 + 7.0) / 2)


def test_curvature_is_positive_whatever_noise_says() -> None:
    assert (read(0.0, -SUMS).curvature == MIN_ARTWORK_CURVATURE).all()
