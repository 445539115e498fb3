"""Without consent, in mode "non_profiled" and for a child: a choice, and nothing about the person anywhere."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from support.catalogs import MORNING, TV, Clock, Dial, distribution_of, play_favourite, sample_keys

import keyart
from keyart.store.database import Store, Table

MODES = [{"consent": ""}, {"mode": "non_profiled"}, {"age_mode": "child", "max_maturity": "6+"}]
CANARY = "canary-title-90210"


def everything(art: keyart.Personalizer) -> keyart.Decision:
    art.record(keyart.View(CANARY, TV.at, 5000))
    art.record_many([keyart.View("t1", TV.at, 5000, device="canary-device")])
    decision = art.choose("t0", TV)
    art.choose_page(["t1", "t2"], TV)
    art.observe(decision.id, keyart.Outcome.played(3000))
    art.observe(decision.id, keyart.Outcome.skipped())
    assert art.explain(decision.id).factors
    art.flush()
    return decision


@pytest.mark.parametrize("settings", MODES)
def test_nothing_is_written(open_art, path, bundle, settings):
    open_art(**settings).close()
    before = path.read_bytes()
    with open_art(**settings, bundle=bundle) as art:
        assert not art.profiled
        assert art.record(keyart.View("t1", TV.at, 5000)) == 0
        everything(art)
        document = art.export()
        assert document["views"] == document["decisions"] == document["outcomes"] == []
        assert not document["learned"]
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with Store.open(path, sample_keys()) as store:
        assert store.count(Table.VIEW) == store.count(Table.DECISION) == store.count(Table.HEAD) == 0


@pytest.mark.parametrize("settings", MODES)
def test_history_moves_no_choice(open_art, tmp_path, bundle, dial, settings):
    """A profile that has learned a lot chooses, without consent, like one that has never been used."""
    with open_art(bundle=bundle) as art:
        art.record_many([keyart.View("t3", TV.at, 6000)] * 5)
        play_favourite(art, "t0/c", 60)
        personal = distribution_of(art, dial, "t0", TV)
    known = open_art(bundle=bundle, **settings)
    if settings.get("consent") == "":
        known.consent.withdraw("personalization")
    stranger = open_art(bundle=bundle, path=tmp_path / "new.db", consent="")
    choice = distribution_of(known, dial, "t0", TV)
    assert choice == distribution_of(stranger, dial, "t0", TV) != personal


@pytest.mark.parametrize("settings", MODES)
def test_latents_add_nothing(open_art, tmp_path, bundle, plain_bundle, dial, settings):
    """With a history under a consent they do; without it every title is chosen as by a model that has none."""
    settings = {**settings, "policy": keyart.Policy(exploration=0.6, stickiness=timedelta(0))}
    with open_art(bundle=bundle, policy=settings["policy"]) as art:
        art.record_many([keyart.View("t3", TV.at, 6000)] * 9)
        personal = distribution_of(art, dial, "t0", TV)
    with open_art(bundle=plain_bundle, policy=settings["policy"]) as art:
        assert distribution_of(art, dial, "t0", TV) != pytest.approx(personal, abs=0.01)
    known = open_art(bundle=bundle, **settings)
    if settings.get("consent") == "":
        known.consent.withdraw("personalization")
    plain = open_art(bundle=plain_bundle, path=tmp_path / "new.db", consent="", policy=settings["policy"])
    for title in ("t0", "t3", "t5"):
        assert distribution_of(known, dial, title, TV) == distribution_of(plain, dial, title, TV)
    shares = [{p.name: p.importance for p in art.describe_parameters().parameters} for art in (known, plain)]
    assert shares[0] == shares[1] and shares[0]["history"] == 0


def test_consent_default_is_none(open_art):
    art = open_art(consent="")
    assert not any(art.consent.allows(p) for p in ("personalization", "federated", "diagnostics"))
    with pytest.raises(keyart.KeyartError):
        art.consent.grant("everything")


def test_what_is_written_with_consent_is_sealed(open_art, path, bundle):
    with open_art(bundle=bundle) as art:
        everything(art)
        running = b"".join(file.read_bytes() for file in path.parent.iterdir())
        document = art.export()
    assert document["views"][0]["title_id"] == CANARY and document["views"][1]["device"] == "canary-device"
    for data in (running, path.read_bytes()):
        assert not any(text in data for text in (b"canary", b"t0/", b"played", b"default"))


def test_a_decision_made_before_consent_is_not_kept(open_art):
    art = open_art(consent="")
    decision = art.choose("t0", TV)
    art.consent.grant("personalization")
    assert art.observe(decision.id, keyart.Outcome.played(3000)) is False
    assert art.export()["decisions"] == []


def test_withdrawal_stops_learning_and_forgets_what_is_in_memory(open_art, dial):
    art = open_art()
    play_favourite(art, "t0/a", 30)
    decision = art.choose("t0", TV)
    art.consent.withdraw("personalization")
    assert set(distribution_of(art, dial, "t0", TV).values()) == {1 / 8}
    assert art.observe(decision.id, keyart.Outcome.played(3000)) is False
    assert art.record(keyart.View("t1", TV.at, 5000)) == 0
    assert art.export()["consent"][-1]["granted"] is False
    art.consent.grant("personalization")  # what was stored under the first consent counts again
    assert distribution_of(art, dial, "t0", TV)["t0/a"] > 1 / 8


@pytest.mark.parametrize("settings", [{}, {"mode": "non_profiled"}, {"age_mode": "child", "max_maturity": "6+"}])
def test_access_without_consent_does_not_bring_the_profile_back(open_art, path, catalog, settings):
    """After `export` and `remove_title` an unprofiled choice is still not that of the profile, not even sticky."""
    dial = Dial(0.99)
    with open_art(policy=keyart.Policy(), rng=dial) as art:
        shown = art.choose("t0", TV)
        art.observe(shown.id, keyart.Outcome.played(3000))
    again = open_art(policy=keyart.Policy(), rng=Dial(0.0), consent="", **settings)
    if not settings:
        again.consent.withdraw("personalization")
    assert len(again.export()["decisions"]) == 1
    assert again.remove_title("t5") == 0
    decision = again.choose("t0", TV)
    assert not decision.sticky and decision.artwork_id != shown.artwork_id
    assert again.remove_title("t0") == 1 and again.export()["decisions"] == []


def test_morning_and_evening_are_content_too(open_art, bundle, dial):
    """Context alone may change an unprofiled choice."""
    art = open_art(consent="", bundle=bundle)
    evening = distribution_of(art, dial, "t0", TV)
    assert evening != distribution_of(art, dial, "t0", keyart.Context("phone", MORNING))


IMPERSONAL = {
    "appeal",
    "content",
    "context",
    "everybody",
    "exploration",
    "intent",
    "no-difference",
    "no-model",
    "only-picture",
    "promise",
    "title",
}


@pytest.mark.parametrize("valid", [timedelta(hours=1), timedelta(days=30)])
def test_an_expired_consent_acts_as_a_withdrawn_one_and_erases_nothing(open_art, tmp_path, bundle, dial, valid):
    clock = Clock()
    art = open_art(bundle=bundle, consent="", clock=clock)
    art.consent.grant("personalization", valid=valid)
    art.record_many([keyart.View("t3", TV.at, 6000)] * 5)
    play_favourite(art, "t0/c", 60)
    waiting = art.choose("t0", TV)
    personal = distribution_of(art, dial, "t0", TV)
    clock.now += valid
    stranger = open_art(bundle=bundle, path=tmp_path / "new.db", consent="")
    assert not art.profiled
    assert distribution_of(art, dial, "t0", TV) == distribution_of(stranger, dial, "t0", TV) != personal
    assert art.record(keyart.View("t1", TV.at, 5000)) == 0
    assert art.observe(waiting.id, keyart.Outcome.played(3000)) is False
    with pytest.raises(keyart.KeyartError):
        art.explain(waiting.id)
    document = art.export()
    assert len(document["views"]) == 5 and len(document["outcomes"]) == 60
    art.close()
    again = open_art(bundle=bundle, consent="", clock=clock)
    assert not again.profiled and again.export()["views"] == document["views"]
    again.consent.grant("personalization")
    assert distribution_of(again, dial, "t0", TV) == pytest.approx(personal)


def test_a_picture_kept_under_a_consent_is_not_shown_after_it_expired(open_art):
    clock = Clock()
    art = open_art(policy=keyart.Policy(), rng=Dial(0.99), consent="", clock=clock)
    art.consent.grant("personalization", valid=timedelta(minutes=10))
    shown = art.choose("t0", TV)
    assert art.choose("t0", TV).sticky
    clock.now += timedelta(minutes=10)
    after = art.choose("t0", TV)
    assert not after.sticky and after.propensity == pytest.approx(1 / 8)
    assert art.choose("t0", TV).sticky  # nobody's picture is kept as well, in memory
    assert after.id != shown.id


def test_an_expired_consent_to_campaigns_declines_them(open_art, bundle):
    clock = Clock()
    art = open_art(bundle=bundle, clock=clock)
    art.consent.grant("federated", valid=timedelta(days=1))
    with pytest.raises(keyart.KeyartError):
        art.answer(b"no message")  # it is read at all
    clock.now += timedelta(days=1)
    assert art.answer(b"no message") is None and art.profiled


@pytest.mark.parametrize("settings", [*MODES[1:], {"consent": "", "withdraw": True}])
def test_a_profile_used_before_is_closed_to_a_child_and_to_non_profiled_use(open_art, path, bundle, settings):
    """What an adult did is not explained, not answered with, not added to, and the file stays as it is."""
    with open_art(bundle=bundle, consent="personalization federated") as art:
        art.record(keyart.View("t3", TV.at, 6000))
        play_favourite(art, "t0/c", 10)
        mine = art.choose("t1", TV)
    given = dict(settings)
    if given.pop("withdraw", False):
        with open_art(bundle=bundle, consent="") as art:
            art.consent.withdraw("personalization")
    before = path.read_bytes()
    with open_art(**{"consent": "", **given}, bundle=bundle) as art:
        assert not art.profiled and art.answer(b"no message") is None
        assert art.observe(mine.id, keyart.Outcome.played(3000)) is False
        with pytest.raises(keyart.KeyartError):
            art.explain(mine.id)
        everything(art)
    assert path.read_bytes() == before
    with open_art(bundle=bundle) as art:
        assert len(art.export()["views"]) == 1 and len(art.export()["outcomes"]) == 10
        assert art.observe(mine.id, keyart.Outcome.played(3000))


@pytest.mark.parametrize("settings", MODES)
@pytest.mark.parametrize("with_bundle", [True, False])
def test_no_reason_speaks_of_the_person(open_art, bundle, settings, with_bundle):
    with open_art(bundle=bundle) as art:
        art.record_many([keyart.View("t3", TV.at, 6000)] * 5)
        play_favourite(art, "t0/c", 30)
    art = open_art(**settings, bundle=bundle if with_bundle else None, rng=np.random.default_rng(2))
    if not settings.get("consent", True):
        art.consent.withdraw("personalization")
    for n in range(40):
        why = art.explain(art.choose(f"t{n % 6}", TV).id)
        assert {factor.name.partition(":")[0] for factor in why.factors} <= IMPERSONAL, why.factors
        assert not any(
            word in factor.text for factor in why.factors for word in ("you watch", "You lately", "You said")
        )


@pytest.mark.parametrize("settings", MODES)
def test_a_preview_without_a_profile_is_that_of_a_stranger(open_art, tmp_path, bundle, settings):
    with open_art(bundle=bundle) as art:
        play_favourite(art, "t0/c", 60)
        personal = art.preview("t0", TV)
    known = open_art(bundle=bundle, **settings)
    if not settings.get("consent", True):
        known.consent.withdraw("personalization")
    stranger = open_art(bundle=bundle, path=tmp_path / "new.db", consent="")
    assert known.preview("t0", TV) == stranger.preview("t0", TV) != personal
