"""A profile is looked at from outside, or with its passphrase, and is afterwards as it was."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.training import world

import keyart
from keyart.errors import InputError, StoreDamaged, WrongKey
from keyart.store.migrations import MIGRATIONS
from keyart_tools.inspection import profile

PASSPHRASE = "open sesame"
NOW = datetime(2026, 3, 1, 20, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    keys, catalog = keyart.PassphraseKey(PASSPHRASE), world().catalog
    with keyart.Personalizer.open(tmp_path / "profile.db", catalog=catalog, keys=keys) as art:
        art.consent.grant("personalization")
        art.record_many([keyart.View(f"t{t}", at=NOW, seconds=4000) for t in range(3)])
        decision = art.choose("t4", keyart.Context(device="tv", at=NOW))
        art.observe(decision.id, keyart.Outcome.played(3000))
    return tmp_path / "profile.db"


def test_outside(path: Path) -> None:
    document = profile.document(path)

    assert (document["profiles"], document["schema"]) == (1, len(MIGRATIONS))
    assert document["bytes"] == path.stat().st_size
    assert "views" not in document


def test_inside_without_anything_secret(path: Path) -> None:
    document = profile.document(path, PASSPHRASE)

    assert (document["views"], document["decisions"], document["handed_in"]) == (3, 1, 0)
    assert document["consent"] == {"personalization": True, "federated": False, "diagnostics": False} or (
        not document["consent"]["federated"]
    )
    assert [receipt["purpose"] for receipt in document["consent_receipts"]] == ["personalization"]
    text = json.dumps(document)
    assert "t1" not in text and 'key"' not in text and PASSPHRASE not in text
    assert profile.tables(document)


def test_looking_changes_nothing(path: Path) -> None:
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    profile.document(path)
    profile.document(path, PASSPHRASE)
    with pytest.raises(InputError, match="no profile 'kids'"):
        profile.document(path, PASSPHRASE, "kids")
    with pytest.raises(WrongKey):
        profile.document(path, "guessed")

    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_what_is_no_profile(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(InputError, match="not a profile of keyart"):
        profile.document(tmp_path / "other.db")
    (tmp_path / "torn.db").write_bytes(b"SQLite format 3\0torn off")
    with pytest.raises(StoreDamaged):
        profile.document(tmp_path / "torn.db")


def test_a_damaged_head(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:8192] = bytes(4096)
    path.write_bytes(data)
    with pytest.raises(StoreDamaged):
        profile.document(path, PASSPHRASE)
