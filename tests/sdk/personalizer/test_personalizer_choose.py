"""choose: the distribution is what it says it is, it learns, and rules on what may be shown hold."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from support.catalogs import (
    ARTWORKS,
    EVENING,
    GENRES,
    MORNING,
    OFF,
    TV,
    Dial,
    distribution_of,
    play_favourite,
    sample_keys,
)

import keyart
from keyart.store.database import Table


def test_uniform_before_the_first_model(open_art, dial):
    art = open_art()
    found = distribution_of(art, dial, "t0", TV)
    assert len(found) == ARTWORKS
    assert all(p == pytest.approx(1 / ARTWORKS, abs=1e-12) for p in found.values())
    decision = art.choose("t0", TV)
    assert (decision.title_id, decision.model_version, decision.sticky) == ("t0", 0, False)
    assert len({art.choose("t0", TV).id for _ in range(100)}) == 100


def test_favourite_of_eight_is_shown_more(open_art, dial):
    art = open_art(rng=np.random.default_rng(1))
    play_favourite(art, "t0/f", 300)
    art.close()
    assert distribution_of(open_art(), dial, "t0", TV)["t0/f"] >= 1.5 / 8


def test_taste_reaches_titles_never_shown(open_art, dial):
    """What was learned from one title's pictures moves those of another that share their tags."""
    art = open_art(rng=np.random.default_rng(1))
    before = distribution_of(open_art(path="memory", keys=keyart.EphemeralKey()), dial, "t4", TV)
    play_favourite(art, "t0/c", 200)
    art.close()
    after = distribution_of(open_art(), dial, "t4", TV)
    assert before["t4/c"] == pytest.approx(1 / 8)
    assert after["t4/c"] > 1 / 8  # the same style


def test_history_moves_choices_of_a_model(open_art, bundle, dial):
    policy = keyart.Policy(exploration=0.3, stickiness=OFF)
    art = open_art(bundle=bundle, policy=policy)
    before = distribution_of(art, dial, "t0", TV)
    art.record_many([keyart.View("t1", EVENING - timedelta(days=n), 6000) for n in range(20)])
    after = distribution_of(art, dial, "t0", TV)
    assert after != before and sum(after.values()) == pytest.approx(1)


def test_exploration_off_and_full(open_art, bundle, dial):
    best = distribution_of(open_art(bundle=bundle, policy=keyart.Policy(0.0, OFF), consent=""), dial, "t0", TV)
    assert list(best.values()) == [1.0]
    even = open_art(bundle=bundle, policy=keyart.Policy(1.0, OFF), path="x", keys=keyart.EphemeralKey())
    assert all(p == pytest.approx(1 / 8) for p in distribution_of(even, dial, "t0", TV).values())
    dial.number = 0.0
    flags = {d.artwork_id: d.exploring for d in (_at(even, dial, u / 8 + 0.01) for u in range(8))}
    assert [artwork for artwork, exploring in flags.items() if not exploring] == list(best)


def _at(art, dial, number):
    dial.number = number
    return art.choose("t0", TV)


def test_stickiness(open_art, bundle):
    dial = Dial(0.01)
    policy = keyart.Policy(exploration=1.0, stickiness=timedelta(hours=3))
    with open_art(bundle=bundle, policy=policy, rng=dial) as art:
        first = art.choose("t0", TV)
        dial.number = 0.99
        again = art.choose("t0", TV)
        assert not first.sticky and again.sticky and again.id != first.id
        assert (again.artwork_id, again.propensity, again.exploring) == (
            first.artwork_id,
            first.propensity,
            first.exploring,
        )
        later = keyart.Context("tv", EVENING + timedelta(hours=2, minutes=30))
        assert art.choose("t0", later).sticky  # 22:45, still evening
        others = [
            keyart.Context("phone", EVENING),
            keyart.Context("tv", MORNING + timedelta(days=1)),
            keyart.Context("tv", EVENING + timedelta(days=1)),  # evening again, but too long ago
        ]
        for other in others:
            decision = art.choose("t0", other)
            assert not decision.sticky and decision.artwork_id != first.artwork_id
        assert not art.choose("t1", TV).sticky
        art.observe(first.id, keyart.Outcome.skipped())
    off = open_art(bundle=bundle, rng=dial, path="y", keys=keyart.EphemeralKey())
    assert not off.choose("t0", TV).sticky and not off.choose("t0", TV).sticky


def test_stickiness_survives_a_restart_and_ends_with_a_new_model(open_art, bundle, next_bundle):
    dial, policy = Dial(0.01), keyart.Policy(exploration=1.0)
    with open_art(bundle=bundle, policy=policy, rng=dial) as art:
        first = art.choose("t0", TV)
    dial.number = 0.99
    art = open_art(bundle=bundle, policy=policy, rng=dial)
    again = art.choose("t0", TV)
    assert again.sticky and (again.artwork_id, again.propensity) == (first.artwork_id, first.propensity)
    art.install(next_bundle)
    assert not art.choose("t0", TV).sticky


def test_intent_tilts_at_once_and_is_never_stored(open_art, bundle, dial, path):
    policy = keyart.Policy(exploration=0.5)
    art = open_art(bundle=bundle, policy=policy)
    plain = art.choose("t0", TV)
    wish = keyart.Context("tv", EVENING, intent={"style:c": 2.0, "canary-intent": 1.0})
    dial.number = 0.5
    asked = art.choose("t0", wish)
    assert not asked.sticky
    assert dict(art._session.chooser.catalog["t0"].artworks[2].tags)["style:c"] and asked.artwork_id in {
        "t0/c",
        "t0/h",
    }
    assert art.choose("t0", TV).artwork_id == plain.artwork_id  # an intent does not change the title's picture
    art.observe(asked.id, keyart.Outcome.played(3000))
    art.flush()
    document = art.export()
    assert "intent" not in str(document).replace("with_intent", "")
    assert not document["learned"]  # an outcome under an intent teaches the head nothing
    stored = b"".join(payload for table in Table for _, payload in art._session.custody.store.scan(table))
    assert b"canary" not in path.read_bytes() + stored and b"t0/" in stored
    assert "asked" in art.explain(asked.id).text


def test_intent_tilts_without_a_model_too(open_art):
    art = open_art(consent="")
    wish = keyart.Context("tv", EVENING, intent={"style:c": 2.0})
    plain, asked = art.preview("t0", TV), art.preview("t0", wish)
    wanted = [a.id for a in art._session.chooser.catalog["t0"].artworks if "style:c" in a.tags]
    assert set(plain.values()) == {1 / 8}
    assert sum(asked[picture] for picture in wanted) > 2 * len(wanted) / 8


def test_a_trending_title_leans_to_what_everybody_plays(open_art, bundle):
    art = open_art(bundle=bundle, policy=keyart.Policy(exploration=0.5, stickiness=OFF))
    installed = art._session.chooser.installed
    appeal = installed.appeal[: len(art._session.chooser.catalog["t0"].artworks), 0]

    def chances(share: float) -> np.ndarray:
        return np.array(list(art.preview("t0", keyart.Context("tv", EVENING, trending={"t0": share})).values()))

    tilts = [float(np.log(chances(share)) @ (appeal - appeal.mean())) for share in (0.0, 0.5, 1.0)]
    assert tilts[0] < tilts[1] < tilts[2]
    assert (chances(0.0) == np.array(list(art.preview("t0", TV).values()))).all()
    other = keyart.Context("tv", EVENING, trending={"t1": 1.0})
    assert art.preview("t0", other) == art.preview("t0", TV)
    art.observe(art.choose("t0", keyart.Context("tv", EVENING, trending={"t0": 0.123})).id, keyart.Outcome.skipped())
    assert "0.123" not in str(art.export())


def misleading_catalog() -> keyart.Catalog:
    pictures = [
        keyart.Artwork("m/true", {"genre:drama": 1.0}),
        keyart.Artwork("m/bait", {"genre:comedy": 1.0}),
        keyart.Artwork("m/cast", {"genre:drama": 1.0, "cast:zoe": 1.0}),
        keyart.Artwork("m/plain", {"faces": 1.0}),
    ]
    title = keyart.Title("m", tags={"genre:drama": 1.0, "cast:robin": 1.0}, artworks=pictures)
    bare = keyart.Title("n", tags={"genre:drama": 1.0}, artworks=[keyart.Artwork("n/a", {"genre:comedy": 1.0})])
    return keyart.Catalog.from_titles([title, bare])


def test_misleading_pictures(open_art, dial):
    art = open_art(catalog=misleading_catalog())
    assert set(distribution_of(art, dial, "m", TV)) == {"m/true", "m/plain"}
    assert art.choose("n", TV).artwork_id == "n/a"  # a title must have a picture
    art.close()
    allowing = open_art(catalog=misleading_catalog(), policy=keyart.Policy(stickiness=OFF, misleading="allow"))
    assert len(distribution_of(allowing, dial, "m", TV)) == 4


def test_maturity_and_spoilers(open_art, dial):
    pictures = [
        keyart.Artwork("r/all", {"faces": 1.0}),
        keyart.Artwork("r/7", {"faces": 1.0}, maturity="7+"),
        keyart.Artwork("r/18", {"faces": 1.0}, maturity="18+"),
        keyart.Artwork("r/end", {"faces": 1.0}, spoiler=True),
    ]
    art = open_art(catalog=keyart.Catalog.from_titles([keyart.Title("r", artworks=pictures)]))

    def shown(limit: str) -> set[str]:
        return set(distribution_of(art, dial, "r", keyart.Context("tv", EVENING, max_maturity=limit)))

    assert shown("") == {"r/all", "r/7", "r/18"}
    assert shown("12+") == {"r/all", "r/7"}
    assert shown("all") == {"r/all"}
    art.record(keyart.View("r", EVENING, 3000))
    assert "r/end" in shown("") and "r/end" in shown("all")


def test_a_kept_picture_that_may_not_be_shown_any_more_is_dropped(open_art):
    pictures = [keyart.Artwork("r/all", {"faces": 1.0}), keyart.Artwork("r/18", {"faces": 1.0}, maturity="18+")]
    catalog = keyart.Catalog.from_titles([keyart.Title("r", artworks=pictures)])
    art = open_art(catalog=catalog, rng=Dial(0.9), policy=keyart.Policy())
    assert art.choose("r", TV).artwork_id == "r/18"
    child = art.choose("r", keyart.Context("tv", EVENING, max_maturity="12+"))
    assert child.artwork_id == "r/all" and not child.sticky


def test_engines_agree(open_art, bundle, dial):
    arts = [
        open_art(bundle=bundle, engine=engine, path=engine, keys=keyart.EphemeralKey())
        for engine in ("numpy", "onnxruntime")
    ]
    for art in arts:
        art.record_many([keyart.View("t1", EVENING, 6000), keyart.View("t2", EVENING, 100)])
    for number in np.linspace(0, 0.999, 25):
        dial.number = float(number)
        for context in (TV, keyart.Context("fridge", MORNING, slot=7, trending={"t3": 0.5}, intent={"faces": 1.0})):
            one, other = (art.choose("t3", context) for art in arts)
            assert one.artwork_id == other.artwork_id
            ours, theirs = (
                art._session.chooser.slates(art._session.person()).candidates([3], context)[0] for art in arts
            )
            for name in ("value", "play", "completion"):
                np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-5)


def test_order_of_titles_in_the_catalogue_does_not_matter(open_art, catalog, bundle, dial):
    turned = keyart.Catalog.from_titles(reversed(catalog.titles))
    policy = keyart.Policy(exploration=0.5, stickiness=OFF)
    one = open_art(bundle=bundle, policy=policy, path="a", keys=keyart.EphemeralKey())
    other = open_art(bundle=bundle, policy=policy, path="b", keys=keyart.EphemeralKey(), catalog=turned)
    for art in (one, other):
        art.record(keyart.View("t1", EVENING, 6000))
    first, second = (distribution_of(art, dial, "t2", TV) for art in (one, other))
    assert first == pytest.approx(second, abs=1e-6)


def test_unknown_tags_and_titles_of_one_picture(open_art, bundle):
    title = keyart.Title("new", tags={f"genre:{GENRES[0]}": 1, "mood:odd": 1}, artworks=[keyart.Artwork("new/a")])
    catalog = keyart.Catalog.from_titles([title])
    art = open_art(bundle=bundle, catalog=catalog, keys=sample_keys())
    decision = art.choose("new", TV)
    assert (decision.artwork_id, decision.propensity, decision.exploring) == ("new/a", 1.0, False)
    assert [factor.name for factor in art.explain(decision.id).factors] == ["only-picture"]
