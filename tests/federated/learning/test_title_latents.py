"""Title latents from sums of what is watched together, exact and through noise."""

from __future__ import annotations

import numpy as np
import pytest

import keyart
from keyart.bundle.loading import load_model
from keyart.campaigns.kinds.cowatch import cowatch_vectors
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.latents import LATENTS, PRIOR_EXPOSURE
from keyart_federated import simulate
from keyart_federated.accounting.privacy import FINE_UNITS, NO_CLIP
from keyart_federated.learning import latents
from keyart_federated.learning.latents import CowatchSums
from keyart_federated.learning.model import Model
from keyart_federated.worlds import SyntheticWorld

GENRES = "abcd"
RANK = 3


def encoded_titles(titles: int) -> EncodedCatalog:
    """Titles of one or two of four genres."""
    rows = []
    for t in range(titles):
        tags = {f"genre:{GENRES[t // 4 % 4]}": 0.3, f"genre:{GENRES[t % 4]}": 0.7}
        rows.append(keyart.Title(f"t{t}", tags=tags, artworks=[keyart.Artwork(f"t{t}/a", {"faces": 1.0})]))
    catalog = keyart.Catalog.from_titles(rows)
    return EncodedCatalog.build(catalog, FeatureSpec.from_catalog(catalog))


def watched(encoded: EncodedCatalog, seed: int, viewers: int = 800) -> tuple[np.ndarray, np.ndarray]:
    """Viewers' numbers that no tag tells [d, RANK], and their views [d, T]: about 15 each, by those numbers, by genre
    and by how popular a title is."""
    rng, titles = np.random.default_rng(seed), len(encoded.first) - 1
    person, of_titles = rng.standard_normal((viewers, RANK)), rng.standard_normal((RANK, titles)) / np.sqrt(RANK)
    by_genre = rng.dirichlet(np.full(4, 0.4), viewers) @ encoded.title_shares.T
    odds = np.exp(2 * by_genre + 1.5 * person @ of_titles) / (np.arange(titles) + 10)
    chances = odds / odds.sum(axis=1, keepdims=True)
    counts = rng.poisson(15, viewers)
    return person, np.array([rng.multinomial(n, p) for n, p in zip(counts, chances, strict=True)], dtype=np.float32)


def told(
    views: np.ndarray, asked: np.ndarray, clip: float = NO_CLIP, times: float = 1.0, noise: np.ndarray | float = 0.0
) -> CowatchSums:
    """Sums of the devices' vectors, of `times` as many devices, with noise in each entry."""
    layout, directions = latents.layout_of(len(asked)), latents.unit_directions(asked)
    vectors = cowatch_vectors(layout, views.astype(float), directions, clip)
    total = np.rint((vectors.sum(axis=0) * times + noise) * FINE_UNITS).astype(np.int64)
    variance, devices = float(np.var(noise)) * FINE_UNITS**2, len(views) * times
    return CowatchSums.read(total, asked, units=FINE_UNITS, clip=clip, variance=variance, devices=devices)


def found_titles(views: np.ndarray, encoded: EncodedCatalog, exchanges: int = latents.EXCHANGES) -> np.ndarray:
    """V by question and answer, as the central learner asks."""
    return latents.find_titles(lambda asked: told(views, asked), encoded, np.random.default_rng(1), exchanges)


def viewers_of(views: np.ndarray, titles: np.ndarray) -> np.ndarray:
    """f [d, F] as a device has it, without a title that is asked about."""
    return (views @ titles) / (views.sum(axis=1, keepdims=True) + PRIOR_EXPOSURE)


def canonical(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Canonical correlations of two sets of columns, largest first."""
    bases = [np.linalg.qr(columns - columns.mean(axis=0))[0] for columns in (one, other)]
    return np.linalg.svd(bases[0].T @ bases[1])[1]


@pytest.mark.parametrize("seed", range(3))
def test_what_no_tag_tells_is_found(seed):
    encoded = encoded_titles(60)
    person, views = watched(encoded, seed)
    titles = found_titles(views, encoded)
    assert titles.shape == (60, LATENTS)
    found = canonical(viewers_of(views, titles), person)
    at_random = np.random.default_rng(seed).standard_normal(titles.shape)
    by_chance = canonical(viewers_of(views, at_random), person)
    assert found.min() > 0.75 and (found > by_chance + 0.08).all() and found.min() > by_chance.min() + 0.3


def test_the_directions_are_the_leading_ones():
    """Those of the whole matrix P D C D P, which no server has; one question alone finds less of them."""
    encoded = encoded_titles(60)
    _, views = watched(encoded, 1)
    x = views.astype(np.float64)
    n, c = x.sum(axis=0), x.T @ x - np.diag((x**2).sum(axis=0))
    d = (n > 0) / np.sqrt(n + latents.FEW_VIEWS * n.mean())
    told, _ = np.linalg.qr(np.column_stack([encoded.title_shares, n, x.T @ x.sum(axis=1)]) * d[:, None])
    p = np.eye(60) - told @ told.T
    _, vectors = np.linalg.eigh(p @ (d[:, None] * c * d) @ p)
    leading = vectors[:, -RANK:]
    shares = [
        np.linalg.svd(leading.T @ np.linalg.qr(found_titles(views, encoded, count) / d[:, None])[0])[1].min()
        for count in (1, latents.EXCHANGES)
    ]
    assert shares[0] < 0.96 and shares[1] > 0.9999


@pytest.mark.parametrize("titles", [9, 60])
def test_what_tags_tell_is_left_to_the_tags(titles):
    """V is orthogonal to the titles' shares of each tag, to how popular they are and to what heavy viewers watch."""
    encoded = encoded_titles(titles)
    _, views = watched(encoded, 2)
    found = found_titles(views, encoded)
    norm = np.linalg.norm(found, axis=0)
    for told in (encoded.title_shares, views.sum(axis=0)[:, None], (views.T @ views.sum(axis=1))[:, None]):
        size = np.linalg.norm(told, axis=0)[:, None] * norm
        assert (np.abs(told.T.astype(float) @ found) <= 1e-6 * size).all()
    assert found.any()


def test_what_tags_tell_is_left_to_the_tags_in_a_large_fleet():
    encoded = encoded_titles(60)
    _, views = watched(encoded, 0)
    found = latents.find_titles(
        lambda asked: told(views, asked, times=1000.0), encoded, np.random.default_rng(1), latents.EXCHANGES
    )
    size = np.linalg.norm(encoded.title_shares, axis=0)[:, None] * np.linalg.norm(found, axis=0) + 1e-12
    assert found.any()
    assert (np.abs(encoded.title_shares.T @ found) / size).max() < 1e-6


@pytest.mark.parametrize("cut", [-126, -6, -3, 3, 6])
def test_a_model_of_a_wrong_length_is_refused(cut):
    encoded = encoded_titles(60)
    flat = Model.zero_shot(encoded).to_array()
    wrong = flat[:cut] if cut < 0 else np.append(flat, np.zeros(cut))
    with pytest.raises(ValueError, match="numbers"):
        Model.from_array(encoded, wrong)


def test_viewers_have_variance_1():
    """Where each met as much as the mean one did; latents that there are none of are 0."""
    encoded = encoded_titles(60)
    _, views = watched(encoded, 3)
    for x in (views, 3 * views):
        titles = found_titles(x, encoded)
        f, real = x @ titles / (x.sum(axis=1).mean() + PRIOR_EXPOSURE), titles.any(axis=0)
        assert RANK <= real.sum() <= LATENTS and real[:RANK].all()
        np.testing.assert_allclose((f**2).mean(axis=0), real, atol=0.05)
        np.testing.assert_allclose(f.mean(axis=0), 0, atol=1e-6)


def test_titles_that_nobody_watched_are_0():
    encoded = encoded_titles(60)
    person, views = watched(encoded, 4)
    views[:, [0, 17, 59]] = 0
    titles = found_titles(views, encoded)
    assert not titles[[0, 17, 59]].any() and np.isfinite(titles).all()
    assert np.abs(np.delete(titles, [0, 17, 59], axis=0)).max(axis=1).min() > 0
    assert canonical(viewers_of(views, titles), person).min() > 0.6


@pytest.mark.parametrize("titles", [1, 2, 4])
@pytest.mark.parametrize("viewers", [0, 1, 300])
def test_too_few_titles_have_none(titles, viewers):
    """Their tags and their popularity tell all."""
    encoded = encoded_titles(titles)
    views = np.random.default_rng(0).poisson(2, (viewers, titles)).astype(np.float32)
    found = found_titles(views, encoded)
    np.testing.assert_array_equal(found, np.zeros((titles, LATENTS)))


@pytest.mark.parametrize("viewers", [0, 1, 5])
def test_hardly_any_viewers(viewers):
    encoded = encoded_titles(60)
    views = watched(encoded, 5)[1][:viewers]
    found = found_titles(views, encoded)
    assert np.isfinite(found).all() and not found[views.sum(axis=0) == 0].any()


@pytest.mark.parametrize("clip", [NO_CLIP, 4.0])
def test_sums_are_in_views_whether_devices_were_shortened_or_not(clip):
    """Where all devices are alike, how much was cut off follows from how many views they have."""
    views = np.tile(np.array([[3.0, 0, 1, 0, 0, 2]]), (5, 1))
    asked = np.random.default_rng(3).normal(size=(6, 6))
    sums, x = told(views, asked, clip), views[0]
    np.testing.assert_allclose(sums.views, 5 * x, atol=1e-3)
    np.testing.assert_allclose(sums.weighted, 5 * x * x.sum(), atol=1e-2)
    np.testing.assert_allclose(sums.squares, 5 * x**2, atol=1e-2)
    np.testing.assert_allclose(sums.products, 5 * (np.outer(x, x) - np.diag(x**2)) @ asked, atol=1e-2)
    assert sums.viewers == pytest.approx(5) and sums.noise < 1e-3


def noised_titles(views: np.ndarray, encoded: EncodedCatalog, times: float, deviation: float, seed: int = 2):
    """V as a private campaign finds it: from clipped vectors, summed over `times` as many devices, with noise."""
    rng = np.random.default_rng(seed)

    def ask(asked: np.ndarray) -> CowatchSums:
        noise = rng.normal(size=latents.layout_of(len(asked)).size) * deviation
        return told(views, asked, latents.VIEWS_CLIP, times, noise)

    return latents.find_titles(ask, encoded, np.random.default_rng(1), 2)


@pytest.mark.parametrize("seed", range(2))
def test_what_no_tag_tells_is_found_through_noise_by_a_large_fleet(seed):
    """Noise of 3.4 in each entry, as for a tenth of ε = 8: 800 devices see nothing through it, 80,000 do."""
    encoded = encoded_titles(60)
    person, views = watched(encoded, seed)
    assert not noised_titles(views, encoded, 1.0, 3.4).any()
    titles = noised_titles(views, encoded, 100.0, 3.4)
    real = titles.any(axis=0)
    assert real.sum() >= RANK
    assert canonical(viewers_of(views, titles[:, real]), person).min() > 0.65


def test_noise_alone_makes_no_latents():
    encoded = encoded_titles(60)
    nobody = np.zeros((10, 60), dtype=np.float32)
    for seed in range(10):
        assert not noised_titles(nobody, encoded, 1.0, 3.4, seed).any()


def test_the_central_learner_finds_them_too(tmp_path):
    world = SyntheticWorld(viewers=200, titles=40, artworks=4, impressions=15, idiosyncrasy=0.7, seed=1)
    found = simulate(world, steps_per_round=5, rounds=3, seed=2, learner="central", out=tmp_path / "bundle")
    assert load_model(found.bundle, world.catalog, "numpy").latents.artworks.any()
