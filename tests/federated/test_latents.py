"""Latents from sums: titles' vectors from what is watched together, pictures' from what came of them, by level."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
from choosing_samples import sample_catalog

import keyart
from keyart.bundle.loading import load_model
from keyart.campaigns.kinds.gradient import FRACTION_BITS
from keyart.campaigns.together import together
from keyart.campaigns.vector_layout import ARTWORK_SUMS
from keyart.model.features import EncodedCatalog, FeatureSpec, view_weight
from keyart.model.latents import LATENTS, PRIOR_MET
from keyart.model.ranker.numpy_engine import sigmoid
from keyart_federated import simulate
from keyart_federated.learning import latents
from keyart_federated.learning.latents import MOST_STIFFNESS, STIFFNESS_KEPT, VARIANCE_RANGE, ArtworkLatents, advance
from keyart_federated.learning.model import Model
from keyart_federated.simulation.devices import Devices
from keyart_federated.worlds import SyntheticWorld

# Titles, from what is watched together

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


def found_titles(views: np.ndarray, encoded: EncodedCatalog, exchanges: int = latents.EXCHANGES) -> np.ndarray:
    """V by question and answer, as the central learner asks."""
    asked = latents.first_question(views.shape[1], np.random.default_rng(1))
    for exchange in range(exchanges):
        sums = together(views, asked) / float(1 << FRACTION_BITS)
        if exchange < exchanges - 1:
            asked = latents.next_question(sums, asked, encoded)
    return latents.title_latents(sums, asked, encoded)


def viewers_of(views: np.ndarray, titles: np.ndarray) -> np.ndarray:
    """f [d, F] as a device has it, without a title that is asked about."""
    return (views @ titles) / (views.sum(axis=1, keepdims=True) + PRIOR_MET)


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
        assert (np.abs(told.T.astype(float) @ found) <= 1e-9 * size).all()
    assert found.any()


def test_what_tags_tell_is_left_to_the_tags_in_a_large_fleet():
    encoded = encoded_titles(60)
    _, views = watched(encoded, 0)
    asked = latents.first_question(60, np.random.default_rng(1))
    for exchange in range(latents.EXCHANGES):
        sums = 1000 * together(views, asked) / float(1 << FRACTION_BITS)
        if exchange < latents.EXCHANGES - 1:
            asked = latents.next_question(sums, asked, encoded)
    found = latents.title_latents(sums, asked, encoded)
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
        f, real = x @ titles / (x.sum(axis=1).mean() + PRIOR_MET), titles.any(axis=0)
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


# Pictures, from sums

CATALOG = sample_catalog(titles=20, artworks=5)
ENCODED = EncodedCatalog.build(CATALOG, FeatureSpec.from_catalog(CATALOG))
PICTURES, TITLES = len(ENCODED.artwork), len(CATALOG)
TAGS, DIRECTIONS = ENCODED.spec.artwork_size, len(ENCODED.spec.direction_names)
LEVELS = ("tag", "title", "picture")
DAMPING = 0.65
INTERCEPT = -1.0
NO_STEP = np.zeros((TAGS, DIRECTIONS)), np.zeros(PICTURES)  # of the ranker's tag weights, and of appeals


@dataclass(frozen=True)
class Log:
    """Decisions: f [N, F] of who saw which picture, and whether it was played; whether f tells it or not."""

    f: np.ndarray
    picture: np.ndarray
    played: np.ndarray

    @classmethod
    def drawn(cls, true: np.ndarray, seed: int = 0, viewers: int = 1500, seen: np.ndarray | None = None) -> Log:
        """40 decisions a viewer, of pictures drawn from `seen`; true [n, F]."""
        rng = np.random.default_rng(seed)
        f = np.repeat(rng.standard_normal((viewers, LATENTS)), 40, axis=0)
        picture = rng.choice(np.arange(PICTURES) if seen is None else seen, len(f))
        chance = sigmoid(INTERCEPT + (f * true[picture]).sum(-1))
        return cls(f, picture, (rng.random(len(f)) < chance).astype(float))

    def sums(self, table: np.ndarray, share: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """What devices with that table add up: artworks, moments. share: of the curvature, that is told."""
        chance = sigmoid(INTERCEPT + (self.f * table[self.picture]).sum(-1))
        r, w = self.played - chance, share * chance * (1 - chance)
        artworks = np.zeros((PICTURES, ARTWORK_SUMS))
        columns = [r, w, 0 * r, 0 * r, np.ones_like(r), *(r * self.f.T), *(w * self.f.T)]
        np.add.at(artworks, self.picture, np.stack(columns, axis=1))
        directions = np.eye(1, DIRECTIONS).repeat(len(r), axis=0)
        return artworks, np.concatenate([directions, self.f], axis=1).T @ (w[:, None] * self.f)

    def rounds(self, count: int, share: float = 1.0) -> list[ArtworkLatents]:
        states = [ArtworkLatents.start(ENCODED)]
        for _ in range(count):
            sums = self.sums(states[-1].table(ENCODED), share)
            states.append(advance(states[-1], *sums, *NO_STEP, ENCODED, DAMPING))
        return states


def planted(seed: int = 3) -> dict[str, np.ndarray]:
    """[n, F] by level."""
    rng = np.random.default_rng(seed)
    return {
        "tag": ENCODED.artwork @ rng.normal(0, 0.4, (TAGS, LATENTS)),
        "title": rng.normal(0, 0.4, (TITLES, LATENTS))[ENCODED.title_of],
        "picture": rng.normal(0, 0.3, (PICTURES, LATENTS)),
    }


def by_level(state: ArtworkLatents) -> dict[str, float]:
    """Root mean square of each level's part of the table."""
    levels = {
        "tag": ENCODED.artwork @ state.by_tag,
        "title": state.by_title[ENCODED.title_of],
        "picture": state.by_picture,
    }
    return {name: float(np.sqrt((part**2).mean())) for name, part in levels.items()}


def correlation(state: ArtworkLatents, true: np.ndarray) -> float:
    return float(np.corrcoef(state.table(ENCODED).ravel(), true.ravel())[0, 1])


def test_a_start_is_nothing():
    state = ArtworkLatents.start(ENCODED)
    assert not state.table(ENCODED).any() and state.stiffness == 1
    assert state.variance.shape == (3, LATENTS) and (state.variance > VARIANCE_RANGE[0]).all()


def test_what_was_planted_is_found_and_nearer_each_round():
    true = sum(planted().values())
    states = Log.drawn(true).rounds(6)
    found = [correlation(state, true) for state in states[1:]]
    assert all(later > before for before, later in itertools.pairwise(found))
    assert found[0] > 0.95 and found[-1] > 0.98
    away = [np.linalg.norm(state.table(ENCODED) - true) for state in states]
    assert away[-1] < 0.2 * away[0]
    assert np.linalg.norm(states[-1].step) < 0.1 * np.linalg.norm(states[1].step)


@pytest.mark.parametrize("level", LEVELS)
def test_signal_goes_to_its_level(level):
    true = planted()[level]
    state = Log.drawn(true).rounds(8)[-1]
    assert correlation(state, true) > 0.93
    parts = by_level(state)
    others = [size for name, size in parts.items() if name != level]
    assert parts[level] > 2.5 * max(others) and parts[level] > 0.7 * np.sqrt((true**2).mean())
    variance = dict(zip(LEVELS, state.variance.mean(axis=1), strict=True))
    assert variance.pop(level) > 5 * max(variance.values())


def test_without_a_signal_variances_go_to_their_floor():
    states = Log.drawn(np.zeros((PICTURES, LATENTS))).rounds(25)
    means = np.array([state.variance.mean(axis=1) for state in states])
    floor = VARIANCE_RANGE[0]
    assert means[-1, 0] == pytest.approx(floor, rel=0.05) and (means[-1] < 4 * floor).all()
    assert (means[-1] < means[0] / 20).all() and (means >= floor * (1 - 1e-9)).all()
    sizes = [np.abs(states[k].table(ENCODED)).max() for k in (1, 8, 25)]
    assert sizes[2] < sizes[1] < sizes[0] and sizes[2] < 0.1


def test_pictures_that_nobody_saw_have_what_is_common():
    """The tags' and the title's latents, and none of their own."""
    seen = np.arange(0, PICTURES, 3)
    true = planted()["tag"] + planted()["title"]
    states = Log.drawn(true, seen=seen).rounds(5)
    unseen = np.setdiff1d(np.arange(PICTURES), seen)
    for state in states:
        assert all(np.isfinite(getattr(state, field.name)).all() for field in fields(ArtworkLatents))
        assert not state.by_picture[unseen].any()
    assert states[-1].by_picture[seen].any()
    assert np.corrcoef(states[-1].table(ENCODED)[unseen].ravel(), true[unseen].ravel())[0, 1] > 0.9


def test_one_picture_alone_was_seen():
    states = Log.drawn(planted()["picture"], viewers=20, seen=np.array([7])).rounds(4)
    assert np.isfinite(states[-1].table(ENCODED)).all() and states[-1].table(ENCODED)[7].any()
    elsewhere = ENCODED.title_of != ENCODED.title_of[7]
    assert not states[-1].by_title[np.unique(ENCODED.title_of[elsewhere])].any()


def test_nothing_observed_changes_nothing():
    state = Log.drawn(sum(planted().values()), viewers=100).rounds(2)[-1]
    artworks, moments = np.zeros((PICTURES, ARTWORK_SUMS)), np.zeros((DIRECTIONS + LATENTS, LATENTS))
    assert advance(state, artworks, moments, *NO_STEP, ENCODED, DAMPING) is state
    artworks[:, [0, 1, 4]] = 1.0, 0.2, 2.0  # decisions of viewers who have met nothing
    assert advance(state, artworks, moments, *NO_STEP, ENCODED, DAMPING) is state


def told_by_a_direction(log: Log, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `Log.sums`, of viewers whose second direction is their first latent."""
    artworks, moments = log.sums(table)
    moments[1] = moments[DIRECTIONS]
    return artworks, moments


def test_what_the_rankers_step_explains_is_taken_off():
    """Signal by tag along a direction that goes with the first latent: the ranker has taken it, and latents do not
    again."""
    weights = np.random.default_rng(1).normal(0, 0.2, TAGS)
    true = np.zeros((PICTURES, LATENTS))
    true[:, 0] = ENCODED.artwork @ weights
    log, start = Log.drawn(true), ArtworkLatents.start(ENCODED)
    sums = told_by_a_direction(log, start.table(ENCODED))
    taken, (not_taken, no_appeal) = np.zeros((TAGS, DIRECTIONS)), NO_STEP
    taken[:, 1] = weights
    tables = [advance(start, *sums, step, no_appeal, ENCODED, DAMPING).table(ENCODED) for step in (taken, not_taken)]
    along = [table[:, 0] @ true[:, 0] / (true[:, 0] @ true[:, 0]) for table in tables]
    assert abs(along[0]) < 0.1 and along[1] > 0.5


def test_what_the_appeals_step_explains_is_taken_off():
    """A picture shown to people alike, which everybody plays more: that is its appeal."""
    rng = np.random.default_rng(2)
    appeal = np.where(np.arange(PICTURES) % 2, 0.5, -0.5)
    picture = rng.integers(0, PICTURES, 60_000)
    f = rng.standard_normal((len(picture), LATENTS)) + np.sign(appeal)[picture, None]
    played = (rng.random(len(picture)) < sigmoid(INTERCEPT + appeal[picture])).astype(float)
    log, start, (no_weights, not_taken) = Log(f, picture, played), ArtworkLatents.start(ENCODED), NO_STEP
    sums = log.sums(start.table(ENCODED))
    tables = [advance(start, *sums, no_weights, a, ENCODED, DAMPING).table(ENCODED) for a in (appeal, not_taken)]
    assert abs(tables[0].mean()) < 0.1 * tables[1].mean()


def test_stiffness_is_how_much_more_curvature_a_step_met():
    """Slope 2 along the last step, .5 of curvature assumed: where it fell by 1.5, there was three times as much."""
    log = Log.drawn(planted()["picture"], viewers=200)
    state = log.rounds(1)[-1]
    artworks, moments = log.sums(state.table(ENCODED))
    decisions = artworks[:, 4].sum()
    gradient = artworks[:, 5 : 5 + LATENTS]
    now = float((gradient * state.step).sum() / decisions)

    def next_of(fell: float, stiffness: float = 1.0, assumed: float = 0.5) -> ArtworkLatents:
        old = replace(state, slope=now + fell, assumed=assumed, stiffness=stiffness)
        return advance(old, artworks, moments, *NO_STEP, ENCODED, DAMPING)

    usual, careful = next_of(0.5), next_of(1.5)
    assert (usual.stiffness, careful.stiffness) == pytest.approx((1, 3))
    np.testing.assert_allclose(careful.by_tag - state.by_tag, (usual.by_tag - state.by_tag) / 3, atol=1e-12)
    assert next_of(0.1).stiffness == next_of(-5).stiffness == 1
    assert next_of(0.5, stiffness=3).stiffness == pytest.approx(1 + 2 * STIFFNESS_KEPT)  # not forgotten at once
    assert next_of(500).stiffness == MOST_STIFFNESS
    assert next_of(1.5, stiffness=3, assumed=0.0).stiffness == 3


@pytest.mark.parametrize("share", [1.0, 0.25, 0.1])
def test_steps_that_overshoot_are_held_back(share):
    """Of the curvature, a quarter is told: steps go far beyond, until that is measured; then they settle."""
    true = planted()["title"] + planted()["picture"]
    states = Log.drawn(true).rounds(14, share)
    away = [np.linalg.norm(state.table(ENCODED) - true) / np.linalg.norm(true) for state in states]
    assert away[-1] < 0.25
    stiffness = [state.stiffness for state in states]
    assert all(1 <= one <= MOST_STIFFNESS for one in stiffness)
    assert max(stiffness) == 1 if share == 1 else max(stiffness) > 0.7 / share * DAMPING and max(away) > 1.2


# Both, over simulated devices

SETTINGS = {"steps_per_round": 5, "rounds": 3, "seed": 2}


@pytest.fixture(scope="module")
def world() -> SyntheticWorld:
    return SyntheticWorld(viewers=200, titles=40, artworks=4, impressions=15, idiosyncrasy=0.7, seed=1)


def test_parts_add_up_what_their_devices_watched(world):
    """Views by their weights; parts add up to the fleet."""
    spec = FeatureSpec.from_catalog(world.catalog)
    settings = {"seed": 0, "policy": keyart.Policy(), "reward": keyart.Reward(), "head": None}
    views = np.zeros((world.devices, len(world.catalog)), dtype=np.float32)
    for i in range(world.devices):
        for view in world.history(i):
            title = world.catalog[view.title_id]
            at = world.catalog.index(view.title_id)
            views[i, at] += np.float32(view_weight(view, title.duration, settings["reward"], spec))
    asked = latents.first_question(len(world.catalog), np.random.default_rng(0))
    expected = together(views, asked)
    assert expected.any()
    nodes = [Devices(world, np.arange(n, world.devices, 3), spec, 1, **settings).together(asked) for n in range(3)]
    np.testing.assert_array_equal(np.sum(nodes, axis=0), expected)


def test_the_central_learner_finds_them_too(world, tmp_path):
    found = simulate(world, **SETTINGS, learner="central", out=tmp_path / "bundle")
    assert load_model(found.bundle, world.catalog, "numpy").latents.artworks.any()
