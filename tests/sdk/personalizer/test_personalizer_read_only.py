"""Storage that cannot be written: the profile opens for choosing, says that it learns nothing; no byte changes."""

from __future__ import annotations

import logging
import os
import shutil

import pytest
from support.catalogs import TV, Dial, play_favourite, sample_catalog
from support.stores import Host, digest_of

import keyart
from keyart.errors import StoreBusy, StoreDamaged, StoreFull, WrongKey
from keyart.store import schema

PLAYED = keyart.Outcome.played(2400)


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def lived(open_art, path, host):
    """What the profile chooses after an evening, and the folder as it is then."""
    with open_art(keys=host.keys) as art:
        art.record(keyart.View("t1", TV.at, 5000))
        play_favourite(art, "t0/a", 20)
        return art.preview("t0", TV)


@pytest.fixture
def sealed_folder(path, monkeypatch):
    """Make the folder read-only, as a mount is: also for root, whom permissions do not stop."""
    access = os.access

    def seal(place=path.parent):
        monkeypatch.setattr(os, "access", lambda target, mode: target != place and access(target, mode))

    return seal


@pytest.mark.parametrize("place", ["folder", "file"])
def test_it_chooses_as_before_and_keeps_nothing(open_art, path, host, lived, sealed_folder, place, caplog):
    sealed_folder(path if place == "file" else path.parent)
    before, secrets = digest_of(path.parent), dict(host.secrets)
    with caplog.at_level(logging.WARNING, "keyart"):
        art = open_art("", keys=host.keys)
    assert "nothing can be learned" in caplog.text and art.read_only and art.stats().read_only
    assert art.profiled and art.preview("t0", TV) == lived and len(art.export()["outcomes"]) == 20
    page = art.choose_page(["t0", "t1"], TV)
    assert not art.seen(page[0].id) and not art.observe(page[0].id, PLAYED)
    assert art.record(keyart.View("t2", TV.at, 5000)) == 0
    assert art.explain(page[0].id).factors and art.stats().pending == 0
    art.flush()
    art.close()
    assert digest_of(path.parent) == before and host.secrets == secrets


def test_rights_that_cannot_be_carried_out_say_so(open_art, path, host, lived, sealed_folder):
    sealed_folder()
    art = open_art("", keys=host.keys)
    for call in (
        art.forget,
        art.rotate_keys,
        lambda: art.remove_title("t1"),
        lambda: art.consent.grant("federated"),
        lambda: art.preferences.like("genre:drama"),
    ):
        with pytest.raises(StoreFull, match="read-only"):
            call()
    assert art.preview("t0", TV) == lived
    with pytest.raises(StoreFull, match="read-only"):
        art.consent.withdraw("personalization")
    assert not art.profiled  # it holds until the profile is closed, as documented


def test_what_a_killed_process_left_in_the_wal_is_there(open_art, path, host, lived, sealed_folder, tmp_path):
    with open_art(keys=host.keys) as art:
        art.record(keyart.View("t3", TV.at, 5000))  # in the WAL alone
        copy = shutil.copytree(path.parent, tmp_path.with_name(f"{tmp_path.name}-killed"))
    sealed_folder(copy)
    before = digest_of(copy)
    assert len(before) == 2
    with open_art("", path=copy / path.name, keys=host.keys) as art:
        assert [view["title_id"] for view in art.export()["views"]] == ["t1", "t3"]
    assert digest_of(copy) == before


def test_a_household_on_it(open_art, path, host, lived, sealed_folder):
    sealed_folder()
    one, other = open_art("", keys=host.keys), open_art("", keys=host.keys, profile="new")
    assert one.profiled and not other.profiled and other.choose("t0", TV).artwork_id
    with pytest.raises(StoreBusy):
        open_art("", keys=host.keys)


def test_where_no_profile_was_ever_made(open_art, path, host, sealed_folder):
    sealed_folder()
    for _ in range(2):
        with open_art("", keys=host.keys) as art:
            assert art.read_only and art.choose("t0", TV).artwork_id and not art.export()["decisions"]
    assert not list(path.parent.iterdir()) and not host.secrets


def test_errors_are_the_same(open_art, path, host, lived, sealed_folder, monkeypatch):
    sealed_folder()
    with pytest.raises(WrongKey):
        open_art("", keys=keyart.PassphraseKey("another passphrase"))
    copied = schema.shutil.copyfile

    def while_written(source, target):
        copied(source, target)
        path.touch()
        os.utime(path, (1, 1))

    monkeypatch.setattr(schema.shutil, "copyfile", while_written)
    with pytest.raises(StoreBusy):
        open_art("", keys=host.keys)
    monkeypatch.undo()
    sealed_folder()
    path.write_bytes(b"")
    with pytest.raises(StoreDamaged):
        open_art("", keys=host.keys)


def test_a_catalogue_can_be_set_on_it(open_art, host, lived, sealed_folder):
    sealed_folder()
    art = open_art("", keys=host.keys, rng=Dial())
    art.set_catalog(sample_catalog(titles=7))
    assert art.profiled and art.choose("t6", TV).artwork_id
