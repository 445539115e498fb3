"""Embeddings as tags: axes that depend on no order, whitening, what a spec holds of them, and bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keyart import Artwork, Catalog, Title
from keyart.errors import BundleRefused, CatalogError
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.features.embedding import MAX_AXES, EmbeddingAxes

SCALES = np.array([10.0, 1.0, 0.1])


def embedded(seed: int = 0, titles: int = 200, scales: np.ndarray = SCALES, gap: float = 0.0) -> Catalog:
    """Independent normal numbers with these standard deviations; `gap` lies between titles and artworks."""
    rng = np.random.default_rng(seed)
    return Catalog.from_titles(
        Title(
            f"t{t}",
            tags={"genre:drama": 1.0},
            artworks=[Artwork(f"t{t}/{a}", embedding=scales * rng.normal(size=len(scales)) + gap) for a in "ab"],
            embedding=scales * rng.normal(size=len(scales)),
        )
        for t in range(titles)
    )


def along(spec: FeatureSpec, entry: Title | Artwork) -> np.ndarray:
    """The signed place of a title or an artwork along each axis."""
    tags = spec.tags_of(entry)
    names = spec.embedding.tag_names
    return np.array(
        [tags.get(plus, 0.0) - tags.get(minus, 0.0) for plus, minus in zip(*[iter(names)] * 2, strict=True)]
    )


@pytest.mark.parametrize("gap", [0.0, 50.0])
def test_places_are_whitened_and_centred(gap):
    catalog = embedded(gap=gap, scales=np.array([10.0, 5.0, 4.0]))
    spec = FeatureSpec.from_catalog(catalog)
    for entries in (list(catalog), [artwork for title in catalog for artwork in title.artworks]):
        places = np.array([along(spec, entry) for entry in entries])
        np.testing.assert_allclose(places.std(axis=0), 1.0, atol=0.15)
        np.testing.assert_allclose(places.mean(axis=0), 0.0, atol=0.1)


def test_the_first_axis_is_the_longest():
    catalog = embedded()
    spec = FeatureSpec.from_catalog(catalog)
    artwork = catalog.titles[3].artworks[0]
    assert spec.embedding.count == 1  # the first of the three directions has 99 % of the variance
    assert along(spec, artwork)[0] == pytest.approx(artwork.embedding[0] / 10.0, abs=0.2)
    assert spec.artwork_tags == ("embedding:00+", "embedding:00-")
    assert spec.viewer_tags == ("embedding:00+", "embedding:00-", "genre:drama")
    assert "embedding" in spec.match_kinds


def test_at_most_sixteen_axes():
    spec = FeatureSpec.from_catalog(embedded(scales=np.ones(40)))
    assert spec.embedding.count == MAX_AXES and len(spec.artwork_tags) == 2 * MAX_AXES


def test_order_makes_no_difference():
    catalog = embedded(scales=np.ones(5))
    turned = Catalog.from_titles(replace(t, artworks=t.artworks[::-1]) for t in reversed(catalog.titles))
    assert FeatureSpec.from_catalog(turned).sha256 == FeatureSpec.from_catalog(catalog).sha256


def test_encoded_like_the_same_tags():
    catalog = embedded(scales=np.array([3.0, 2.0, 1.0]))
    spec = FeatureSpec.from_catalog(catalog)

    def spelt(entry):
        return replace(entry, tags=spec.tags_of(entry), embedding=None)

    tagged = Catalog.from_titles(replace(spelt(t), artworks=[spelt(a) for a in t.artworks]) for t in catalog)
    ours, theirs = EncodedCatalog.build(catalog, spec), EncodedCatalog.build(tagged, FeatureSpec.from_catalog(tagged))
    for name in ("artwork", "shares", "title_shares", "fixed_match"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_a_spec_without_embeddings_is_as_it_was():
    spec = FeatureSpec.from_catalog(Catalog.from_titles([Title("t", artworks=[Artwork("a", {"faces": 1.0})])]))
    assert "embedding" not in spec.to_json() and FeatureSpec.from_json(spec.to_json()) == spec


def test_stored_and_read():
    catalog = embedded()
    spec = FeatureSpec.from_catalog(catalog)
    again = FeatureSpec.from_json(spec.to_json())
    assert again == spec and again.sha256 == spec.sha256
    assert again.tags_of(catalog.titles[0]) == spec.tags_of(catalog.titles[0])


@pytest.mark.parametrize(
    "change",
    [
        {"size": 4},
        {"count": 2},
        {"count": True},
        {"count": MAX_AXES + 1},
        {"size": 0},
        {"values": "no base64!"},
        {"values": EmbeddingAxes.of_arrays(np.zeros((2, 3)), np.full((1, 3), np.nan)).values},
        {"more": 1},
        {"values": 3},
    ],
    ids=lambda change: repr(change)[:30],
)
def test_damaged_axes_are_refused(change):
    document = FeatureSpec.from_catalog(embedded()).to_json()
    document["embedding"] = {**document["embedding"], **change}
    with pytest.raises(BundleRefused, match="embedding axes"):
        FeatureSpec.from_json(document)


def test_too_few_to_tell_what_they_share():
    assert FeatureSpec.from_catalog(embedded(titles=1)).embedding is None
    same = [Artwork(f"a{n}", embedding=[1.0, 2.0]) for n in range(50)]
    assert FeatureSpec.from_catalog(Catalog.from_titles([Title("t", artworks=same)])).embedding is None


def test_a_later_title_without_an_embedding():
    catalog = embedded()
    spec = FeatureSpec.from_catalog(catalog)
    late = Title("late", artworks=[Artwork("late/a")])
    encoded = EncodedCatalog.build(Catalog.from_titles([*catalog, late]), spec)
    assert not encoded.artwork[-1].any() and encoded.artwork[:-1].any(axis=1).all()


def test_embeddings_of_another_length():
    with pytest.raises(CatalogError, match="'t/b' has 2 numbers, and that of 't/a' has 3"):
        Catalog.from_titles(
            [Title("t", artworks=[Artwork("t/a", embedding=[1, 2, 3]), Artwork("t/b", embedding=[1, 2])])]
        )
    spec = FeatureSpec.from_catalog(embedded())
    with pytest.raises(CatalogError, match="have 2 numbers, and the model reads 3"):
        EncodedCatalog(embedded(scales=np.ones(2)), spec)


def test_left_out_by_kind():
    catalog = embedded().without_kinds(frozenset({"embedding"}))
    assert catalog.titles.embedding_size() is None and FeatureSpec.from_catalog(catalog).embedding is None
