"""Written behind: choosing never waits for the disk, and what is buffered gets there by itself."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest
from choosing_samples import EVENING, TV, play_favourite, run_python, sample_catalog

import keyart
from keyart.errors import StoreError, StoreFull
from keyart.profile import event_log as journal_module
from keyart.profile import session as session_module
from keyart.store.database import Table

PLAYED = keyart.Outcome.played(3000)
WAIT_SECONDS = 20


def test_a_decision_is_written_by_itself(open_art, monkeypatch):
    monkeypatch.setattr(session_module, "WRITE_BEHIND_SECONDS", 0.02)
    art = open_art()
    assert art._session.custody.store.count(Table.DECISION) == 0
    art.choose("t0", TV)
    timer = art._session._decisions._timer
    assert timer is None or timer.join(WAIT_SECONDS) is None
    with art._session.writing:
        assert art._session.custody.store.count(Table.DECISION) == 1 and art.stats().pending == 0


def test_choosing_never_waits_for_the_disk(open_art, bundle):
    """Somebody writes, and does not come to an end; choices go on."""
    art = open_art(bundle=bundle, policy=keyart.Policy())
    art.record(keyart.View("t1", EVENING, 3000))
    chosen: list[keyart.Decision] = []

    def choose() -> None:
        chosen.append(art.choose("t0", TV))
        chosen.extend(art.choose_page(["t0", "t1"], TV))
        art.preview("t2", TV)

    with art._session.writing, art._session.custody.store.transaction():
        thread = threading.Thread(target=choose, daemon=True)
        thread.start()
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive() and len(chosen) == 3
    assert art.observe(chosen[0].id, PLAYED)


def test_many_decisions_are_written_at_once(open_art, monkeypatch):
    monkeypatch.setattr(journal_module, "BATCH_DECISIONS", 10)
    monkeypatch.setattr(session_module, "URGENT_PENDING", 25)
    monkeypatch.setattr(session_module, "WRITE_BEHIND_SECONDS", 3600.0)
    art = open_art()
    for _ in range(24):
        art.choose("t0", TV)
    assert art.stats().pending == 24
    art.choose("t0", TV)
    for _ in range(1000):
        with art._session.writing:
            if art._session.custody.store.count(Table.DECISION) == 25:
                break
        time.sleep(0.02)
    assert art.stats().pending == 0


def test_a_disk_that_fails_behind_is_said_and_tried_again(open_art, monkeypatch, caplog):
    art = open_art()
    art.choose("t0", TV)

    def full() -> int:
        raise StoreFull("canary-path is full")

    with monkeypatch.context() as patch:
        patch.setattr(art._session.custody.journal, "write_batch", full)
        art._session._write_decisions()
        with pytest.raises(StoreFull):
            art.flush()
    assert "StoreFull" in caplog.text and "canary" not in caplog.text
    art.flush()
    assert art._session.custody.store.count(Table.DECISION) == 1


@pytest.mark.parametrize("with_bundle", [False, True])
def test_opened_by_its_summary_it_is_the_same(open_art, bundle, dial, with_bundle):
    settings = {"bundle": bundle} if with_bundle else {}
    with open_art(**settings) as art:
        art.record_many([keyart.View(f"t{n % 7}", EVENING, 1000 * n) for n in range(9)])
        play_favourite(art, "t0/a", 20)
    with open_art(**settings) as art:
        assert art._session.custody.profile._summary_basis and art.stats().head_updates == 20
        head, viewer = art._session.custody.profile.learner.head, art._session.custody.profile.viewer()
        chance = art.preview("t0", TV)
        art._session.custody.store.delete(Table.HEAD, b"summary")
        art._session.custody.profile.summarise = lambda: None  # so that closing writes none
    again = open_art(**settings)
    assert again._session.custody.profile._summary_basis is None and again.stats().head_updates == 20
    np.testing.assert_allclose(again._session.custody.profile.learner.head.mean, head.mean, atol=1e-6)
    np.testing.assert_allclose(again._session.custody.profile.learner.head.covariance, head.covariance, atol=1e-6)
    np.testing.assert_allclose(again._session.custody.profile.viewer().affinity, viewer.affinity, atol=1e-6)
    assert again.preview("t0", TV) == pytest.approx(chance, abs=1e-6)
    assert again._session.custody.profile.has_watched(0)


def _closed_behind(art: keyart.Personalizer) -> None:
    """As if the process had been killed: what is not in the store is lost, the summary is an old one."""
    art._session.custody.store.close()
    art._session._closed = True


@pytest.mark.parametrize("what", ["a view", "an outcome", "another model", "another reward", "another catalogue"])
def test_a_summary_that_is_not_true_any_more_is_not_used(open_art, bundle, next_bundle, what):
    settings = {"bundle": bundle}
    with open_art(**settings) as art:
        art.record(keyart.View("t0", EVENING, 5000))
        play_favourite(art, "t0/a", 5)
    if what in ("a view", "an outcome"):
        art = open_art(**settings)
        assert art._session.custody.profile._summary_basis
        art.record(keyart.View("t1", EVENING, 5000)) if what == "a view" else play_favourite(art, "t0/a", 1)
        _closed_behind(art)
    elif what == "another model":
        settings = {"bundle": next_bundle}
    elif what == "another reward":
        settings["reward"] = keyart.Reward(quality_seconds=6000)
    else:
        del settings["bundle"]
        settings["catalog"] = sample_catalog(artworks=3)
    art = open_art(**settings)
    assert art._session.custody.profile._summary_basis is None
    if what == "a view":
        assert art._session.custody.profile.has_watched(1)
    if what == "an outcome":
        assert art.stats().head_updates == 6


def test_removal_takes_the_summary_along(open_art):
    with open_art() as art:
        play_favourite(art, "t0/a", 5)
    art = open_art()
    assert art._session.custody.store.get(Table.HEAD, b"summary") is not None
    art.remove_title("t0")
    assert art._session.custody.store.get(Table.HEAD, b"summary") is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_in_a_forked_child_it_chooses_and_does_not_write(path):
    """The child answers, with other numbers than its parent; the profile is the parent's, whose lock holds."""
    text = """
    import os, sys, threading, time
    import keyart
    from keyart.errors import StoreError
    from choosing_samples import OFF, TV, sample_catalog, sample_keys
    def open_it(where):
        return keyart.Personalizer.open(where, catalog=sample_catalog(), keys=sample_keys(),
                                        policy=keyart.Policy(stickiness=OFF))
    art = open_it(sys.argv[1])
    art.consent.grant("personalization")
    first = art.choose("t0", TV)
    held = threading.Event()
    def hold():
        with art._session.writing, art._session.lock:
            held.set()
            time.sleep(0.5)
    threading.Thread(target=hold).start()
    held.wait()
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        shown = [art.choose("t0", TV).artwork_id for _ in range(40)]
        try:
            art.observe(first.id, keyart.Outcome.skipped())
        except StoreError as error:
            os.write(writing, repr((shown, str(error))).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    shown, said = eval(os.read(reading, 10_000))
    assert "process" in said, said
    assert shown != [art.choose("t0", TV).artwork_id for _ in range(40)]
    try:
        open_it(sys.argv[1])
    except StoreError as error:
        print(type(error).__name__)
    assert art.observe(first.id, keyart.Outcome.skipped())
    art.close()
    print(len(open_it(sys.argv[1]).export()["decisions"]))
    """
    assert run_python(text, path).split() == ["StoreBusy", "41"]


def test_after_close(open_art):
    art = open_art()
    decision = art.choose("t0", TV)
    art.close()
    for call in (
        lambda: art.choose("t0", TV),
        lambda: art.choose_page(["t0"], TV),
        lambda: art.observe(decision.id, PLAYED),
        lambda: art.record(keyart.View("t0", EVENING, 60)),
        lambda: art.explain(decision.id),
    ):
        with pytest.raises(StoreError, match=r"open it again"):
            call()
