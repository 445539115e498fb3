"""Consent: none by default; each change is dated, stored and kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from keyart.consent import PURPOSES, Consent, Receipt
from keyart.errors import SettingError, StoreDamaged, StoreError, StoreFull
from keyart.store.database import Store, Table
from keyart.store.keys import EphemeralKey

START = datetime(2026, 3, 1, 20, 30, tzinfo=timezone(timedelta(hours=1)))


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


@pytest.fixture
def store():
    with Store.open("memory", EphemeralKey()) as opened:
        yield opened


def test_the_default_is_none(store):
    consent = Consent(store, Clock())
    assert not any(consent.allows(purpose) for purpose in PURPOSES)
    assert consent.receipts() == () and store.count(Table.CONSENT) == 0


def test_grant_and_withdraw_one_purpose_at_a_time(store):
    consent = Consent(store, Clock())
    given = consent.grant("federated")
    assert given == Receipt("federated", True, START + timedelta(minutes=1))
    assert [consent.allows(purpose) for purpose in PURPOSES] == [False, True, False]
    consent.grant("personalization")
    taken = consent.withdraw("federated")
    assert [consent.allows(purpose) for purpose in PURPOSES] == [True, False, False]
    assert consent.receipts()[0] == given and consent.receipts()[-1] == taken and len(consent.receipts()) == 3


def test_every_change_survives_the_next_open_with_its_zone(path, host):
    clock = Clock()
    made = []
    for verb in ("grant", "grant", "withdraw", "grant"):
        with Store.open(path, host.keys) as store:
            made.append(getattr(Consent(store, clock), verb)("diagnostics"))
    with Store.open(path, host.keys) as store:
        consent = Consent(store, clock)
        assert consent.receipts() == tuple(made) and consent.allows("diagnostics")
        assert consent.receipts()[0].at.utcoffset() == timedelta(hours=1)
    with Store.open(path, host.keys, "somebody else") as store:
        assert not Consent(store, clock).allows("diagnostics")


@pytest.mark.parametrize("purpose", ["ads", "", None, 7, ["federated"]])
@pytest.mark.parametrize("verb", ["grant", "withdraw", "allows"])
def test_an_unknown_purpose_is_told_the_three(store, verb, purpose):
    with pytest.raises(SettingError, match="'personalization', 'federated', 'diagnostics'"):
        getattr(Consent(store, Clock()), verb)(purpose)
    assert store.count(Table.CONSENT) == 0


def test_a_clock_without_a_zone_is_refused(store):
    with pytest.raises(SettingError, match="time zone"):
        Consent(store, lambda: START.replace(tzinfo=None)).grant("federated")
    assert store.count(Table.CONSENT) == 0


def test_the_owner_hears_of_a_change_after_it_is_stored(store):
    heard = []

    def on_change(purpose: str, granted: bool) -> None:
        heard.append((purpose, granted, consent.allows(purpose), store.count(Table.CONSENT)))

    consent = Consent(store, Clock(), on_change)
    consent.grant("federated")
    consent.withdraw("federated")
    assert heard == [("federated", True, True, 1), ("federated", False, False, 2)]


def test_consent_is_not_part_of_another_transaction(store):
    consent = Consent(store, Clock())
    with store.transaction():
        with pytest.raises(StoreError, match="outside of a transaction"):
            consent.grant("federated")
        store.put(Table.VIEW, b"1", b"x")
    assert not consent.allows("federated") and store.count(Table.VIEW) == 1


def test_a_withdrawal_holds_even_if_the_disk_is_full(store, monkeypatch):
    heard = []
    consent = Consent(store, Clock(), lambda *change: heard.append(change))
    consent.grant("federated")

    def full(*_: object) -> None:
        raise StoreFull("full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "put", full)
        with pytest.raises(StoreFull):
            consent.withdraw("federated")
        with pytest.raises(StoreFull):
            consent.grant("diagnostics")
    assert not consent.allows("federated") and not consent.allows("diagnostics")
    assert len(consent.receipts()) == 1 and heard == [("federated", True)]
    consent.grant("federated")
    assert consent.allows("federated")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[1,2,3]",
        b'["ads", true, "2026-01-01T00:00:00+00:00"]',
        b'["federated", true, "2026-01-01"]',
    ],
)
def test_a_receipt_that_cannot_be_read(store, payload):
    store.put(Table.CONSENT, b"\0" * 8, payload)
    with pytest.raises(StoreDamaged):
        Consent(store, lambda: datetime.now(UTC))


def test_a_receipt_with_a_wrong_id(store):
    store.put(Table.CONSENT, b"x", b'["federated", true, "2026-01-01T00:00:00+00:00"]')
    with pytest.raises(StoreDamaged):
        Consent(store, lambda: datetime.now(UTC))
