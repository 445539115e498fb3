"""Eligibility: age limits without exception, then matters of taste, on a device and in a batch alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.catalogs import TV

from keyart import Artwork, Catalog, Policy, Title
from keyart.catalog import Rating, rating_of
from keyart.model.candidates import CandidateSets
from keyart.model.eligibility import NO_AGE_LIMIT, AgeLimit, age_limits, eligible, eligible_of_title
from keyart.model.features import EncodedCatalog, FeatureSpec, ViewerFeatures
from keyart.model.loaded_model import LoadedModel

RATINGS = ("", "all", "6+", "13+", "18+", "PG-13", "TV-Y7", "TV-G", "FSK 12", "BBFC PG")


def test_rules_in_their_order():
    """Age limits always; then spoilers, then the guard, each of which is dropped where it would leave nothing."""

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
        Title(
            "forbidden",
            tags={"genre:a": 1.0},
            artworks=[picture("o0", "a", maturity="16+"), picture("o1", "a", maturity="18+")],
        ),
    ]
    catalog = Catalog.from_titles(rows)
    installed = LoadedModel.nothing(catalog)

    def allowed(
        title: int,
        limit: str = "",
        watched: bool = False,
        misleading: str = "block",
        profile: AgeLimit = NO_AGE_LIMIT,
    ) -> list[int]:
        nobody, policy = ViewerFeatures.unknown(installed.encoded), Policy(misleading=misleading)
        slates = CandidateSets(catalog, installed, policy, nobody, None, lambda _: watched, limit=profile)
        return np.flatnonzero(slates.allowed(title, replace(TV, max_maturity=limit))).tolist()

    assert allowed(0) == [0] and allowed(0, misleading="allow") == [0, 1]
    assert allowed(1) == [0, 1]
    assert allowed(2) == [2] and allowed(2, watched=True) == [0, 2]
    assert allowed(2, misleading="allow") == [1, 2]
    assert allowed(3) == [0, 1] and allowed(3, "13+") == [0]
    assert allowed(2, "13+") == [1]  # neither a spoiler nor for adults: the guard would leave nothing
    assert allowed(2, "13+", watched=True) == [0]
    assert allowed(4, "6+") == [] and allowed(4, "16+") == [0] and allowed(4) == [0, 1]  # never the mildest
    teen, child = AgeLimit(("16+",)), AgeLimit(("16+",), rated_only=True)
    assert allowed(4, profile=teen) == [0] and allowed(4, "18+", profile=teen) == [0]  # the stricter of both
    assert allowed(4, "6+", profile=teen) == []
    assert allowed(3, profile=teen) == [0, 1] and allowed(3, profile=child) == [1]  # a0 has no rating
    assert allowed(0, profile=child) == []
    assert allowed(2, profile=child) == [2]  # r0 and r1 are unrated, so the rules of taste have no say


def test_age_limits_are_rows():
    assert age_limits([TV, TV]) is None and NO_AGE_LIMIT.rows is None
    rows = age_limits([TV, replace(TV, max_maturity="FSK 12")])
    assert rows.shape == (2, 1, 3) and tuple(rows[1, 0]) == rating_of("FSK 12")
    assert AgeLimit(("6+",)).within(replace(TV, max_maturity="PG")) == AgeLimit(("6+", "PG"))
    assert NO_AGE_LIMIT.within(TV) is NO_AGE_LIMIT


def may_show(rating: Rating | None, limit: str) -> bool:
    """By hand: within a system by rank, across systems by age; without a rating as for all ages."""
    if not limit:
        return True
    most = rating_of(limit)
    rating = rating or Rating(0, 0, 0)
    return rating.rank <= most.rank if rating.system == most.system else rating.age <= most.age


def titled(title_id: str, rows: list[tuple[str, bool, str]]) -> Title:
    """A title with artworks of these ratings, spoilers and genres."""
    artworks = [
        Artwork(f"{title_id}/{a}", {genre: 1.0}, maturity=rating, spoiler=spoiler)
        for a, (rating, spoiler, genre) in enumerate(rows)
    ]
    return Title(title_id, tags={"genre:a": 1.0}, artworks=artworks)


artworks = st.lists(
    st.tuples(st.sampled_from(RATINGS), st.booleans(), st.sampled_from(["genre:a", "genre:b"])),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=150)
@given(
    artworks,
    st.lists(st.sampled_from(RATINGS[1:]), max_size=2),
    st.sampled_from(RATINGS),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["block", "allow"]),
)
def test_no_artwork_above_a_limit_is_ever_eligible(rows, limits, of_context, rated_only, watched, misleading):
    """And whatever the limits leave is not lost to a matter of taste."""
    catalog = Catalog.from_titles([titled("t", rows)])
    encoded = EncodedCatalog.build(catalog, FeatureSpec.from_catalog(catalog))
    limit = AgeLimit(tuple(limits), rated_only).within(replace(TV, max_maturity=of_context))
    allowed = eligible_of_title(encoded, Policy(misleading=misleading), 0, lambda _: watched, limit)
    within = [
        all(may_show(rating_of(rating), one) for one in (*limits, of_context)) and bool(rating or not rated_only)
        for rating, _, _ in rows
    ]
    assert not (allowed & ~np.array(within)).any()
    assert allowed.any() == any(within)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(artworks, min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.sampled_from(RATINGS)), min_size=1, max_size=12),
    st.sampled_from(["block", "allow"]),
)
def test_a_batch_of_padded_titles_has_the_rules_of_each(titles, asked, misleading):
    catalog = Catalog.from_titles(titled(f"t{t}", rows) for t, rows in enumerate(titles))
    encoded, policy = EncodedCatalog.build(catalog, FeatureSpec.from_catalog(catalog)), Policy(misleading=misleading)
    which = np.array([place % len(titles) for place, _, _ in asked])
    watched = np.array([known for _, known, _ in asked])
    limits = age_limits([replace(TV, max_maturity=rating) for _, _, rating in asked])
    first, last = encoded.first[which][:, None], encoded.first[which + 1][:, None]
    places = first + np.arange(6)
    batch = eligible(
        encoded, policy, np.minimum(places, last - 1), watched=watched, limits=limits, exists=places < last
    )
    for row, (title, known, (_, _, rating)) in enumerate(zip(which.tolist(), watched.tolist(), asked, strict=True)):
        size, limit = len(titles[title]), NO_AGE_LIMIT.within(replace(TV, max_maturity=rating))
        alone = eligible_of_title(encoded, policy, title, lambda _, known=known: known, limit)
        np.testing.assert_array_equal(batch[row, :size], alone)
        assert not batch[row, size:].any() and (alone.any() or rating)
