"""Age limits: of a child's profile, of an adult's, and of a context; what is above one is never chosen."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.catalogs import EVENING

import keyart
from keyart.catalog import rating_of
from keyart.errors import SettingError

ON_TV = keyart.Context("tv", EVENING)
FRESH = keyart.Policy(exploration=1.0, stickiness=timedelta(0))
RATINGS = ("", "all", "6+", "FSK 6", "FSK 12", "TV-Y7", "TV-G", "PG", "PG-13", "R", "BBFC PG", "PEGI 7", "18+")


def catalog_of(*titles: tuple[str, ...]) -> keyart.Catalog:
    """Titles "0", "1" … with artworks "0/0:6+" … of these ratings."""
    rows = [
        [keyart.Artwork(f"{t}/{a}:{rating}", {"faces": a}, maturity=rating) for a, rating in enumerate(of)]
        for t, of in enumerate(titles)
    ]
    return keyart.Catalog.from_titles(keyart.Title(f"{t}", artworks=artworks) for t, artworks in enumerate(rows))


def opened(catalog: keyart.Catalog, **settings: object) -> keyart.Personalizer:
    given = {"keys": keyart.EphemeralKey(), "policy": FRESH, **settings}
    return keyart.Personalizer.open(":memory:", catalog=catalog, **given)


def rating_shown(decision: keyart.Decision) -> str | None:
    return None if decision.artwork_id is None else decision.artwork_id.partition(":")[2]


def test_a_child_needs_a_limit():
    with pytest.raises(SettingError, match=r"write max_maturity='6\+', or 'PG'"):
        opened(catalog_of(("6+",)), age_mode="child")
    with pytest.raises(SettingError, match="max_maturity is 'X', no known age rating"):
        opened(catalog_of(("6+",)), age_mode="child", max_maturity="X")
    with pytest.raises(SettingError, match="max_maturity is 6, no"):
        opened(catalog_of(("6+",)), max_maturity=6)


def test_a_child_sees_what_is_rated_and_within_the_limit():
    catalog = catalog_of(("6+", "18+", "", "PG-13", "FSK 6", "TV-MA"))
    with opened(catalog, age_mode="child", max_maturity="6+") as art:
        seen = {rating_shown(art.choose("0", ON_TV)) for _ in range(100)}
        assert seen == {"6+", "FSK 6"}
        looser = keyart.Context("tv", EVENING, max_maturity="18+")
        assert {rating_shown(art.choose("0", looser)) for _ in range(100)} == {"6+", "FSK 6"}
        stricter = keyart.Context("tv", EVENING, max_maturity="all")
        assert art.choose("0", stricter).artwork_id is None


@pytest.mark.parametrize("age_mode", ["child", "adult"])
def test_never_the_mildest_of_the_forbidden(age_mode):
    with opened(catalog_of(("16+", "18+"), ("6+",)), age_mode=age_mode, max_maturity="6+") as art:
        art.consent.grant("personalization")
        art.record(keyart.View("0", EVENING, 3000))
        decision = art.choose("0", ON_TV)
        assert decision == keyart.Decision(decision.id, "0", None, 1.0, False, 0)
        assert set(art.preview("0", ON_TV).values()) == {0.0}
        none, one = art.choose_page(["0", "1"], ON_TV)
        assert none.artwork_id is None and one.artwork_id == "1/0:6+"
        for nothing in (decision, none):
            assert not art.seen(nothing.id) and not art.observe(nothing.id, keyart.Outcome.played(3000))
            said = art.explain(nothing.id)
            assert said.artwork_id is None and said.lead == 0.0
            assert said.text == "No picture of this title is within the age limit that holds here."
        assert "6+ in this profile; no picture above it is shown" in art.describe_parameters().text
        assert [d["artwork_id"] for d in art.export()["decisions"]] == (["1/0:6+"] if art.profiled else [])
        assert art.remove_decision(decision.id) == 0 and art.stats().choices == 2


def test_a_limit_of_the_context_alone_is_as_strict():
    with opened(catalog_of(("16+", "18+"))) as art:
        assert art.choose("0", keyart.Context("tv", EVENING, max_maturity="6+")).artwork_id is None
        assert art.choose("0", keyart.Context("tv", EVENING, max_maturity="FSK 16")).artwork_id == "0/0:16+"
        assert art.choose("0", ON_TV).artwork_id is not None


def test_nothing_is_kept_of_a_decision_that_shows_nothing():
    """Nor is a title, which showed nothing under a limit, without an artwork once the limit is gone."""
    with opened(catalog_of(("16+",)), policy=keyart.Policy()) as art:
        art.consent.grant("personalization")
        limited = keyart.Context("tv", EVENING, max_maturity="6+")
        assert art.choose("0", limited).artwork_id is None
        assert art.stats().pending == 0
        free = art.choose("0", ON_TV)
        assert free.artwork_id == "0/0:16+" and not free.sticky
        assert art.choose("0", limited).artwork_id is None and art.choose("0", ON_TV).sticky
        art.flush()
        assert [d["artwork_id"] for d in art.export()["decisions"]] == ["0/0:16+"] * 2


def test_a_kept_artwork_above_a_new_limit_is_dropped(tmp_path):
    """Opened again with a limit, a profile does not go on with what it drew without one."""
    keys, catalog = keyart.EphemeralKey(), catalog_of(("16+",))
    for limit, shown in (("", "0/0:16+"), ("12+", None)):
        with keyart.Personalizer.open(tmp_path / "p", catalog=catalog, keys=keys, max_maturity=limit) as art:
            art.consent.grant("personalization")
            assert art.choose("0", ON_TV).artwork_id == shown


def test_a_limit_counts_in_what_decides():
    """The shares are those of the artworks that this profile may see, and a catalogue without any has none."""
    with opened(catalog_of(("6+", "18+")), age_mode="child", max_maturity="FSK 6") as art:
        description = art.describe_parameters()
        assert "Age limit: FSK 6 in this profile; no picture above it is shown, nor one without" in description.text
    with opened(catalog_of(("18+", ""), ("",)), age_mode="child", max_maturity="all") as art:
        assert {p.importance for p in art.describe_parameters().parameters} == {0.0, None}


ratings = st.sampled_from(RATINGS)


def within(rating: str, limit: str) -> bool:
    """Within a system by its order, across systems by age."""
    of, most = rating_of(rating), rating_of(limit)
    if of is None or most is None:
        return True
    return of.rank <= most.rank if of.system == most.system else of.age <= most.age


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(ratings, min_size=1, max_size=4).map(tuple), min_size=1, max_size=4),
    ratings,
    st.sampled_from(["adult", "child"]),
    st.lists(ratings, min_size=1, max_size=4),
    st.sampled_from([timedelta(0), timedelta(hours=24)]),
    st.booleans(),
)
def test_nothing_above_a_limit_is_ever_chosen(titles, limit, age_mode, of_contexts, stickiness, consent):
    limit = limit or ("6+" if age_mode == "child" else "")
    policy = keyart.Policy(exploration=1.0, stickiness=stickiness)
    with opened(catalog_of(*titles), age_mode=age_mode, max_maturity=limit, policy=policy) as art:
        if consent:
            art.consent.grant("personalization")
        for of_context in of_contexts:
            context = keyart.Context("tv", EVENING, max_maturity=of_context)
            names = [f"{t}" for t in range(len(titles))]
            decisions = [*art.choose_page(names, context), *(art.choose(name, context) for name in names)]
            for decision in decisions:
                may = [
                    within(rating, limit) and within(rating, of_context) and bool(rating or age_mode == "adult")
                    for rating in titles[int(decision.title_id)]
                ]
                assert (decision.artwork_id is not None) == any(may)
                if decision.artwork_id is not None:
                    assert may[int(decision.artwork_id.partition(":")[0].partition("/")[2])]
                chances = list(art.preview(decision.title_id, context).values())
                assert all(not chance or allowed for chance, allowed in zip(chances, may, strict=True))
                assert sum(chances) == pytest.approx(float(any(may)))
                art.seen(decision.id)
                art.observe(decision.id, keyart.Outcome.played(3000))
