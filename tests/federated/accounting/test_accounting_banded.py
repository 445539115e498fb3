"""The banded mechanism: against dense matrices, and against every person that there could be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from keyart.errors import SettingError
from keyart_federated.accounting import ORDERS, banded, epsilon
from keyart_federated.accounting.banded import Banded


def dense(column: np.ndarray, rounds: int) -> np.ndarray:
    matrix = np.zeros((rounds, rounds))
    for k, value in enumerate(column[:rounds]):
        matrix += value * np.eye(rounds, k=-k)
    return matrix


def test_all_bands_are_the_square_root_of_running_sums() -> None:
    root = dense(banded.coefficients(9), 9)
    np.testing.assert_allclose(root @ root, np.tril(np.ones((9, 9))), atol=1e-12)


@pytest.mark.parametrize("separation", [1, 2, 3, 4])
@pytest.mark.parametrize("bands", [1, 2, 3, 5, 8])
def test_sensitivity_is_that_of_the_worst_person(bands, separation) -> None:
    rounds, rng = 8, np.random.default_rng(3)
    matrix = dense(banded.coefficients(bands), rounds)
    worst = 0.0
    for present in itertools.product((0, 1), repeat=rounds):
        when = np.flatnonzero(present)
        if (np.diff(when) < separation).any():
            continue
        gives = np.zeros((rounds, 2))  # vectors of the clip's length: all alike, then in many directions
        gives[when, 0] = 1
        worst = max(worst, np.linalg.norm(matrix @ gives))
        for angle in rng.uniform(0, 2 * np.pi, (3, len(when))):
            gives[when] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
            worst = max(worst, np.linalg.norm(matrix @ gives))
    assert banded.sensitivity(banded.coefficients(bands), rounds, separation) == pytest.approx(worst, rel=1e-12)


def test_error_is_that_of_the_dense_matrices() -> None:
    column, rounds = banded.coefficients(4), 13
    noise = np.tril(np.ones((rounds, rounds))) @ np.linalg.inv(dense(column, rounds))
    assert banded.error(column, rounds) == pytest.approx(np.sqrt((noise**2).sum(axis=1).mean()))


def test_one_band_is_independent_noise() -> None:
    campaign = Banded(2.0, rounds=20, separation=4)
    assert campaign.sensitivity == pytest.approx(np.sqrt(5))
    assert campaign.epsilon(1e-6) == pytest.approx(epsilon(2.0, 1.0, 5, 1e-6))
    assert campaign.error == pytest.approx(2.0 * np.sqrt(21 / 2))  # the mean of 1 … 20
    assert campaign.divergences().shape == (len(ORDERS),)


def test_bands_pay_at_the_same_epsilon() -> None:
    def error(bands: int) -> float:
        return Banded(1.0, 100, 10, bands).sensitivity * Banded(1.0, 100, 10, bands).error

    assert error(10) < 0.5 * error(1)
    assert error(10) < error(3) < error(1)


def test_wrong_settings() -> None:
    for wrong in ({"bands": 0}, {"bands": 6}, {"rounds": 0}, {"separation": 0}, {"noise_multiplier": -1.0}):
        with pytest.raises(SettingError):
            Banded(**{"noise_multiplier": 1.0, "rounds": 5, "separation": 2, "bands": 2, **wrong})
    for column in ([1.0, -0.5], [0.5, 1.0]):
        with pytest.raises(SettingError, match="not proven"):
            banded.sensitivity(np.array(column), 4, 2)
    with pytest.raises(SettingError, match="independent"):
        banded.coefficients(0)
