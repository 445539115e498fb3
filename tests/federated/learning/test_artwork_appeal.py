"""Appeal of titles and artworks: they are told apart, bait is known by both columns, and steps are bounded."""

from __future__ import annotations

import numpy as np
import pytest

import keyart
from keyart.model import EncodedCatalog, FeatureSpec
from keyart_federated import simulate
from keyart_federated.learning.artwork_appeal import AppealPrior
from keyart_federated.worlds import SyntheticWorld

TITLES, ARTWORKS = 60, 8


@pytest.fixture(scope="module")
def encoded() -> EncodedCatalog:
    titles = [
        keyart.Title(f"t{t}", artworks=[keyart.Artwork(f"t{t}/{a}", {"style:x": 1.0}) for a in range(ARTWORKS)])
        for t in range(TITLES)
    ]
    catalog = keyart.Catalog.from_titles(titles)
    return EncodedCatalog.build(catalog, FeatureSpec.from_catalog(catalog))


def made_up(rng: np.random.Generator, bait_share: float = 0.15) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return appeal by title [T, 2], by artwork [n, 2], and which artworks are bait [n]."""
    count = TITLES * ARTWORKS
    bait = rng.random(count) < bait_share
    artworks = 0.2 * rng.standard_normal((count, 2)) + np.where(bait[:, None], (0.5, -1.2), (0.0, 0.0))
    return 0.3 * rng.standard_normal((TITLES, 2)), artworks, bait


def observed(rng: np.random.Generator, precision: np.ndarray, value: np.ndarray) -> np.ndarray:
    return precision * value + np.sqrt(precision) * rng.standard_normal(value.shape)


def test_what_is_seen_exactly_is_found_and_its_parts_add_up(encoded):
    rng = np.random.default_rng(0)
    titles, artworks, _ = made_up(rng)
    value = titles[encoded.title_of] + artworks
    precision = np.full(value.shape, 1e6)
    by_title, by_artwork, _ = AppealPrior.start().solve(precision, precision * value, encoded)
    np.testing.assert_allclose(by_title[encoded.title_of] + by_artwork, value, atol=1e-4)


def test_nothing_seen_is_the_prior(encoded):
    nothing = np.zeros((TITLES * ARTWORKS, 2))
    by_title, by_artwork, prior = AppealPrior.start().solve(nothing, nothing, encoded)
    np.testing.assert_allclose(by_title, 0.0, atol=1e-12)
    np.testing.assert_allclose(by_artwork, 0.0, atol=1e-12)
    np.testing.assert_allclose(prior.artworks, AppealPrior.start().artworks)


def test_both_columns_together_find_bait_that_one_alone_hides(encoded):
    """Of completion only plays tell, about a tenth of what is shown; with play it says who is bait."""
    rng = np.random.default_rng(1)
    titles, artworks, bait = made_up(rng)
    value = titles[encoded.title_of] + artworks
    precision = np.stack([np.full(len(value), 25.0), np.full(len(value), 3.0)], axis=1)
    vector = observed(rng, precision, value)
    joint = AppealPrior.start().solve(precision, vector, encoded)
    alone = []
    for column in (0, 1):
        mask = np.eye(2)[column]
        alone.append(AppealPrior.start().solve(precision * mask, vector * mask, encoded)[1][:, column])
    error = np.sqrt(((joint[1] - artworks) ** 2).mean(axis=0))
    single = np.sqrt(((np.stack(alone, axis=1) - artworks) ** 2).mean(axis=0))
    assert error[1] < 0.97 * single[1] and error[0] < 1.01 * single[0]
    ((play, both), (_, completion)) = joint[2].artworks
    assert both < -0.2 * np.sqrt(play * completion)  # what is played more is completed less
    assert joint[1][bait, 1].mean() < joint[1][~bait, 1].mean() - 0.3


@pytest.mark.parametrize("spread", [0.1, 0.3, 0.8])
@pytest.mark.parametrize("precision", [2.0, 50.0])
def test_the_spread_of_the_prior_follows_the_data(encoded, spread, precision):
    """Also where artworks are hardly seen, which is where expectation maximisation stays at its start."""
    value = spread * np.random.default_rng(2).standard_normal((TITLES * ARTWORKS, 2))
    precisions = np.full(value.shape, precision)
    vector = observed(np.random.default_rng(3), precisions, value)
    _, _, prior = AppealPrior.start().solve(precisions, vector, encoded)
    assert np.sqrt(prior.artworks[0, 0]) == pytest.approx(spread, rel=0.15, abs=0.25 / np.sqrt(precision))
    assert abs(prior.artworks[0, 1]) < 0.3 * prior.artworks[0, 0] + 0.01


@pytest.mark.slow
def test_a_fleet_whose_artworks_differ_by_popularity_alone_does_not_run_away():
    """A few favourites, and many that hardly anybody plays: their curvature is far smaller than on the way there."""
    world = SyntheticWorld(
        900, 12, 10, 60, 0, taste=0.02, title_taste=0.05, appeal=0.9, context=0.0, clickbait_share=0.0
    )
    report = simulate(world, 10, 6, seed=0)
    assert report.capture_by_round[-1] > 0.75
    assert all(
        after > before - 0.03
        for before, after in zip(report.capture_by_round, report.capture_by_round[1:], strict=False)
    )
