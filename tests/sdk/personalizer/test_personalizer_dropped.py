"""A Personalizer that is dropped without close() closes itself, with the warning that files give."""

from __future__ import annotations

import gc
import threading
import warnings

import pytest
from support.catalogs import TV, run_python, sample_catalog, sample_keys

import keyart


def opened(path, **settings):
    return keyart.Personalizer.open(path, catalog=sample_catalog(), keys=sample_keys(), engine="numpy", **settings)


def test_what_was_decided_is_written_and_the_profile_is_free(path):
    art = opened(path)
    art.consent.grant("personalization")
    decision = art.choose("t0", TV)
    with pytest.warns(ResourceWarning, match="without close"):
        del art
        gc.collect()
    with opened(path) as again:
        assert [entry["id"] for entry in again.export()["decisions"]] == [decision.id]


def test_in_a_cycle_and_while_another_profile_is_in_the_middle_of_something(path):
    """Garbage collection may come inside a transaction, in the thread that is in it."""
    with opened(path, profile="ben") as ben:
        art = opened(path, profile="anna")
        art.consent.grant("personalization")
        decision = art.choose("t0", TV)
        cycle = [art]
        cycle.append(cycle)
        store = ben._session.custody.store
        before = set(threading.enumerate())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            with store.transaction():
                del art, cycle
                gc.collect()
                ours = [thread for thread in threading.enumerate() if thread not in before]
            for thread in ours:
                thread.join(30)
        with opened(path, profile="anna") as again:
            assert [entry["id"] for entry in again.export()["decisions"]] == [decision.id]


def test_at_the_end_of_the_program(path):
    program = """
    import sys
    from support.catalogs import TV, sample_catalog, sample_keys
    import keyart
    art = keyart.Personalizer.open(sys.argv[1], catalog=sample_catalog(), keys=sample_keys())
    art.consent.grant("personalization")
    print(art.choose("t0", TV).id)
    """
    decision_id = run_python(program, path).strip()
    with opened(path) as art:
        assert [entry["id"] for entry in art.export()["decisions"]] == [decision_id]


def test_one_that_was_closed_and_one_in_memory_say_nothing(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened(path).close()
        keyart.Personalizer.open("memory", catalog=sample_catalog(), keys=keyart.EphemeralKey())
        gc.collect()
