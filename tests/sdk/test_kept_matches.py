"""Interaction features are kept while viewer and model stay, and are the same to the last bit as new ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.catalogs import TV, sample_catalog

from keyart import Policy, View
from keyart.model import candidates
from keyart.model.candidates import CandidateSets
from keyart.model.eligibility import nothing_watched
from keyart.model.features import EncodedCatalog, ViewerFeatures
from keyart.model.features.viewer import affinities, tally_titles
from keyart.model.loaded_model import LoadedModel
from keyart.model.ranker import NumpyRanker, Weights
from keyart.model.ranker.weights import parameter_count

CATALOG = sample_catalog(titles=8)
EMPTY = LoadedModel.nothing(CATALOG)
WEIGHTS = Weights.from_flat(EMPTY.spec, np.random.default_rng(0).normal(0, 0.3, parameter_count(EMPTY.spec)))
MODEL = replace(EMPTY, ranker=NumpyRanker(WEIGHTS), weights=WEIGHTS)


def sets(views: list[View]) -> CandidateSets:
    encoded: EncodedCatalog = MODEL.encoded
    viewer = affinities(
        encoded, *tally_titles(encoded, {view.title_id: 1.0 for view in views}), MODEL.population_taste
    )
    return CandidateSets(CATALOG, MODEL, Policy(), viewer, None, nothing_watched)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    made: list[int] = []
    fresh = candidates.interaction_features

    def counting(encoded, viewer, artworks, titles):
        rows = fresh(encoded, viewer, artworks, titles)
        made.append(len(rows))
        return rows

    monkeypatch.setattr(candidates, "interaction_features", counting)
    return made


def test_each_title_once(counted):
    known = sets([])
    for _ in range(3):
        known.rows([2], TV)
        known.rows([1, 2, 3, 1], TV)
    assert counted == [8, 16]


def test_a_page_of_kept_and_new_titles_is_as_one_of_new_ones():
    views = [View("t1", TV.at, 5000), View("t3", TV.at, 5000)]
    kept, new = sets(views), sets(views)
    for title in (5, 0):
        kept.rows([title], TV)
    titles = [0, 4, 5, 6]
    np.testing.assert_array_equal(kept.rows(titles, TV).match, new.rows(titles, TV).match)


def test_intent_leaves_what_is_kept_alone():
    known = sets([])
    before = known.rows([1], TV).match.copy()
    wanted = dict.fromkeys(CATALOG.titles[1].artworks[0].tags, 1.0)
    asked = known.rows([1], replace(TV, intent=wanted)).match
    assert asked[:, -1].any()
    np.testing.assert_array_equal(known.rows([1], TV).match, before)


def test_another_viewer_shares_none(counted):
    sets([]).rows([1], TV)
    sets([View("t1", TV.at, 5000)]).rows([1], TV)
    assert len(counted) == 2 and ViewerFeatures.unknown(MODEL.encoded).kept == {}


def test_another_model_shares_none():
    """An evaluation asks a candidate and the installed model about one viewer."""
    known = sets([View("t1", TV.at, 5000)])
    other = replace(known, installed=replace(MODEL, appeal=MODEL.appeal + 1))
    for asked, added in ((known, 0), (other, 1), (known, 0)):
        np.testing.assert_array_equal(asked.rows([1], TV).appeal, MODEL.appeal[known.pictures(1)] + added)


def test_no_more_than_the_limit(monkeypatch):
    monkeypatch.setattr(candidates, "MAX_KEPT_TITLES", 4)
    known = sets([])
    for titles in ([0, 1, 2], [2, 3, 4], [5], [0, 1, 2, 3, 4, 5, 6]):
        np.testing.assert_array_equal(known.rows(titles, TV).match, sets([]).rows(titles, TV).match)
        assert len(known.viewer.kept) <= max(4, len(titles))


def test_a_title_counts_at_its_own_place_of_the_page():
    known = sets([View("t1", TV.at, 5000)])
    page = known.candidates([4, 2, 6], replace(TV, slot=3), offsets=[1, 4, 5])
    for title, offset, there in zip((4, 2, 6), (1, 4, 5), page, strict=True):
        (alone,) = known.candidates([title], replace(TV, slot=3 + offset))
        np.testing.assert_array_equal(there.play, alone.play)
    (single,) = known.candidates([4], TV, offsets=[7])
    np.testing.assert_array_equal(single.play, known.candidates([4], replace(TV, slot=7))[0].play)
