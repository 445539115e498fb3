"""Training and population vectors: never longer than 1, whatever is in a log, and each figure in its place."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.worlds import tiny_catalog

from keyart.campaigns.kinds.gradient import direction_features, gradient_sums
from keyart.campaigns.kinds.population import (
    POPULATION_PART_SCALES,
    PopulationLayout,
    population_part_norm,
    population_sums,
    population_vectors,
)
from keyart.campaigns.kinds.training import (
    MAX_CURVATURE_RATIO,
    MOMENTS_NORM,
    MOMENTS_SIZE,
    SIDE_ENTRIES,
    SIDE_NORM,
    TrainingLayout,
    training_main_norm,
    training_vectors,
)
from keyart.errors import SettingError
from keyart.model.features import FeatureSpec
from keyart.model.features.rows import FeatureRows
from keyart.model.latents import LATENTS
from keyart.model.ranker import Weights
from keyart.model.ranker.weights import parameter_count, play_parameter_count
from keyart.model.scorer import DecisionLog

CATALOG = tiny_catalog()
SPEC = FeatureSpec.from_catalog(CATALOG)
PICTURES = sum(len(title.artworks) for title in CATALOG)
TRAINING, POPULATION = TrainingLayout(SPEC, PICTURES), PopulationLayout(SPEC, len(CATALOG))
P = parameter_count(SPEC)
PLAY = play_parameter_count(SPEC)
WEIGHTS = Weights.zero_shot(SPEC)
SCALE = np.random.default_rng(9).uniform(0.5, 3.0, TRAINING.scaled)
CLIP, MOST = 2.0, 20.0
SMALL = 1e-6  # of float32 sums


def log_of(devices: int, decisions: int, seed: int = 0, size: float = 1.0) -> tuple[DecisionLog, np.ndarray]:
    """A log of random features of that size, and the pictures shown [d, N]."""
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> np.ndarray:
        with np.errstate(over="ignore"):
            return (rng.normal(size=(devices, *shape)) * size).astype(np.float32)

    context = np.zeros((devices, decisions, len(SPEC.context_names)), dtype=np.float32)
    context[..., 0] = context[..., len(SPEC.devices) + 1] = 1.0
    rows = FeatureRows(
        artwork=some(decisions, SPEC.artwork_size),
        match=some(decisions, len(SPEC.match_names)),
        main=some(decisions, len(SPEC.main_names)),
        appeal=some(decisions, 2),
        viewer=some(SPEC.viewer_size),
        context=context,
    )
    played = rng.integers(0, 2, (devices, decisions)).astype(np.float32)
    quality = played * rng.integers(0, 2, (devices, decisions)).astype(np.float32)
    counted = (rng.random((devices, decisions)) < 0.8).astype(np.float32)
    log = DecisionLog(rows, some(decisions), played, quality, counted)
    return log, rng.integers(0, PICTURES, (devices, decisions))


def trained(
    log: DecisionLog,
    shown: np.ndarray,
    scale: np.ndarray = SCALE,
    clip: float = CLIP,
    layout: TrainingLayout = TRAINING,
) -> np.ndarray:
    return training_vectors(layout, WEIGHTS, log, shown, scale, clip, MOST).whole()


def with_latents(log: DecisionLog, seed: int = 0, size: float = 1.0) -> DecisionLog:
    shape = (*log.counted.shape, LATENTS)
    return replace(log, latents=(np.random.default_rng(seed).normal(size=shape) * size).astype(np.float32))


def viewers(devices: int, seed: int = 0, size: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """affinity [d, H] and known [d]."""
    rng = np.random.default_rng(seed)
    affinity = rng.random((devices, SPEC.viewer_size)).astype(np.float32) * np.float32(size)
    return affinity, (rng.random(devices) < 0.7).astype(np.float32)


def described(log: DecisionLog, titles: np.ndarray, affinity: np.ndarray, known: np.ndarray) -> np.ndarray:
    return population_vectors(POPULATION, log, titles, affinity, known)


def lengths(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt((vectors**2).sum(axis=-1))


def one_of(log: DecisionLog, row: int) -> DecisionLog:
    """The log of one device, as a fleet of one."""
    alone = slice(row, row + 1)
    rows = FeatureRows(**{name: value[alone] for name, value in vars(log.rows).items()})
    return DecisionLog(rows, log.offset[alone], log.played[alone], log.quality[alone], log.counted[alone])


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 1, 5, 300]),
    st.sampled_from([0.0, 1e-30, 1.0, 1e3, 1e6, 1e9]),
    st.sampled_from([1e-6, 1.0, 1e6]),
    st.sampled_from([1e-6, 0.3, 50.0]),
)
def test_a_training_vector_is_no_longer_than_one(seed, decisions, size, scale, clip):
    log, shown = log_of(3, decisions, seed, size)
    vectors = trained(log, shown, SCALE * scale, clip)
    assert vectors.shape == (3, TRAINING.size)
    assert (lengths(vectors) <= 1 + 1e-9).all()
    part = vectors[:, TRAINING.places["side"]]
    assert part.shape == (3, SIDE_ENTRIES) and (part >= 0).all() and (part <= SIDE_NORM * (1 + 1e-12)).all()
    assert (lengths(vectors[:, : TRAINING.scaled]) <= training_main_norm() * (1 + 1e-9)).all()


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 1, 5, 300]),
    st.sampled_from([0.0, 1e-30, 1.0, 1e3, 1e9]),
    st.sampled_from(["tags", "artworks"]),
    st.sampled_from([1e-6, 0.3, 50.0]),
)
def test_a_training_vector_with_latents_is_no_longer_than_one(seed, decisions, size, blocks, clip):
    log, shown = log_of(3, decisions, seed)
    layout = TrainingLayout(SPEC, PICTURES, blocks)
    vectors = trained(with_latents(log, seed, size), shown, np.full(layout.scaled, 0.7), clip, layout)
    assert vectors.shape == (3, layout.size) and (lengths(vectors) <= 1 + 1e-9).all()
    assert (lengths(vectors[:, layout.places["moments"]]) <= MOMENTS_NORM * (1 + 1e-9)).all()
    assert (lengths(vectors[:, : layout.scaled]) <= training_main_norm() * (1 + 1e-9)).all()


def test_places_of_latents():
    """Computed here the long way round, decision by decision."""
    log, shown = log_of(2, 6)
    log, layout = with_latents(log), TrainingLayout(SPEC, PICTURES, "artworks")
    vectors = trained(log, shown, np.full(layout.scaled, 0.5), 1e6, layout)
    device = gradient_sums(WEIGHTS, log)
    for row, vector in enumerate(vectors):
        part, back = layout.parts(vector), 0.5 * 1e6 / training_main_norm()
        tags, tables = np.zeros((SPEC.artwork_size, LATENTS)), np.zeros((PICTURES, LATENTS))
        tilts, second = np.zeros((PICTURES, LATENTS)), 0.0
        u = direction_features(log.rows)
        for n, picture in enumerate(shown[row]):
            r, f = device.artworks[row, n, 0], log.latents[row, n].astype(float)
            tags += r * np.outer(log.rows.artwork[row, n], f)
            tables[picture] += r * f
            tilts[picture] += device.artworks[row, n, 1] * f
            second += log.counted[row, n] * np.outer([*u[row, n], *f], f) / log.counted[row].sum()
        np.testing.assert_allclose(part["tag_latents"] * back, tags.ravel(), rtol=1e-4, atol=1e-5)
        both = np.concatenate([tables.ravel(), tilts.ravel()])
        np.testing.assert_allclose(part["artwork_latents"] * back, both, rtol=1e-4, atol=1e-5)
        told = part["moments"] / MOMENTS_NORM * MOMENTS_SIZE
        np.testing.assert_allclose(told, second.ravel(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("blocks", ["none", "tags", "artworks"])
def test_the_scale_says_which_blocks_are_asked_for(blocks):
    layout = TrainingLayout(SPEC, PICTURES, blocks)
    latents = blocks != "none"
    assert TrainingLayout.fitting(SPEC, PICTURES, latents, layout.scaled) == layout
    assert TrainingLayout.fitting(SPEC, PICTURES, not latents, layout.scaled) is None
    assert TrainingLayout.fitting(SPEC, PICTURES, latents, layout.scaled + 1) is None


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 5, 300]), st.sampled_from([0.0, 1e-30, 1.0, 1e3, 1e9]))
def test_a_population_vector_is_no_longer_than_one(seed, decisions, size):
    log, _ = log_of(3, decisions, seed, size)
    titles = np.random.default_rng(seed).integers(0, len(CATALOG), (3, decisions))
    vectors = described(log, titles, *viewers(3, seed, max(size, 1e-3)))
    assert vectors.shape == (3, POPULATION.size)
    assert (lengths(vectors) <= 1 + 1e-9).all()
    for place in POPULATION.places.values():
        assert (lengths(vectors[:, place]) <= population_part_norm() * (1 + 1e-9)).all()


@pytest.mark.parametrize("decisions", [0, 4])
def test_a_log_without_a_decision_says_only_that(decisions):
    log, shown = log_of(2, decisions)
    log = replace(log, counted=np.zeros_like(log.counted))
    vectors = trained(log, shown)
    assert not vectors[:, : TRAINING.scaled].any()
    np.testing.assert_allclose(vectors[:, TRAINING.places["side"]], [[SIDE_NORM, SIDE_NORM, 0, 0, 0, 0, 0]] * 2)
    nothing = described(log, np.zeros((2, decisions), dtype=np.intp), *viewers(2))
    for name in ("contexts", "situations", "matches", "titles"):
        assert not nothing[:, POPULATION.places[name]].any()


@pytest.mark.parametrize("name", ["artwork", "match", "main", "viewer"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_log_that_is_not_finite_is_refused(name, wrong):
    log, shown = log_of(2, 3)
    log = replace(log, counted=np.ones_like(log.counted))
    value = getattr(log.rows, name).copy()
    value[0, ..., -1] = wrong
    with pytest.raises(SettingError, match="not finite"):
        trained(replace(log, rows=replace(log.rows, **{name: value})), shown)


def test_training_places():
    """Each part is what it says it is, computed here the long way round, decision by decision."""
    log, shown = log_of(2, 6)
    vectors = trained(log, shown, clip=1e6)  # nothing is shortened
    device = gradient_sums(WEIGHTS, log)
    for row, vector in enumerate(vectors):
        part = TRAINING.parts(vector)
        back = 1e6 / training_main_norm()
        np.testing.assert_allclose(part["gradient"] * back * SCALE[:P], device.gradient[row], rtol=1e-5)
        for name, columns in (("artworks", [0, 2]), ("curvature", [1, 3])):
            sums = np.zeros((2, PICTURES))
            for n, picture in enumerate(shown[row]):
                sums[:, picture] += device.artworks[row, n, columns]
            told = part[name] * back * SCALE[TRAINING.places[name]]
            np.testing.assert_allclose(told, sums.ravel(), rtol=1e-5, atol=SMALL)
            assert (sums != 0).any(axis=1).all()
        assert (part["curvature"] >= 0).all()
        side = part["side"] / SIDE_NORM
        counted = log.counted[row]
        decisions, tried = counted.sum(), (counted * log.played[row]).sum()
        good = (counted * log.played[row] * log.quality[row]).sum()
        np.testing.assert_allclose(side[:5], [1, 1, decisions / MOST, tried / decisions, good / decisions], rtol=1e-6)
        for at, place, trace in ((5, slice(0, PLAY), device.play_trace), (6, slice(PLAY, P), device.keep_trace)):
            met = trace[row] / ((SCALE[:P][place] ** 2).sum() * MAX_CURVATURE_RATIO)
            assert side[at] == pytest.approx(min(met, 1.0), rel=1e-5)


def test_clipping_shortens_gradient_and_pictures_alike_and_says_by_how_much():
    log, shown = log_of(3, 12)
    free, tight = trained(log, shown, clip=1e6), trained(log, shown, clip=0.1)
    main = slice(0, TRAINING.scaled)
    length = lengths(free[:, main]) * 1e6 / training_main_norm()
    np.testing.assert_allclose(lengths(tight[:, main]), training_main_norm())
    np.testing.assert_allclose(tight[:, main] / training_main_norm(), free[:, main] / lengths(free[:, main])[:, None])
    side = tight[:, TRAINING.places["side"]] / SIDE_NORM
    np.testing.assert_allclose(side[:, 0], 0.1 / length)
    np.testing.assert_array_equal(side[:, 1], 0.0)


def test_decisions_beyond_the_most_are_not_counted():
    log, shown = log_of(1, int(2 * MOST))
    log = replace(log, counted=np.ones_like(log.counted))
    assert trained(log, shown)[0, TRAINING.places["side"]][2] == SIDE_NORM


def test_population_places():
    log, _ = log_of(2, 7, size=0.1)
    titles = np.random.default_rng(4).integers(0, len(CATALOG), (2, 7))
    affinity, known = viewers(2, size=0.1)
    vectors = described(log, titles, affinity, known)
    whole = population_sums(SPEC, log, affinity, known)
    for row, vector in enumerate(vectors):
        decisions = log.counted[row].sum()
        for name, part in POPULATION.parts(vector).items():
            if name == "titles":
                shown = np.bincount(titles[row], log.counted[row], len(CATALOG))
                expected = shown / math.sqrt((shown**2).sum())
            else:
                expected = whole[name][row] / (1.0 if name in ("viewers", "taste") else decisions)
            expected = expected / POPULATION_PART_SCALES[name]
            expected = expected / max(1.0, math.sqrt((expected**2).sum())) * population_part_norm()
            np.testing.assert_allclose(part, expected, rtol=1e-5, atol=SMALL)


@pytest.mark.parametrize("size", [1.0, 1e4])
def test_a_device_alone_says_what_it_says_in_a_batch(size):
    log, shown = log_of(4, 9, size=size)
    titles = shown % len(CATALOG)
    affinity, known = viewers(4)
    batch, people = trained(log, shown), described(log, titles, affinity, known)
    for row in range(4):
        at = slice(row, row + 1)
        alone = one_of(log, row)
        np.testing.assert_allclose(trained(alone, shown[at])[0], batch[row], rtol=1e-4, atol=SMALL)
        mine = described(alone, titles[at], affinity[at], known[at])[0]
        np.testing.assert_allclose(mine, people[row], rtol=1e-5, atol=SMALL)


def test_one_device_changes_no_other():
    log, shown = log_of(3, 9)
    before = trained(log, shown)
    changed = replace(log, offset=log.offset + np.array([[0.0], [5.0], [0.0]], dtype=np.float32))
    after = trained(changed, shown)
    np.testing.assert_allclose(after[[0, 2]], before[[0, 2]], rtol=1e-6)
    assert not np.allclose(after[1], before[1])


def test_parts_share_the_norm():
    assert training_main_norm() ** 2 + SIDE_ENTRIES * SIDE_NORM**2 + MOMENTS_NORM**2 == pytest.approx(1.0)
    assert population_part_norm() ** 2 * len(POPULATION_PART_SCALES) == pytest.approx(1.0)
    assert set(POPULATION_PART_SCALES) == set(POPULATION.sizes) and training_main_norm() > 0.9
    assert TRAINING.size == P + 4 * PICTURES + SIDE_ENTRIES == TRAINING.scaled + SIDE_ENTRIES
