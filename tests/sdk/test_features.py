"""Features against sums done by hand: affinities, matches, promise, open kinds, and what is never used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.catalogs import EVENING, sample_catalog

from keyart import Artwork, Catalog, Reward, Title, View
from keyart.errors import BundleRefused
from keyart.model.features import EncodedCatalog, FeatureSpec, ViewerFeatures, affinities, view_weight
from keyart.model.features.rows import intent_match, interaction_features, main_effects, slot_and_trending
from keyart.model.features.spec import CLOSED_KIND_TAGS, SENSITIVE_KINDS
from keyart.model.features.viewer import sharpen_affinity, tally_views

CATALOG = Catalog.from_titles(
    [
        Title(
            "x",
            duration=1000,
            tags={"genre:drama": 0.6, "genre:crime": 0.2, "religion:any": 1.0},
            artworks=[
                Artwork("x/0", {"genre:drama": 2.0, "faces": 9.0}),
                Artwork("x/1", {"genre:comedy": 0.5, "genre:drama": 0.5}),
                Artwork("x/2", {"genre:comedy": 1.0}),
                Artwork("x/3", {"gender:any": 1.0}),
            ],
        ),
        Title("y", tags={"genre:comedy": 1.0}, artworks=[Artwork("y/0", {"genre:comedy": 1.0})]),
    ]
)
SPEC = FeatureSpec.from_catalog(CATALOG)
ENCODED = EncodedCatalog.build(CATALOG, SPEC)


def people_catalog(names: int = CLOSED_KIND_TAGS + 1) -> Catalog:
    return Catalog.from_titles(
        Title(f"t{n}", tags={f"cast:{n}": 1.0, "cast:star": 1.0}, artworks=[Artwork(f"t{n}/a", {f"cast:{n}": 1.0})])
        for n in range(names)
    )


def viewer_of(encoded: EncodedCatalog, views: list[View]) -> ViewerFeatures:
    titles = np.array([encoded.title_place[v.title_id] for v in views], dtype=np.intp)
    durations = encoded.durations[titles]
    spec = encoded.spec
    weights = np.array(
        [view_weight(v, d, Reward(), spec) for v, d in zip(views, durations, strict=True)], dtype=np.float32
    )
    watched, seen = tally_views(encoded, titles, weights)
    population = np.zeros(spec.viewer_size, dtype=np.float32)
    return affinities(encoded, watched, seen, np.array(weights.sum()), population)


def test_spec():
    assert SPEC.viewer_tags == ("genre:comedy", "genre:crime", "genre:drama")
    assert SPEC.artwork_tags == ("faces", "genre:comedy", "genre:drama")
    assert SPEC.match_kinds == ("genre",) and SPEC.open_kinds == ()
    named = " ".join((*SPEC.artwork_tags, *SPEC.viewer_tags, *SPEC.match_names))
    assert not any(kind in named for kind in SENSITIVE_KINDS)
    assert FeatureSpec.from_json(SPEC.to_json()) == SPEC
    turned = Catalog.from_titles(reversed(CATALOG.titles))
    assert FeatureSpec.from_catalog(turned).sha256 == SPEC.sha256 != FeatureSpec.from_catalog(sample_catalog()).sha256
    for wrong in (None, {}, {**SPEC.to_json(), "version": 2}, {**SPEC.to_json(), "extra": 1}):
        with pytest.raises(BundleRefused):
            FeatureSpec.from_json(wrong)


def test_pictures():
    assert ENCODED.artwork[0].tolist() == [4.0, 0.0, 2.0]  # a weight counts at most 4
    np.testing.assert_allclose(ENCODED.title_shares[0], [0, 0.25, 0.75])
    np.testing.assert_allclose(ENCODED.shares[1], [0.5, 0, 0.5])
    # ½ Σ |e − g| with g = (drama .75, crime .25), and the share of e that the title does not hold.
    np.testing.assert_allclose(
        ENCODED.fixed_match[:, 2:4], [[-0.25, 0], [-0.5, -0.5], [-1, -1], [0, 0], [0, 0]], atol=1e-6
    )
    assert ENCODED.misleading.tolist() == [False, False, True, False, False]
    assert [ENCODED.place[artwork.id] for title in CATALOG for artwork in title.artworks] == list(range(5))
    assert dict(ENCODED.title_place) == {"x": 0, "y": 1}


def test_affinities():
    views = [View("x", EVENING, 2000), View("y", EVENING, 10)]  # a quality view, and one that was broken off
    viewer = viewer_of(ENCODED, views)
    raw = np.array([0.4, 0.25, 0.75]) + 0.35
    np.testing.assert_allclose(viewer.affinity, raw / raw.sum(), rtol=1e-5)
    h = viewer.affinity.astype(float) ** 3
    np.testing.assert_allclose(viewer.taste, h / h.sum(), rtol=1e-5)
    np.testing.assert_allclose(sharpen_affinity(viewer.affinity, SPEC), h / h.sum(), rtol=1e-5)


def test_nobody_in_particular():
    assert not ViewerFeatures.unknown(ENCODED).taste.any()
    np.testing.assert_allclose(ViewerFeatures.unknown(ENCODED).affinity, [1 / 3] * 3)
    assert not viewer_of(ENCODED, []).taste.any()
    np.testing.assert_allclose(viewer_of(ENCODED, []).affinity, [1 / 3] * 3)


def test_matches():
    viewer = viewer_of(ENCODED, [View("x", EVENING, 2000)])
    places = np.arange(5)
    m = interaction_features(ENCODED, viewer, places, ENCODED.title_of)
    h = viewer.affinity.astype(float)
    np.testing.assert_allclose(m[:, 0], ENCODED.shares @ h, rtol=1e-5)
    np.testing.assert_allclose(m[:, 1], ENCODED.title_shares[ENCODED.title_of] @ h, rtol=1e-5)
    np.testing.assert_array_equal(m[:, 2:4], ENCODED.fixed_match[:, 2:4])
    assert not m[:, -1].any()
    wish = intent_match(SPEC, ENCODED.artwork, {"genre:comedy": 2.0, "unheard-of": 5.0})
    np.testing.assert_allclose(wish, 2 * ENCODED.artwork[:, 1])


ARRAYS = (
    *("artwork", "shares", "fixed_match", "open_index", "open_weight", "misleading", "honest", "ratings", "spoilers"),
    *("title_shares", "title_open_index", "title_open_weight", "spoils"),
)


def test_a_title_is_encoded_when_it_is_needed():
    catalog = people_catalog()
    spec = FeatureSpec.from_catalog(catalog)
    whole, lazy = EncodedCatalog.build(catalog, spec), EncodedCatalog(catalog, spec)
    assert np.isnan(lazy.fixed_match).all() and not lazy.open_weight.any()
    lazy.need([3, 5])
    for name in ARRAYS:
        for t in (3, 5):  # one picture a title here
            np.testing.assert_array_equal(getattr(lazy, name)[t], getattr(whole, name)[t])
    assert np.isnan(lazy.fixed_match[4]).all() and not lazy.open_weight[4].any()
    assert "t7/a" in lazy.place and "nobody" not in lazy.place and np.isnan(lazy.fixed_match[7]).all()
    assert lazy.place["t7/a"] == 7 and lazy.place.get("nobody", -1) == -1
    np.testing.assert_array_equal(lazy.fixed_match[7], whole.fixed_match[7])
    with pytest.raises(KeyError):
        lazy.place["nobody"]
    lazy.need(range(len(catalog)))
    lazy.need(range(len(catalog)))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(lazy, name), getattr(whole, name))
    assert dict(lazy.place) == dict(whole.place) and len(lazy.place) == len(catalog)


def test_a_history_encodes_its_titles_and_no_pictures():
    catalog = people_catalog()
    spec = FeatureSpec.from_catalog(catalog)
    whole, lazy = EncodedCatalog.build(catalog, spec), EncodedCatalog(catalog, spec)
    titles, weights = np.array([2, 9]), np.ones(2, dtype=np.float32)
    for mine, theirs in zip(tally_views(lazy, titles, weights), tally_views(whole, titles, weights), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert np.isnan(lazy.fixed_match).all()


def test_the_guard_leaves_a_title_its_pictures():
    """honest: not misleading, unless all of a title's pictures are."""
    title = CATALOG.titles[0]
    false = Title("z", tags={"genre:drama": 1.0}, artworks=[Artwork(f"z/{i}", {"genre:comedy": 1.0}) for i in (0, 1)])
    encoded = EncodedCatalog.build(Catalog.from_titles([title, false]), SPEC)
    assert encoded.misleading.tolist() == [False, False, True, False, True, True]
    assert encoded.honest.tolist() == [True, True, False, True, True, True]


def test_matches_broadcast_over_devices():
    """A batch of devices, with one title each, has the matches that each device has alone."""
    for catalog in (CATALOG, people_catalog()):
        encoded = EncodedCatalog.build(catalog, FeatureSpec.from_catalog(catalog))
        ids = [title.id for title in catalog]
        alone = [viewer_of(encoded, [View(ids[i], EVENING, 2000)]) for i in (0, 1)]
        batch = ViewerFeatures(
            *(np.stack([getattr(v, name) for v in alone])[:, None] for name in ("affinity", "taste", "people"))
        )
        artworks, titles = np.array([[0, 0], [encoded.first[1]] * 2]), np.array([[0], [1]])
        together = interaction_features(encoded, batch, artworks, titles)
        for i, viewer in enumerate(alone):
            np.testing.assert_allclose(
                together[i], interaction_features(encoded, viewer, artworks[i], titles[i]), rtol=1e-6
            )
        one = interaction_features(encoded, alone[0], slice(int(encoded.first[0]), int(encoded.first[1])), 0)
        places = np.arange(encoded.first[0], encoded.first[1])
        np.testing.assert_allclose(
            one, interaction_features(encoded, alone[0], places, encoded.title_of[places]), rtol=1e-6
        )
        whole = EncodedCatalog.build(catalog, encoded.spec)
        np.testing.assert_array_equal(encoded.fixed_match, whole.fixed_match)  # nothing is written into the catalogue


def test_people_are_matched_and_not_weighed():
    catalog = people_catalog()
    spec = FeatureSpec.from_catalog(catalog)
    encoded = EncodedCatalog.build(catalog, spec)
    assert spec.open_kinds == ("cast",) and spec.artwork_size == spec.viewer_size == 0
    viewer = viewer_of(encoded, [View("t3", EVENING, 2000)] * 4)
    m = interaction_features(encoded, viewer, np.arange(len(encoded.artwork)), encoded.title_of)
    assert m[:, 0].argmax() == 3 and m[3, 0] > 0.5 and np.delete(m[:, 0], 3).max() == 0
    assert 0 < m[4, 1] < 0.5 * m[3, 1]  # the star is in everything, and says little
    assert FeatureSpec.from_catalog(people_catalog(10)).open_kinds == ()


def test_unknown_tags_change_nothing():
    title = CATALOG.titles[0]
    more = replace(
        title, tags={**title.tags}, artworks=[replace(a, tags={**a.tags, "new:tag": 3.0}) for a in title.artworks]
    )
    encoded = EncodedCatalog.build(Catalog.from_titles([more, CATALOG.titles[1]]), SPEC)
    np.testing.assert_array_equal(encoded.artwork, ENCODED.artwork)
    np.testing.assert_array_equal(encoded.fixed_match, ENCODED.fixed_match)


def test_mains():
    from support.catalogs import TV

    slot, trending = slot_and_trending(SPEC, replace(TV, slot=3, trending={"x": 0.5}), "x")
    assert (slot, trending) == (pytest.approx(np.log(4)), 0.5)
    row = main_effects(
        SPEC, np.float32(slot), np.float32(trending), SPEC.context_row("tv", "evening"), ENCODED.title_shares[0]
    )
    named = dict(zip(SPEC.main_names, row.tolist(), strict=True))
    assert named["intercept"] == named["device:tv"] == named["daypart:evening"] == 1.0
    assert named["title/genre:drama"] == 0.75 and named["device:other"] == 0.0
    assert slot_and_trending(SPEC, TV, "x", after=3)[0] == pytest.approx(np.log(4))
    evening = SPEC.context_row("tv", "evening")
    several = main_effects(SPEC, np.array([slot, 0]), np.array([trending, 0]), evening, ENCODED.title_shares[:2])
    np.testing.assert_array_equal(several[0], row)
    assert several.shape == (2, len(SPEC.main_names)) and several[1, 1] == 0


def test_context_rows_are_made_once_and_cannot_be_changed():
    assert SPEC.context_row("fridge", "night").tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 0]
    row = SPEC.context_row("tv", "evening")
    assert SPEC.context_row("tv", "evening") is row
    assert SPEC.context_row("a", "night") is SPEC.context_row("b", "night")
    with pytest.raises(ValueError, match="read-only"):
        row[0] = 0.0
