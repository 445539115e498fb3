"""record and observe: what they returned from is kept, learned from once, and gone when it is removed."""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from choosing_samples import (
    EVENING,
    MORNING,
    OFF,
    TV,
    distribution_of,
    play_favourite,
    run_python,
    sample_keys,
    sample_model,
)

import keyart
from keyart.errors import HistoryError, SettingError, UnknownDecision
from keyart.model import latents
from keyart_federated.export import write_bundle

PLAYED, SKIPPED, OPENED = keyart.Outcome.played(3000), keyart.Outcome.skipped(), keyart.Outcome.opened()


def head_of(art: keyart.Personalizer) -> np.ndarray:
    return art._session.custody.profile.learner.head.mean


def outcomes_of(art: keyart.Personalizer) -> list[tuple[str, float]]:
    return [(o["kind"], o["seconds"]) for o in art.export()["outcomes"]]


@pytest.mark.parametrize("with_bundle", [False, True])
def test_reopened_profile_chooses_as_before(open_art, bundle, dial, with_bundle):
    settings = {"policy": keyart.Policy(exploration=0.3, stickiness=OFF)} | (
        {"bundle": bundle} if with_bundle else {}
    )
    with open_art(**settings) as art:
        art.record_many([keyart.View(f"t{n % 5}", EVENING, 6000) for n in range(12)])
        for number in np.random.default_rng(1).random(80):
            dial.number = float(number)
            decision = art.choose("t0", TV)
            art.observe(decision.id, PLAYED if decision.artwork_id in ("t0/c", "t0/d") else SKIPPED)
        before = distribution_of(art, dial, "t0", TV)
    again = open_art(**settings)
    after = distribution_of(again, dial, "t0", TV)
    assert after.keys() == before.keys()
    assert list(after.values()) == pytest.approx(list(before.values()), abs=1e-6)
    play_favourite(again, "t0/a", 5)
    assert distribution_of(again, dial, "t0", TV) != after


@pytest.mark.parametrize("new_model", [False, True])
def test_reopened_after_late_and_corrected_outcomes(open_art, bundle, next_bundle, dial, new_model):
    """Order of outcomes, a flush in between, a skip that became a play, a new model: the same head again."""
    settings = {"policy": keyart.Policy(exploration=0.3, stickiness=OFF), "bundle": bundle}
    with open_art(**settings) as art:
        play_favourite(art, "t0/a", 12)
        decisions = [art.choose(f"t{n % 4}", TV) for n in range(12)]
        art.flush()
        for n in (3, 1, 8, 2, 0):
            art.observe(decisions[n].id, PLAYED if n % 2 else SKIPPED)
        art.observe(decisions[2].id, PLAYED)
        if new_model:
            art.install(next_bundle)
        for n in (7, 4, 6):
            art.observe(decisions[n].id, PLAYED)
        play_favourite(art, "t0/b", 12)
        before = distribution_of(art, dial, "t0", TV)
        mean = head_of(art)
    again = open_art(**{**settings, "bundle": next_bundle if new_model else bundle})
    np.testing.assert_allclose(head_of(again), mean, atol=1e-6)
    assert list(distribution_of(again, dial, "t0", TV).values()) == pytest.approx(list(before.values()), abs=1e-6)


@pytest.mark.parametrize("order", list(itertools.permutations([OPENED, SKIPPED, PLAYED])))
def test_repeated_and_disordered_outcomes(open_art, order):
    """The most a viewer did counts, once, whatever the order in which the app says so."""
    art = open_art()
    decision = art.choose("t0", TV)
    told = [art.observe(decision.id, outcome) for outcome in (*order, *order)]
    assert told[0] is True and not any(told[3:])
    assert outcomes_of(art) == [("played", 3000.0)]
    plain = open_art(path="other", keys=keyart.EphemeralKey())
    plain.observe(plain.choose("t0", TV).id, PLAYED)
    np.testing.assert_allclose(head_of(art), head_of(plain), atol=1e-6)


def test_a_longer_play_replaces_a_shorter_one(open_art):
    art = open_art()
    decision = art.choose("t0", TV)
    assert art.observe(decision.id, keyart.Outcome.played(60)) and art.observe(
        decision.id, keyart.Outcome.played(900)
    )
    assert not art.observe(decision.id, keyart.Outcome.played(100))
    assert outcomes_of(art) == [("played", 900.0)]


def test_opened_is_not_played_until_it_is(open_art):
    """The page of a title that nobody then plays counts like a pass, so that clickbait does not pay."""
    art, other = open_art(), open_art(path="other", keys=keyart.EphemeralKey())
    decision = art.choose("t0", TV)
    art.observe(decision.id, OPENED)
    other.observe(other.choose("t0", TV).id, SKIPPED)
    assert outcomes_of(art) == [("opened", 0.0)]
    np.testing.assert_array_equal(head_of(art), head_of(other))
    assert head_of(art)[-1] < 0
    art.observe(decision.id, PLAYED)
    assert head_of(art)[-1] > 0


@pytest.mark.parametrize("with_bundle", [False, True])
def test_remove_title_removes_what_was_learned(open_art, bundle, dial, with_bundle):
    """Head, features and history are those of a profile that never saw the title."""
    settings = {"bundle": bundle} if with_bundle else {}
    numbers = np.random.default_rng(1).random(60)

    def live(art: keyart.Personalizer, titles: tuple[str, ...]) -> None:
        art.record_many([keyart.View(t, EVENING, 5000) for t in ("t1", "t2", "t5", "elsewhere") if t in titles])
        for n, number in enumerate(numbers):
            title = ("t0", "t5", "t1")[n % 3]
            if title in titles:
                dial.number = float(number)
                art.observe(art.choose(title, TV).id, PLAYED if n % 4 == 0 else SKIPPED)

    art = open_art(policy=keyart.Policy(exploration=1.0, stickiness=OFF), **settings)
    live(art, ("t0", "t1", "t2", "t5", "elsewhere"))
    assert art.remove_title("elsewhere") == 1
    assert art.remove_title("t5") == 21
    assert art.remove_title("t5") == art.remove_title("never seen") == 0
    never = open_art(
        policy=keyart.Policy(exploration=1.0, stickiness=OFF), path="n", keys=keyart.EphemeralKey(), **settings
    )
    live(never, ("t0", "t1", "t2"))
    np.testing.assert_allclose(head_of(art), head_of(never), atol=1e-6)
    np.testing.assert_allclose(
        art._session.custody.profile.viewer().affinity, never._session.custody.profile.viewer().affinity, atol=1e-6
    )
    assert "t5" not in json.dumps(art.export())


def met_of(art: keyart.Personalizer) -> list[float]:
    """What latents go by: how much was met of t0, t1 …"""
    return art._session.custody.profile.viewer().met.counts.tolist()


def others_of(art: keyart.Personalizer) -> np.ndarray:
    """[48]: what latents add to the logits of play of all pictures."""
    slates = art._session.chooser.slates(art._session.custody.profile)
    return np.concatenate([slates.logits([title], TV).latents for title in range(6)])


def watch(art: keyart.Personalizer) -> None:
    """t1, and t3 that is broken off."""
    art.record_many([keyart.View("t1", EVENING, 6000), keyart.View("t3", EVENING, 60)])


def meet(art: keyart.Personalizer) -> keyart.Decision:
    """t0 is played and passed over, t2 passed over, t3 opened; a picture of t5 is asked for. Nothing has come yet of
    the decision that it returns, of t4."""
    for title, outcome in (("t0", PLAYED), ("t0", SKIPPED), ("t2", SKIPPED), ("t3", OPENED)):
        art.observe(art.choose(title, TV).id, outcome)
    art.observe(art.choose("t5", keyart.Context("tv", EVENING, intent={"faces": 1.0})).id, PLAYED)
    return art.choose("t4", TV)


VIEWS = [0, 1, 0, 0.4, 0, 0]
ANSWERED = [
    2 * latents.IMPRESSION_WEIGHT + latents.PLAY_WEIGHT,
    1,
    latents.IMPRESSION_WEIGHT,
    0.4 + latents.IMPRESSION_WEIGHT,
    0,
    0,
]


def test_what_the_installed_model_showed_counts_under_the_next_one(open_art, bundle, next_bundle):
    art = open_art(bundle=bundle)
    watch(art)
    before = others_of(art)
    waiting = meet(art)
    assert met_of(art) == pytest.approx(VIEWS)
    np.testing.assert_allclose(others_of(art), before, atol=1e-7)
    art.install(next_bundle)
    assert met_of(art) == pytest.approx(ANSWERED)
    tables, places = art._session.chooser.installed.latents, np.repeat(np.arange(6), 8)
    f = (
        (np.array(ANSWERED) * ~np.eye(6, dtype=bool))
        @ tables.titles
        / (sum(ANSWERED) + latents.PRIOR_EXPOSURE - np.array(ANSWERED))[:, None]
    )
    np.testing.assert_allclose(others_of(art), (tables.artworks * f[places]).sum(-1), atol=1e-6)
    art.observe(waiting.id, SKIPPED)  # late: another model showed it
    assert met_of(art) == pytest.approx([*ANSWERED[:4], latents.IMPRESSION_WEIGHT, 0])
    art.observe(waiting.id, PLAYED)
    assert met_of(art) == pytest.approx([*ANSWERED[:4], latents.IMPRESSION_WEIGHT + latents.PLAY_WEIGHT, 0])
    art.observe(art.choose("t4", TV).id, PLAYED)
    assert met_of(art) == pytest.approx([*ANSWERED[:4], latents.IMPRESSION_WEIGHT + latents.PLAY_WEIGHT, 0])
    art.remove_decision(waiting.id)
    assert met_of(art) == pytest.approx(ANSWERED)


def test_what_was_met_is_summed_up_for_the_next_open(open_art, bundle, next_bundle, dial, monkeypatch):
    """The same choices from the summary, and from the journal where there is none."""
    with open_art(bundle=bundle) as art:
        watch(art)
        meet(art)
        art.install(next_bundle)
        met, others, choice = met_of(art), others_of(art), distribution_of(art, dial, "t5", TV)
    with monkeypatch.context() as patch:
        patch.setattr("keyart.profile.profile.Profile._derive", lambda self: pytest.fail("read its journal"))
        art = open_art(bundle=next_bundle)
    assert met_of(art) == met == pytest.approx(ANSWERED)
    np.testing.assert_array_equal(others_of(art), others)
    assert list(distribution_of(art, dial, "t5", TV).values()) == pytest.approx(list(choice.values()), abs=1e-6)
    art.close()
    monkeypatch.setattr("keyart.profile.profile.Snapshot.from_bytes", lambda data: None)
    again = open_art(bundle=next_bundle)
    assert met_of(again) == pytest.approx(met)
    assert list(distribution_of(again, dial, "t5", TV).values()) == pytest.approx(list(choice.values()), abs=1e-6)


def test_a_model_that_arrives_while_the_app_is_closed(open_art, bundle, next_bundle):
    with open_art(bundle=bundle) as art:
        watch(art)
        meet(art)
        assert met_of(art) == pytest.approx(VIEWS)
    assert met_of(open_art(bundle=next_bundle)) == pytest.approx(ANSWERED)


def test_other_latents_alone_make_a_summary_another_ones(open_art, bundle, catalog, tmp_path, dial):
    """Version and weights are the same, and what the head has learned beside the latents is not."""
    model = sample_model(catalog)
    other = replace(model, artwork_latents=-20 * model.artwork_latents)
    twin = write_bundle(tmp_path / "twin", other, catalog, data="Made up.", training={"round": 1, "devices": 1})
    with open_art(bundle=bundle) as art:
        art.record_many([keyart.View("t1", EVENING, 6000)] * 9)
        play_favourite(art, "t0/a", 20)
        mean = head_of(art)
    changed = open_art(bundle=twin)
    assert np.abs(head_of(changed) - mean).max() > 0.01


@pytest.mark.parametrize("title", ["t0", "t1", "t3"])
def test_remove_title_removes_what_was_met_of_it(open_art, bundle, next_bundle, title):
    art = open_art(bundle=bundle)
    watch(art)
    meet(art)
    art.install(next_bundle)
    assert art.remove_title(title) > 0
    left = [0 if f"t{t}" == title else weight for t, weight in enumerate(ANSWERED)]
    assert met_of(art) == pytest.approx(left)
    art.close()
    assert met_of(open_art(bundle=next_bundle)) == pytest.approx(left)


def test_explaining_a_removed_decision(open_art):
    art = open_art()
    decision = art.choose("t0", TV)
    art.observe(decision.id, PLAYED)
    art.remove_title("t0")
    for call in (lambda: art.explain(decision.id), lambda: art.observe(decision.id, SKIPPED)):
        with pytest.raises(UnknownDecision, match=r"removed"):
            call()


def test_export_is_complete(open_art, bundle):
    art = open_art(bundle=bundle, consent="personalization diagnostics")
    views = [keyart.View("t1", EVENING, 5400.5), keyart.View("far", MORNING, 0, "phone")]
    art.record_many(views)
    decisions = art.choose_page(["t0", "t1", "t2"], keyart.Context("fridge", MORNING, slot=4))
    art.observe(decisions[1].id, PLAYED)
    document = json.loads(json.dumps(art.export(), allow_nan=False))
    assert document["format"] == "keyart-export/1" and document["profile"] == "default"
    assert [(v["title_id"], v["seconds"], v["device"]) for v in document["views"]] == [
        ("t1", 5400.5, "tv"),
        ("far", 0.0, "phone"),
    ]
    assert [v["at"] for v in document["views"]] == [EVENING.isoformat(), MORNING.isoformat()]
    found = {d["id"]: d for d in document["decisions"]}
    assert set(found) == {d.id for d in decisions}
    for n, decision in enumerate(decisions):
        entry = found[decision.id]
        for name in ("title_id", "artwork_id", "propensity", "exploring", "sticky", "model_version"):
            assert entry[name] == getattr(decision, name)
        assert (entry["device"], entry["daypart"], entry["slot"]) == ("fridge", "morning", 4 + n)
    assert document["outcomes"] == [{"decision_id": decisions[1].id, "kind": "played", "seconds": 3000.0}]
    assert {c["purpose"] for c in document["consent"]} == {"personalization", "diagnostics"}
    assert document["learned"] and document["sent"] == []


def test_forget_leaves_nothing_and_goes_on(open_art, path, dial):
    secrets: dict[str, bytes] = {}
    keys = keyart.HostKey(secrets.get, secrets.__setitem__, secrets.__delitem__)
    art = open_art(keys=keys)
    play_favourite(art, "t0/a", 20)
    art.record(keyart.View("t1", EVENING, 3000))
    receipt = art.forget()
    assert receipt.verified and receipt.records >= 22
    document = art.export()
    assert document["views"] == document["decisions"] == document["consent"] == document["sent"] == []
    assert not document["learned"] and not art.profiled
    assert set(distribution_of(art, dial, "t0", TV).values()) == {1 / 8}
    art.consent.grant("personalization")
    art.observe(art.choose("t0", TV).id, PLAYED)
    art.close()
    again = open_art(consent="", keys=keys)
    assert again.profiled and len(again.export()["decisions"]) == 1


def test_kill_after_observe(path, open_art):
    text = """
    import os, signal, sys
    import keyart
    from choosing_samples import TV, sample_catalog, sample_keys
    art = keyart.Personalizer.open(sys.argv[1], catalog=sample_catalog(), keys=sample_keys())
    art.consent.grant("personalization")
    art.record(keyart.View("t4", TV.at, 4000))
    decision = art.choose("t0", TV)
    art.observe(decision.id, keyart.Outcome.played(1234))
    print(decision.id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    decision_id = run_python(text, path, kill=True).strip()
    document = open_art(consent="").export()
    assert document["outcomes"] == [{"decision_id": decision_id, "kind": "played", "seconds": 1234.0}]
    assert [v["title_id"] for v in document["views"]] == ["t4"]
    assert document["learned"]


def test_flush_and_close_write_decisions_without_outcome(open_art, path):
    art = open_art()
    flushed = art.choose("t0", TV)
    art.flush()
    closed = art.choose("t1", TV)
    art.close()
    art.close()
    again = open_art()
    assert [d["id"] for d in again.export()["decisions"]] == [flushed.id, closed.id]
    assert again.observe(closed.id, PLAYED) and again.explain(flushed.id).factors


def test_wrong_arguments_change_nothing(open_art, path):
    art = open_art()
    decision = art.choose("t0", TV)
    art.observe(decision.id, PLAYED)
    before = path.read_bytes()
    wrong = [
        (UnknownDecision, lambda: art.observe("0" * 32, PLAYED)),
        (UnknownDecision, lambda: art.observe("not even hexadecimal", PLAYED)),
        (UnknownDecision, lambda: art.explain("")),
        (SettingError, lambda: art.observe(decision.id, "played")),
        (SettingError, lambda: art.record("t1")),
        (SettingError, lambda: art.record_many([keyart.View("t1", EVENING, 1), None])),
        (HistoryError, lambda: art.record(keyart.View("t1", EVENING.replace(tzinfo=None), 1))),
        (HistoryError, lambda: art.record(keyart.View("t1", EVENING, float("nan")))),
        (HistoryError, lambda: art.observe(decision.id, keyart.Outcome.played(-1))),
    ]
    for error, call in wrong:
        with pytest.raises(error):
            call()
    assert path.read_bytes() == before
    assert len(art.export()["decisions"]) == 1 and art.export()["views"] == []


def test_eight_threads(open_art, bundle):
    art = open_art(bundle=bundle, policy=keyart.Policy(), rng=np.random.default_rng(1), keys=sample_keys())
    failures: list[BaseException] = []
    told: list[str] = []

    def live(number: int) -> None:
        try:
            for n in range(25):
                decision = art.choose(f"t{(number + n) % 6}", TV)
                art.choose_page(["t0", "t1"], TV)
                art.record(keyart.View("t1", EVENING, 3000))
                assert art.observe(decision.id, PLAYED if n % 3 else SKIPPED)
                told.append(decision.id)
                assert art.explain(decision.id).factors
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=live, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    art.close()
    document = open_art().export()
    assert {o["decision_id"] for o in document["outcomes"]} == set(told) and len(told) == 200
    assert len(document["views"]) == 200 and len(document["decisions"]) == 600
