"""Preferences: stated, seen, changed and taken back at any time, and what they add to the score of a picture."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keyart
from keyart.errors import SettingError, StoreDamaged, StoreError, StoreFull
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.features.encode import MAX_TAG_WEIGHT
from keyart.model.features.spec import CLOSED_KIND_TAGS, SENSITIVE_KINDS
from keyart.model.head import HeadPrior
from keyart.model.policy import Policy, distribution
from keyart.model.ranker.weights import PRIOR_TASTE
from keyart.model.stated_preferences import PREFERENCE_LOGIT, StatedPreferences, tag_weight
from keyart.profile.preferences import MAX_TAG_CHARACTERS, MAX_TAGS, RECORD_ID, Preferences
from keyart.store.database import Store, Table
from keyart.store.keys import EphemeralKey, HostKey

TAGS = ("genre:drama", "genre:comedy", "palette:warm", "faces", "cast:p1", "gender:x")


@pytest.fixture
def store():
    with Store.open("memory", EphemeralKey()) as opened:
        yield opened


def picture(name: str, **tags: float) -> keyart.Artwork:
    return keyart.Artwork(name, tags={tag.replace("_", ":"): weight for tag, weight in tags.items()})


def one_title(*pictures: keyart.Artwork) -> keyart.Catalog:
    return keyart.Catalog.from_titles([keyart.Title("t", artworks=pictures)])


def test_nothing_is_stated_by_default(store):
    assert Preferences(store).as_dict() == {} and store.count(Table.SETTING) == 0


def test_the_last_word_on_a_tag_counts(store):
    preferences = Preferences(store)
    preferences.like("genre:drama")
    preferences.dislike("palette:warm")
    preferences.like("faces")
    preferences.dislike("genre:drama")
    assert preferences.as_dict() == {"genre:drama": -1.0, "palette:warm": -1.0, "faces": 1.0}
    assert list(preferences.as_dict()) == ["genre:drama", "palette:warm", "faces"]
    assert preferences.clear("palette:warm") is True
    assert preferences.clear("palette:warm") is False and preferences.clear("never said") is False
    assert preferences.as_dict() == {"genre:drama": -1.0, "faces": 1.0}
    assert store.count(Table.SETTING) == 1
    preferences.clear("genre:drama")
    preferences.clear("faces")
    assert preferences.as_dict() == {} and store.count(Table.SETTING) == 0  # not even that there once were some


def test_each_change_is_there_at_the_next_open_and_only_for_its_profile(tmp_path):
    secrets: dict[str, bytes] = {}
    keys = HostKey(secrets.get, secrets.__setitem__, secrets.__delitem__)
    path = tmp_path / "profile.db"
    for number, change in enumerate([("like", "genre:drama"), ("dislike", "cast:p1"), ("clear", "genre:drama")]):
        with Store.open(path, keys) as store:
            getattr(Preferences(store), change[0])(change[1])
            expected = [{"genre:drama": 1.0}, {"genre:drama": 1.0, "cast:p1": -1.0}, {"cast:p1": -1.0}][number]
        with Store.open(path, keys) as store:
            assert Preferences(store).as_dict() == expected
    with Store.open(path, keys, "another") as store:
        assert Preferences(store).as_dict() == {}
    assert b"cast" not in path.read_bytes()


@pytest.mark.parametrize("verb", ["like", "dislike", "clear"])
@pytest.mark.parametrize("tag", ["", "  ", None, 7, b"faces", ["faces"]])
def test_what_is_no_tag(store, verb, tag):
    with pytest.raises(SettingError, match="such as 'genre:drama'"):
        getattr(Preferences(store), verb)(tag)
    assert store.count(Table.SETTING) == 0


@pytest.mark.parametrize(
    "tag", [*(f"{kind}:x" for kind in sorted(SENSITIVE_KINDS)), "gender", "Religion:x", " race :x", "AGE:40"]
)
@pytest.mark.parametrize("verb", ["like", "dislike"])
def test_no_preference_by_a_sensitive_kind(store, verb, tag):
    with pytest.raises(SettingError, match="never chosen by"):
        getattr(Preferences(store), verb)(tag)
    assert store.count(Table.SETTING) == 0


def test_there_is_a_bound_on_tags_and_on_their_length(store):
    preferences = Preferences(store)
    full = {f"tag:{n}": 1.0 for n in range(MAX_TAGS)}
    store.put(Table.SETTING, RECORD_ID, json.dumps(full).encode())
    with pytest.raises(SettingError, match="clear one"):
        preferences.like("one more")
    assert preferences.as_dict() == full
    preferences.dislike("tag:7")  # not one more
    preferences.clear("tag:8")
    preferences.like("x" * MAX_TAG_CHARACTERS)
    with pytest.raises(SettingError, match="201 characters"):
        preferences.dislike("x" * (MAX_TAG_CHARACTERS + 1))
    assert preferences.as_dict() == {
        **{tag: -1.0 if tag == "tag:7" else 1.0 for tag in full if tag != "tag:8"},
        "x" * MAX_TAG_CHARACTERS: 1.0,
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 20_000,
        b'{"faces": true}',
        b'{"faces": 1}',
        b'{"faces": 2.0}',
        b'{"faces": NaN}',
        b'{"faces": "like"}',
    ],
)
def test_bytes_that_cannot_be_read(store, data):
    store.put(Table.SETTING, RECORD_ID, data)
    for call in (
        Preferences(store).as_dict,
        lambda: Preferences(store).like("x"),
        lambda: Preferences(store).clear("x"),
    ):
        with pytest.raises(StoreDamaged, match="preferences") as caught:
            call()
        assert "faces" not in str(caught.value)
    assert store.get(Table.SETTING, RECORD_ID) == data


def test_what_cannot_be_stored_is_not_stated(store, monkeypatch):
    preferences = Preferences(store)
    preferences.like("faces")

    def full(*_: object) -> None:
        raise StoreFull("full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "put", full)
        with pytest.raises(StoreFull):
            preferences.dislike("faces")
    assert preferences.as_dict() == {"faces": 1.0}
    with pytest.raises(StoreError), store.transaction():
        preferences.like("genre:drama")
        raise StoreError("rolled back")
    assert preferences.as_dict() == {"faces": 1.0}


def test_eight_threads_lose_no_statement(store):
    preferences = Preferences(store)
    barrier = threading.Barrier(8)

    def state(number: int) -> None:
        barrier.wait()
        for n in range(10):
            preferences.like(f"{number}/{n}")

    threads = [threading.Thread(target=state, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(preferences.as_dict()) == 80


def test_a_like_adds_its_weight_and_a_dislike_takes_it():
    catalog = one_title(
        picture("a", genre_drama=0.5, palette_warm=1.0),
        picture("b", genre_drama=1.0),
        picture("c", faces=9.0),  # as in its features, no weight counts more than 4
        picture("d"),
    )
    stated = StatedPreferences.of(
        catalog, {"genre:drama": 1.0, "palette:warm": -1.0, "faces": 1.0, "not on any": 1.0}
    )
    np.testing.assert_array_equal(stated.added, np.array([-0.5, 1.0, 4.0, 0.0], np.float32) * PREFERENCE_LOGIT)
    assert stated.added.dtype == np.float32
    np.testing.assert_array_equal(stated.added[np.array([[3, 0], [2, 2]])], [[0, -0.5], [4, 4]])


@pytest.mark.parametrize(
    "preferences", [{}, {"not on any": 1.0}, {"gender:x": 1.0}, {"genre:drama": 1.0, "faces": -1.0}]
)
def test_what_touches_no_picture_costs_a_choice_nothing(preferences):
    catalog = one_title(picture("a", gender_x=1.0, genre_drama=0.0), picture("b", palette_warm=1.0))
    assert StatedPreferences.of(catalog, preferences) is None


def test_a_sensitive_kind_is_not_used_even_if_it_was_stored_once():
    catalog = one_title(picture("a", gender_x=1.0), picture("b", palette_warm=1.0))
    stated = StatedPreferences.of(catalog, {"gender:x": 1.0, "palette:warm": 1.0})
    assert stated.added.tolist() == [0.0, PREFERENCE_LOGIT] and dict(stated.tags) == {"palette:warm": 1.0}


def test_people_and_words_that_no_model_knows_count_too():
    """A kind of more values than a model gives places to, and a tag that came after the model was trained."""
    people = [
        keyart.Title(f"t{n}", tags={f"cast:p{n}": 1.0}, artworks=[picture(f"t{n}/a", **{f"cast_p{n}": 1.0})])
        for n in range(CLOSED_KIND_TAGS + 2)
    ]
    spec = FeatureSpec.from_catalog(keyart.Catalog.from_titles(people))
    assert spec.open_kinds == ("cast",) and not spec.artwork_tags
    late = keyart.Title("late", artworks=[picture("late/a", style_new=1.0), picture("late/b", cast_p3=0.5)])
    catalog = keyart.Catalog.from_titles([*people, late])
    stated = StatedPreferences.of(catalog, {"cast:p3": 1.0, "style:new": -1.0})
    place = EncodedCatalog.build(catalog, spec).place
    found = {name: float(stated.added[at]) for name, at in place.items() if stated.added[at]}
    assert found == {"t3/a": PREFERENCE_LOGIT, "late/a": -PREFERENCE_LOGIT, "late/b": 0.5 * PREFERENCE_LOGIT}


weights = st.dictionaries(st.sampled_from(TAGS), st.floats(0, 10, width=32), max_size=len(TAGS))
stated_tags = st.dictionaries(st.sampled_from(TAGS), st.sampled_from([1.0, -1.0]))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(weights, min_size=1, max_size=3), min_size=1, max_size=4), stated_tags)
def test_offsets_are_the_sum_over_what_was_stated(titles, preferences):
    """In the order of the catalogue's pictures, and each tag by itself adds what it adds among others."""
    catalog = keyart.Catalog.from_titles(
        keyart.Title(f"t{t}", artworks=[keyart.Artwork(f"t{t}/{a}", tags=tags) for a, tags in enumerate(pictures)])
        for t, pictures in enumerate(titles)
    )
    artworks = [artwork for title in catalog for artwork in title.artworks]
    expected = np.zeros(len(artworks))
    for tag, sign in preferences.items():
        if tag != "gender:x":
            expected += [PREFERENCE_LOGIT * sign * min(a.tags.get(tag, 0.0), MAX_TAG_WEIGHT) for a in artworks]
    stated = StatedPreferences.of(catalog, preferences)
    found = np.zeros(len(artworks)) if stated is None else stated.added
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert all(0 <= tag_weight(a, tag) <= MAX_TAG_WEIGHT for a in artworks for tag in TAGS)


def test_a_like_counts_as_the_docstring_says():
    deviation = HeadPrior().tag_variance ** 0.5
    assert round(PREFERENCE_LOGIT / deviation) == 6
    assert PREFERENCE_LOGIT == PRIOR_TASTE * 0.5
    assert np.exp(PREFERENCE_LOGIT) == pytest.approx(2.7, abs=0.05)


def test_before_the_first_model_a_like_leads_the_draw():
    catalog = one_title(*(picture(f"{n}", style_a=float(n == 2)) for n in range(8)))
    logits = np.zeros(8, np.float32) + StatedPreferences.of(catalog, {"style:a": 1.0}).added
    value = 0.5 / (1 + np.exp(-logits))
    chances = distribution(value, np.ones(8, bool), Policy().gamma(None))
    assert chances[2] > 0.5 and chances.argmax() == 2
    assert np.delete(chances, 2) == pytest.approx((1 - chances[2]) / 7)
