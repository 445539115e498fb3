"""Receipts: old ones stay readable, garbled ones are no receipts."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from keyart.campaigns.receipts import Contribution
from keyart.errors import StoreDamaged
from keyart.store import ledger
from keyart.store.schema import Table

OLD = b'{"at": "2026-01-05T20:00:00+00:00", "kind": "training", "campaign": "c", "round": 1, "size_bytes": 80, '
OLD += b'"masked": true, "noise_multiplier": 0.5}'


def test_a_record_of_before_protected_rounds():
    read = Contribution.from_bytes(OLD)
    assert read.round == 1 and read.purpose == "" and read.charge is None  # whatever it says of itself
    assert Contribution.from_bytes(read.to_bytes()) == read


def test_what_a_round_costs_can_be_worked_out_again():
    entry = Contribution.from_bytes(OLD)
    entry = Contribution(**{**asdict(entry), "units": 100, "entries": 25, "round_id": "ab"})
    assert entry.charge is not None and entry.charge.dimension == 25 and 100 < entry.charge.l2 <= 105


@pytest.mark.parametrize(
    "change", [{"round": "1"}, {"round": True}, {"clip": 1}, {"purpose": None}, {"more": 1}, {"at": 3}], ids=str
)
def test_garbled(change):
    with pytest.raises(StoreDamaged):
        Contribution.from_bytes(json.dumps({**json.loads(OLD), **change}).encode())
    for data in (b"", b"[]", b"\xff", b"[" * 60_000):
        with pytest.raises(StoreDamaged):
            Contribution.from_bytes(data)


def test_a_profile_of_before_has_room_for_rounds_and_a_key():
    """Its sealed ledger ends at the sixth table."""
    old = ledger.pack(ledger.EMPTY[:6])
    assert len(ledger.unpack(old)) == len(Table) >= max(Table.ROUND, Table.DEVICE)
