"""Eligibility: rules in their order, on a device and in a batch alike; something may always be shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from choosing_samples import TV
from hypothesis import given, settings
from hypothesis import strategies as st

from keyart import Artwork, Catalog, Policy, Title
from keyart.model.candidates import CandidateSets
from keyart.model.eligibility import NO_AGE_LIMIT, age_limit, eligible, eligible_of_title
from keyart.model.features import EncodedCatalog, FeatureSpec, ViewerFeatures
from keyart.model.loaded_model import LoadedModel

RATINGS = ("", "all", "6+", "13+", "18+")


def test_rules_in_their_order():
    """Maturity, then spoilers, then the guard; each is dropped where it would leave nothing."""

    def picture(name: str, genre: str, **more: object) -> Artwork:
        return Artwork(name, {f"genre:{genre}": 1.0}, **more)

    rows = [
        Title("plain", tags={"genre:a": 1.0}, artworks=[picture("p0", "a"), picture("p1", "b")]),
        Title("all false", tags={"genre:a": 1.0}, artworks=[picture("f0", "b"), picture("f1", "b")]),
        Title(
            "all rules",
            tags={"genre:a": 1.0},
            artworks=[
                picture("r0", "a", spoiler=True),
                picture("r1", "b"),
                picture("r2", "a", maturity="16+"),
                picture("r3", "b", maturity="18+", spoiler=True),
            ],
        ),
        Title("ages", tags={"genre:a": 1.0}, artworks=[picture("a0", "a"), picture("a1", "a", maturity="16+")]),
    ]
    catalog = Catalog.from_titles(rows)
    installed = LoadedModel.nothing(catalog)

    def allowed(title: int, limit: str = "", watched: bool = False, misleading: str = "block") -> list[int]:
        nobody = ViewerFeatures.unknown(installed.encoded)
        slates = CandidateSets(catalog, installed, Policy(misleading=misleading), nobody, None, lambda _: watched)
        return np.flatnonzero(slates.allowed(title, replace(TV, max_maturity=limit))).tolist()

    assert allowed(0) == [0] and allowed(0, misleading="allow") == [0, 1]
    assert allowed(1) == [0, 1]
    assert allowed(2) == [2] and allowed(2, watched=True) == [0, 2]
    assert allowed(2, misleading="allow") == [1, 2]
    assert allowed(3) == [0, 1] and allowed(3, "13+") == [0]
    assert allowed(2, "13+") == [1]  # neither a spoiler nor for adults: the guard would leave nothing
    assert allowed(2, "13+", watched=True) == [0]


def test_an_age_limit_is_a_number():
    limits = [age_limit(replace(TV, max_maturity=rating)) for rating in RATINGS]
    assert limits == [NO_AGE_LIMIT, 0, 6, 13, 18]


artworks = st.lists(
    st.tuples(st.sampled_from(RATINGS), st.booleans(), st.sampled_from(["genre:a", "genre:b"])),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(artworks, min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.sampled_from(RATINGS)), min_size=1, max_size=12),
    st.sampled_from(["block", "allow"]),
)
def test_a_batch_of_padded_titles_has_the_rules_of_each(titles, asked, misleading):
    catalog = Catalog.from_titles(
        Title(
            f"t{t}",
            tags={"genre:a": 1.0},
            artworks=[
                Artwork(f"t{t}/{a}", {genre: 1.0}, maturity=rating, spoiler=spoiler)
                for a, (rating, spoiler, genre) in enumerate(rows)
            ],
        )
        for t, rows in enumerate(titles)
    )
    encoded, policy = EncodedCatalog.build(catalog, FeatureSpec.from_catalog(catalog)), Policy(misleading=misleading)
    which = np.array([place % len(titles) for place, _, _ in asked])
    watched = np.array([known for _, known, _ in asked])
    limits = np.array([age_limit(replace(TV, max_maturity=rating)) for _, _, rating in asked])
    first, last = encoded.first[which][:, None], encoded.first[which + 1][:, None]
    places = first + np.arange(6)
    batch = eligible(
        encoded, policy, np.minimum(places, last - 1), watched=watched, max_age=limits, exists=places < last
    )
    for row, (title, known, limit) in enumerate(zip(which.tolist(), watched.tolist(), limits.tolist(), strict=True)):
        size = len(titles[title])
        alone = eligible_of_title(encoded, policy, title, lambda _, known=known: known, limit)
        np.testing.assert_array_equal(batch[row, :size], alone)
        assert alone.any() and not batch[row, size:].any()
