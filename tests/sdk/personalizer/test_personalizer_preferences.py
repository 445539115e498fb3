"""Likes and dislikes of a profile: stored, used at once, editable, and the person's own."""

from __future__ import annotations

import numpy as np
import pytest
from choosing_samples import OFF, TV, play_favourite

import keyart
from keyart.errors import SettingError


def chance(art: keyart.Personalizer, tag: str) -> float:
    """Of a picture of t0 with that tag."""
    return sum(p for picture, p in art.preview("t0", TV).items() if tag in _tags(art, picture))


def _tags(art: keyart.Personalizer, picture: str) -> dict[str, float]:
    return next(dict(a.tags) for a in art._session.chooser.catalog["t0"].artworks if a.id == picture)


@pytest.mark.parametrize("with_bundle", [False, True])
def test_they_count_at_once_and_can_be_taken_back(open_art, bundle, with_bundle):
    art = open_art(
        policy=keyart.Policy(exploration=0.5, stickiness=OFF), **({"bundle": bundle} if with_bundle else {})
    )
    before = chance(art, "style:b")
    assert art.preferences.like("style:b") and art.preferences.as_dict() == {"style:b": 1.0}
    liked = chance(art, "style:b")
    assert art.preferences.dislike("style:b") and art.preferences.as_dict() == {"style:b": -1.0}
    assert chance(art, "style:b") < before < liked
    assert art.preferences.clear("style:b") and not art.preferences.clear("style:b")
    assert art.preferences.as_dict() == {} and chance(art, "style:b") == pytest.approx(before, abs=1e-9)


def test_they_are_kept_and_exported_and_forgotten(open_art, path):
    secrets: dict[str, bytes] = {}
    keys = keyart.HostKey(secrets.get, secrets.__setitem__, secrets.__delitem__)
    with open_art(keys=keys) as art:
        art.preferences.like("style:a")
        play_favourite(art, "t0/a", 5)
        chances = art.preview("t0", TV)
    assert b"style:a" not in path.read_bytes()
    art = open_art(keys=keys)
    assert art._session.custody.profile._summary_basis
    assert art.preview("t0", TV) == pytest.approx(chances, abs=1e-6)
    assert art.export()["preferences"] == art.preferences.as_dict() == {"style:a": 1.0}
    art.forget()
    assert art.export()["preferences"] == {}


def test_what_is_stated_is_not_learned_a_second_time(open_art):
    """Plays of what is liked anyway teach the head less than plays out of nowhere."""
    stated, silent = open_art(), open_art(path="silent", keys=keyart.EphemeralKey())
    stated.preferences.like("style:a")
    for art in (stated, silent):
        for _ in range(20):
            art.observe(art.choose("t0", TV).id, keyart.Outcome.played(3000))
    place = stated._session.chooser.installed.spec.artwork_place["style:a"]
    heads = [art._session.custody.profile.learner.head.mean[place] for art in (stated, silent)]
    assert 0 < heads[0] < heads[1]
    stated.preferences.clear("style:a")
    np.testing.assert_allclose(
        stated._session.custody.profile.learner.head.mean,
        silent._session.custody.profile.learner.head.mean,
        atol=1e-6,
    )


def test_a_sticky_picture_makes_way(open_art):
    art = open_art(policy=keyart.Policy())
    art.choose("t0", TV)
    assert art.choose("t0", TV).sticky
    art.preferences.dislike("style:a")
    assert not art.choose("t0", TV).sticky


def test_without_consent_nothing_is_kept(open_art):
    art = open_art(consent="")
    assert (
        art.preferences.like("style:a") is False
        and art.preferences.dislike("style:a") is False
        and art.preferences.as_dict() == {}
    )
    art.consent.grant("personalization")
    art.preferences.like("style:a")
    art.consent.withdraw("personalization")
    plain = open_art(consent="", path="plain", keys=keyart.EphemeralKey())
    assert art.preview("t0", TV) == plain.preview("t0", TV)
    assert art.preferences.as_dict() == {"style:a": 1.0} and art.preferences.clear("style:a")  # need no consent


@pytest.mark.parametrize("tag", ["ethnicity:any", "religion:any", "", 7])
def test_what_cannot_be_preferred(open_art, tag):
    art = open_art()
    with pytest.raises(SettingError):
        art.preferences.like(tag)
    assert art.preferences.as_dict() == {}


def test_explained_and_described(open_art, bundle):
    art = open_art(bundle=bundle)
    art.preferences.like("style:a")
    decision = art.choose("t0", TV)
    names = [factor.name for factor in art.explain(decision.id).factors]
    assert "preference" in names
    description = art.describe_parameters()
    assert sum(p.importance or 0 for p in description.parameters) == pytest.approx(1)
    assert "style a" in description.text and all(p.text in description.text for p in description.parameters)
    stranger = open_art(consent="", bundle=bundle, path="s", keys=keyart.EphemeralKey()).describe_parameters()
    assert "not used" in stranger.text


@pytest.mark.parametrize("with_bundle", [False, True])
def test_kinds_that_the_app_never_uses(open_art, bundle, with_bundle):
    """Neither what was learned, nor what was watched, nor a preference moves a choice by them."""
    settings = {"bundle": bundle} if with_bundle else {}
    never = keyart.Policy(stickiness=OFF, sensitive_kinds={"Style", "palette", "faces", "genre"})
    art = open_art(policy=never, **settings)
    art.record(keyart.View("t1", TV.at, 5000))
    before = art.preview("t0", TV)
    art.record_many([keyart.View("t2", TV.at, 5000)] * 5)
    assert art.preview("t0", TV) == pytest.approx(before, abs=1e-7)
    for tag in ("style:a", "STYLE:a"):
        with pytest.raises(SettingError, match="never chooses by"):
            art.preferences.like(tag)
    art.preferences.like("mood:any")
    assert art.preview("t0", TV) == pytest.approx(before, abs=1e-7)
    play_favourite(art, "t5/b", 20, "t5")
    assert set(art.export()["learned"]) == {"bias"}
    assert "style" in art.describe_parameters().text.splitlines()[-1]


def test_kinds_that_the_app_never_uses_switch_latents_off(open_art, bundle, next_bundle, plain_bundle, tmp_path):
    """They are of no kind, so nobody could say that they do not tell of one."""

    def chances(name: str, model, policy: keyart.Policy, then=None) -> list[float]:
        art = open_art(bundle=model, policy=policy, path=tmp_path / name, keys=keyart.EphemeralKey())
        art.record_many([keyart.View("t1", TV.at, 5000)] * 9)
        if then is not None:
            art.install(then)
        assert (art._session.chooser.installed.latents is None) is bool(
            policy.sensitive_kinds or model == plain_bundle
        )
        return list(art.preview("t0", TV).values())

    usual, never = (keyart.Policy(exploration=0.6, sensitive_kinds=kinds) for kinds in (set(), {"cast"}))
    without = chances("a", plain_bundle, usual)
    assert chances("b", bundle, never) == chances("c", plain_bundle, never) == pytest.approx(without, abs=1e-9)
    assert max(abs(x - y) for x, y in zip(chances("d", bundle, usual), without, strict=True)) > 1e-3
    later = chances("e", bundle, never, next_bundle)
    assert later == chances("f", plain_bundle, never, next_bundle) != chances("g", bundle, usual, next_bundle)


@pytest.mark.parametrize("kinds", [["cast"], "cast", {""}, {1}, None])
def test_wrong_kinds(kinds):
    with pytest.raises(SettingError, match="sensitive_kinds"):
        keyart.Policy(sensitive_kinds=kinds)
