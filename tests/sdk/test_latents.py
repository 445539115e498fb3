"""Latents: f is the formula, whole numbers go there and back, and each id finds its row in any catalogue."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from choosing_samples import TV, sample_bundle, sample_catalog, sample_model
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import keyart
from keyart.bundle.loading import load_model
from keyart.model.latents import LATENTS, MAX_QUANTIZED, PRIOR_EXPOSURE, Latents, dequantize_latents, quantize_latents
from keyart.model.loaded_model import LoadedModel
from keyart_federated.export import write_bundle

TITLES, PICTURES = 7, 4
CATALOG = sample_catalog()


def latents_of(seed: int = 0) -> Latents:
    rng = np.random.default_rng(seed)
    return Latents.of(rng.normal(0, 3, (TITLES, LATENTS)), rng.normal(0, 0.3, (TITLES * PICTURES, LATENTS)))


def counts_of(*lead: int, seed: int = 1) -> np.ndarray:
    """[…, T]: quarters, as views and answers add up to; most titles were never met."""
    rng = np.random.default_rng(seed)
    met = rng.integers(1, 20, (*lead, TITLES)) * (rng.random((*lead, TITLES)) < 0.4)
    return (met / 4).astype(np.float32)


@pytest.mark.parametrize("lead", [(), (1,), (5,), (2, 3)])
def test_a_viewer_is_the_formula(lead):
    """f_t = Σ m_s V_s / (Σ m_s + PRIOR_MET) over s ≠ t, title by title and viewer by viewer."""
    latents, counts = latents_of(), counts_of(*lead)
    asked = np.random.default_rng(2).integers(0, TITLES, (*lead, 9))
    found = latents.viewer(latents.met(counts), asked)
    assert found.shape == (*lead, 9, LATENTS) and found.dtype == np.float32
    for at in np.ndindex(*lead, 9):
        total, weight = np.zeros(LATENTS), PRIOR_EXPOSURE
        for s in range(TITLES):
            if s != asked[at]:
                total += float(counts[at[:-1]][s]) * latents.titles[s].astype(float)
                weight += float(counts[at[:-1]][s])
        np.testing.assert_allclose(found[at], total / weight, rtol=1e-5, atol=1e-6)
    assert found.any()


def test_the_same_titles_are_asked_of_all_viewers():
    latents, met = latents_of(), latents_of().met(counts_of(5))
    asked = np.array([3, 0, 3])
    np.testing.assert_array_equal(latents.viewer(met, asked), latents.viewer(met, np.broadcast_to(asked, (5, 3))))


@pytest.mark.parametrize("title", range(TITLES))
def test_what_was_met_of_a_title_tells_nothing_of_it(title):
    latents, counts = latents_of(), counts_of(6)
    more = counts.copy()
    more[:, title] += 100
    before, after = (latents.viewer(latents.met(c), np.arange(TITLES)) for c in (counts, more))
    np.testing.assert_allclose(after[:, title], before[:, title], atol=2e-5)
    assert (np.abs(after - before).max(axis=-1) > 0.1)[:, np.arange(TITLES) != title].all()
    only = np.zeros(TITLES, dtype=np.float32)
    only[title] = 3
    assert not latents.viewer(latents.met(only), np.array([title])).any()


@pytest.mark.parametrize("seed", range(3))
def test_offsets_are_the_viewer_times_the_pictures(seed):
    latents, counts = latents_of(seed), counts_of(seed=seed)
    met = latents.met(counts)
    f = latents.viewer(met, np.arange(TITLES)).astype(float)
    for title in range(TITLES):
        pictures = slice(PICTURES * title, PICTURES * title + PICTURES)
        expected = latents.artworks[pictures].astype(float) @ f[title]
        found = latents.logits(met, title, pictures)
        assert found.shape == (PICTURES,) and found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(latents.logits(met, title, np.arange(TITLES * PICTURES)[pictures]), found)
    assert not latents.logits(latents.met(np.zeros(TITLES, dtype=np.float32)), 0, slice(None)).any()


def test_who_has_met_little_counts_little():
    """Half of the mean of what was met, where that weighs as much as the prior."""
    latents = latents_of()
    met = latents.met(np.eye(1, TITLES, 2, dtype=np.float32)[0] * np.float32(PRIOR_EXPOSURE))
    np.testing.assert_allclose(latents.viewer(met, np.array([0]))[0], latents.titles[2] / 2, rtol=1e-6)


numbers = st.floats(-1e3, 1e3, width=32, allow_subnormal=False)
tables = st.integers(0, 6).flatmap(lambda rows: arrays(np.float32, (rows, LATENTS), elements=numbers))


@settings(max_examples=200, deadline=None)
@given(tables)
def test_whole_numbers_there_and_back(table):
    """Within half a step, the largest of each column exactly; a column of 0 stays 0."""
    table = table.astype(np.float64)
    small, scale = quantize_latents(table)
    assert small.dtype == np.int8 and small.shape == table.shape and len(scale) == LATENTS
    back = dequantize_latents(small, scale)
    assert back.dtype == np.float32 and back.shape == table.shape
    assert (np.abs(back - table) <= 0.5001 * np.array(scale)).all()
    if len(table):
        largest = np.abs(table).max(axis=0)
        np.testing.assert_array_equal(np.abs(small.astype(int)).max(axis=0), np.where(largest > 0, MAX_QUANTIZED, 0))
        np.testing.assert_allclose(np.abs(back).max(axis=0), largest, rtol=1e-6)


def test_a_column_of_nothing_and_a_table_of_nothing():
    table = np.random.default_rng(0).normal(size=(5, LATENTS))
    table[:, 2] = 0
    small, scale = quantize_latents(table)
    assert scale[2] == 0 and not small[:, 2].any() and not dequantize_latents(small, scale)[:, 2].any()
    assert all(step > 0 for step in scale[:2] + scale[3:])
    small, scale = quantize_latents(np.zeros((0, LATENTS)))
    assert scale == [0.0] * LATENTS and dequantize_latents(small, scale).shape == (0, LATENTS)


def test_all_of_it_tells_it_from_others():
    latents = latents_of()
    assert latents.to_bytes() == latents_of().to_bytes() != latents_of(1).to_bytes()
    for name in ("titles", "artworks"):
        changed = getattr(latents, name).copy()
        changed[-1, -1] += 1
        assert replace(latents, **{name: changed}).to_bytes() != latents.to_bytes()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_bundle(tmp_path_factory.mktemp("latents") / "bundle", CATALOG)


def larger() -> keyart.Catalog:
    """A new title first, the known ones the other way round, each with a new picture in front."""
    new = keyart.Title("new", tags={"genre:crime": 1.0}, artworks=[keyart.Artwork("new/a", {"faces": 1.0})])
    more = [
        replace(title, artworks=[keyart.Artwork(f"{title.id}/new", {"faces": 0.5}), *title.artworks])
        for title in reversed(CATALOG.titles)
    ]
    return keyart.Catalog.from_titles([new, *more])


def smaller() -> keyart.Catalog:
    """Two titles are left, and of one of them every second picture."""
    return keyart.Catalog.from_titles([CATALOG["t4"], replace(CATALOG["t1"], artworks=CATALOG["t1"].artworks[::2])])


@pytest.mark.parametrize("catalog", [CATALOG, larger(), smaller()], ids=["same", "larger", "smaller"])
def test_tables_are_by_id(bundle, catalog):
    """Whatever the device's catalogue: known ids have their rows, those that the model does not know are 0."""
    model = sample_model(CATALOG)
    known = Latents.of(model.title_latents, model.artwork_latents)
    pictures = [artwork.id for title in CATALOG for artwork in title.artworks]
    titles = dict(zip([title.id for title in CATALOG], known.titles, strict=True))
    artworks = dict(zip(pictures, known.artworks, strict=True))
    nothing = np.zeros(LATENTS, dtype=np.float32)
    found = load_model(bundle, catalog, "numpy").latents
    assert found is not None
    np.testing.assert_array_equal(found.titles, [titles.get(title.id, nothing) for title in catalog])
    listed = [artwork.id for title in catalog for artwork in title.artworks]
    np.testing.assert_array_equal(found.artworks, [artworks.get(one, nothing) for one in listed])
    assert found.titles.any() and found.artworks.any()


def test_rows_of_nothing_are_left_out_of_the_bundle(tmp_path):
    model = sample_model(CATALOG)
    model.title_latents[[1, 4]] = model.artwork_latents[8:16] = 0
    folder = write_bundle(tmp_path / "b", model, CATALOG, data="Made up.", training={"round": 1, "devices": 1})
    document = json.loads((folder / "vocabulary.json").read_bytes())["latents"]
    assert list(document["titles"]["numbers"]) == ["t0", "t2", "t3", "t5"]
    assert not any(one.startswith("t1/") for one in document["artworks"]["numbers"])
    found = load_model(folder, CATALOG, "numpy").latents
    assert found.to_bytes() == Latents.of(model.title_latents, model.artwork_latents).to_bytes()


def test_a_bundle_without_latents_has_none(tmp_path):
    """Those of before had none: they are valid, and nothing is added."""
    model = sample_model(CATALOG)
    model = replace(model, title_latents=np.zeros_like(model.title_latents))
    folder = write_bundle(tmp_path / "b", model, CATALOG, data="Made up.", training={"round": 1, "devices": 1})
    assert "latents" not in json.loads((folder / "vocabulary.json").read_bytes())
    keyart.bundle.verify(folder)
    assert load_model(folder, CATALOG, "numpy").latents is None
    assert LoadedModel.nothing(CATALOG).latents is None
    with keyart.Personalizer.open("memory", catalog=CATALOG, keys=keyart.EphemeralKey(), bundle=folder) as art:
        art.consent.grant("personalization")
        art.record(keyart.View("t1", TV.at, 6000))
        decision = art.choose("t0", TV)
        assert art.observe(decision.id, keyart.Outcome.played(3000)) and art.explain(decision.id).factors
