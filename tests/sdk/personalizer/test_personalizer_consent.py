"""Without consent, in mode "non_profiled" and for a child: a choice, and nothing about the person anywhere."""

from __future__ import annotations

import pytest
from choosing_samples import MORNING, TV, Dial, distribution_of, play_favourite, sample_keys

import keyart
from keyart.store.database import Store, Table

MODES = [{"consent": ""}, {"mode": "non_profiled"}, {"age_mode": "child"}]
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


@pytest.mark.parametrize("settings", [{}, {"mode": "non_profiled"}, {"age_mode": "child"}])
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
