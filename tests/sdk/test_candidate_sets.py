"""Slates: one title or a page, the same rows and values; rules in their order; what the person adds."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from choosing_samples import EVENING, TV, sample_bundle, sample_catalog

from keyart import Context, Policy
from keyart.bundle.loading import load_model
from keyart.model.artwork_bias import ArtworkBias
from keyart.model.candidates import CandidateSets
from keyart.model.features import ViewerFeatures, affinities
from keyart.model.features.rows import FeatureRows, slot_and_trending
from keyart.model.features.viewer import tally_views
from keyart.model.head import Head, update_head
from keyart.model.latents import PRIOR_EXPOSURE
from keyart.model.loaded_model import LoadedModel
from keyart.model.scorer import head_logit, sigmoid, value_of
from keyart.model.stated_preferences import PREFERENCE_LOGIT, StatedPreferences

CATALOG = sample_catalog()
SITUATION = Context("phone", EVENING, slot=2, trending={"t3": 0.4}, intent={"faces": 1.0})


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> LoadedModel:
    return load_model(sample_bundle(tmp_path_factory.mktemp("slates") / "bundle", CATALOG), CATALOG, "numpy")


def slates_of(
    installed: LoadedModel,
    head: Head | None = None,
    stated: StatedPreferences | None = None,
    own: ArtworkBias | None = None,
    met: np.ndarray | None = None,
) -> CandidateSets:
    """met [T]: what the latents go by; None: nothing."""
    encoded = installed.encoded
    watched, seen = tally_views(encoded, np.array([1, 2]), np.ones(2, dtype=np.float32))
    viewer = affinities(encoded, watched, seen, np.float32(2), installed.population_taste)
    if met is not None and installed.latents is not None:
        viewer = replace(viewer, met=installed.latents.met(met))
    return CandidateSets(CATALOG, installed, Policy(), viewer, head, lambda _: False, stated, own)


def head_of(installed: LoadedModel) -> Head:
    """One that has learned from eight pictures."""
    encoded = installed.encoded
    encoded.need([0])
    start = Head.start(installed.prior, installed.spec.artwork_size)
    head, played = start, np.arange(8, dtype=np.float32) % 2
    for tags, y in zip(encoded.artwork[:8], played, strict=True):
        head = update_head(head, tags, sigmoid(np.float32(-1.0)), y)
    return head


def test_a_page_has_the_rows_of_its_titles(installed):
    slates, titles = slates_of(installed), [3, 0, 5]
    page = slates.rows(titles, SITUATION)
    for i, title in enumerate(titles):
        part = slice(8 * i, 8 * i + 8)
        alone = slates.rows([title], SITUATION.at_slot(SITUATION.slot + i))
        for field in fields(FeatureRows):
            one, of_page = getattr(alone, field.name), getattr(page, field.name)
            of_page = of_page if field.name in ("viewer", "context") else of_page[part]
            np.testing.assert_allclose(of_page, one, rtol=1e-6, atol=1e-7, err_msg=field.name)
        slot, trending = slot_and_trending(installed.spec, SITUATION, f"t{title}", after=i)
        assert alone.main[:, 1].tolist() == [np.float32(slot)] * 8
        assert alone.main[0, 2] == np.float32(trending) == np.float32(0.4 if title == 3 else 0)
        assert alone.match[:, -1].any()  # the intent


def test_latents_are_added_to_plays_alone(installed):
    """The same of a page as of one title."""
    met = np.array([0, 3, 1, 0, 0.25, 0], dtype=np.float32)
    bare, known = slates_of(installed), slates_of(installed, met=met)
    titles = [2, 4, 5]
    for title, plain, mine in zip(titles, bare.candidates(titles, TV), known.candidates(titles, TV), strict=True):
        added = known.logits([title], TV).latents
        weight = np.where(np.arange(6) == title, 0, met)
        f = weight @ installed.latents.titles / (weight.sum() + PRIOR_EXPOSURE)
        np.testing.assert_allclose(added, installed.latents.artworks[known.pictures(title)] @ f, atol=1e-6)
        assert added.any() and bare.logits([title], TV).latents is None
        np.testing.assert_allclose(mine.play, plain.play + added, atol=1e-6)
        np.testing.assert_array_equal(mine.completion, plain.completion)
        np.testing.assert_array_equal(mine.value, value_of(mine.play, mine.completion))
        (alone,) = known.candidates([title], TV.at_slot(TV.slot + titles.index(title)))
        np.testing.assert_allclose(alone.play, mine.play, rtol=1e-5, atol=1e-6)
    none = slates_of(replace(installed, latents=None))
    assert none.logits([2], TV).latents is None
    np.testing.assert_array_equal(none.candidates([2], TV)[0].play, bare.candidates([2], TV)[0].play)


def test_candidates_are_scores_with_what_the_person_adds(installed):
    head, stated = head_of(installed), StatedPreferences.of(CATALOG, {"palette:warm": 1.0, "style:b": -1.0})
    assert stated is not None
    own = ArtworkBias(48)
    own.learn(17, np.float32(0.3), np.float32(1))
    bare, known = slates_of(installed), slates_of(installed, head, stated, own)
    for title, plain, mine in zip([2, 4], bare.candidates([2, 4], TV), known.candidates([2, 4], TV), strict=True):
        pictures = bare.pictures(title)
        np.testing.assert_array_equal(plain.value, value_of(plain.play, plain.completion))
        of_head = head_logit(head.mean, installed.encoded.artwork[pictures])
        added = of_head + stated.added[pictures] + own.added[pictures]
        assert own.added[pictures].any() == (title == 2)
        assert np.abs(stated.added[pictures]).max() == pytest.approx(PREFERENCE_LOGIT, abs=0.8)
        np.testing.assert_allclose(mine.play, plain.play + added, atol=1e-6)
        np.testing.assert_array_equal(mine.completion, plain.completion)
        np.testing.assert_array_equal(mine.value, value_of(mine.play, mine.completion))
        (alone,) = known.candidates([title], TV.at_slot(TV.slot + (title == 4)))
        np.testing.assert_allclose(alone.value, mine.value, rtol=1e-5)
        assert alone.gamma == mine.gamma == Policy().gamma(0.08)


def test_a_choice_encodes_what_it_shows(tmp_path):
    installed = load_model(sample_bundle(tmp_path / "bundle", CATALOG), CATALOG, "numpy")
    assert np.isnan(installed.encoded.fixed_match).all()
    slates = CandidateSets(
        CATALOG, installed, Policy(), ViewerFeatures.unknown(installed.encoded), None, lambda _: False
    )
    (candidates,) = slates.candidates([3], TV)
    assert np.isfinite(candidates.value).all()
    encoded = [bool(x) for x in np.isfinite(installed.encoded.fixed_match).all(axis=1)]
    assert encoded == [title == 3 for title in range(6) for _ in range(8)]
    assert slates.allowed(1, TV).all()  # and so does a rule
