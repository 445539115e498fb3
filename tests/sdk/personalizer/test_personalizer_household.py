"""A household: the profiles of one file, open at once in one process."""

from __future__ import annotations

import os
import threading

import pytest
from support.catalogs import TV, play_favourite, run_python
from support.stores import Host, run_fork

import keyart
from keyart.errors import StoreBusy, StoreClosed, StoreError

PLAYED = keyart.Outcome.played(2400)


@pytest.fixture
def household(open_art):
    """Anna, who plays t0/a, and Ben, who plays t0/b."""
    anna, ben = open_art(profile="anna"), open_art(profile="ben")
    play_favourite(anna, "t0/a", 20)
    play_favourite(ben, "t0/b", 20)
    return anna, ben


def views(art):
    return [view["title_id"] for view in art.export()["views"]]


def test_each_has_its_own_history_head_and_consent(open_art, household):
    anna, ben = household
    anna.record(keyart.View("t1", TV.at, 3000))
    ben.record_many([keyart.View("t2", TV.at, 3000), keyart.View("t3", TV.at, 3000)])
    assert (views(anna), views(ben)) == (["t1"], ["t2", "t3"])
    learned = anna.export()["learned"], ben.export()["learned"]
    assert learned[0] != learned[1]
    anna.consent.withdraw("personalization")
    assert not anna.profiled and ben.profiled
    anna.close()
    ben.close()
    again = open_art(profile="ben")
    assert views(again) == ["t2", "t3"] and again.export()["learned"] == learned[1]


def test_the_same_profile_twice_is_refused_at_once_and_disturbs_nobody(open_art, household):
    anna, ben = household
    with pytest.raises(StoreBusy, match="'anna'"):
        open_art(profile="anna")
    assert anna.observe(anna.choose("t1", TV).id, PLAYED) and ben.observe(ben.choose("t1", TV).id, PLAYED)
    anna.close()
    assert len(open_art(profile="anna").export()["outcomes"]) == 21


def test_another_process_is_refused_at_once(path, household):
    program = """
    import sys
    from support.catalogs import sample_catalog, sample_keys
    import keyart
    from keyart.errors import StoreBusy
    try:
        keyart.Personalizer.open(sys.argv[1], catalog=sample_catalog(), keys=sample_keys(), profile="carla")
    except StoreBusy as error:
        print(error)
    """
    assert "Close it there" in run_python(program, path)


def test_forgetting_one_leaves_the_other(open_art, path):
    host = Host()
    anna, ben = (open_art(profile=name, keys=host.keys) for name in ("anna", "ben"))
    for art in (anna, ben):
        play_favourite(art, "t0/a", 5)
    before = ben.export()
    assert anna.forget().verified and not anna.export()["decisions"]
    assert {**ben.export(), "exported_at": ""} == {**before, "exported_at": ""}
    assert ben.observe(ben.choose("t1", TV).id, PLAYED)
    anna.consent.grant("personalization")
    assert anna.observe(anna.choose("t1", TV).id, PLAYED)  # it goes on, beside the other
    anna.close()
    ben.close()
    assert len(open_art(profile="ben", keys=host.keys).export()["outcomes"]) == 6


def test_after_a_rotation_by_one_the_other_can_forget_and_go_on(open_art):
    old, new = keyart.PassphraseKey("the old passphrase"), keyart.PassphraseKey("the new passphrase")
    anna, ben = (open_art(profile=name, keys=old) for name in ("anna", "ben"))
    anna.rotate_keys(new)
    ben.forget()  # opens its profile anew, with the keys that anna has brought
    ben.consent.grant("personalization")
    assert ben.observe(ben.choose("t0", TV).id, PLAYED)
    anna.close()
    ben.close()
    assert len(open_art(profile="ben", keys=new).export()["outcomes"]) == 1


def test_the_rounds_of_each_are_counted_once_and_for_it_alone(open_art):
    """A profile is one person and, to a server, one device: its own key, receipts and budget."""
    anna, ben = (open_art("personalization federated", profile=name) for name in ("anna", "ben"))
    keys = {art.federated.device_key() for art in (anna, ben)}
    assert len(keys) == 2 and None not in keys
    anna.close()
    assert open_art("", profile="anna").federated.device_key() in keys - {ben.federated.device_key()}


def test_threads_of_both(open_art, household):
    failed = []

    def watch(art, number):
        try:
            for _ in range(25):
                decision = art.choose_page(["t1", "t2", "t3"], TV)[number]
                art.seen(decision.id)
                art.observe(decision.id, PLAYED)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=watch, args=(art, n)) for n, art in enumerate(household)]
    for thread in threads:
        thread.start()
    household[0].flush()
    household[1].remove_title("t0")
    for thread in threads:
        thread.join()
    assert not failed
    counts = [len(art.export()["outcomes"]) for art in household]
    for art in household:
        art.close()
    assert counts == [45, 25] == [len(open_art(profile=name).export()["outcomes"]) for name in ("anna", "ben")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_neither(household):
    def child():
        for art in household:
            with pytest.raises(StoreError, match="before a fork") as caught:
                art.record(keyart.View("t1", TV.at, 60))
            assert not isinstance(caught.value, StoreClosed)

    assert run_fork(child) == 0
    assert all(art.record(keyart.View("t1", TV.at, 60)) for art in household)
