"""Consent: none by default; each change is dated, stored and kept, with the text that was shown and an end."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from keyart.errors import SettingError, StoreDamaged, StoreError, StoreFull
from keyart.profile.consent import CONSENT_TEXTS, MAX_VALIDITY, PURPOSES, Consent, ConsentReceipt
from keyart.store.database import Store, Table
from keyart.store.keys import EphemeralKey, HostKey

START = datetime(2026, 3, 1, 20, 30, tzinfo=timezone(timedelta(hours=1)))
MINUTE = timedelta(minutes=1)


class Clock:
    """A minute passes with each look; `calls` counts them."""

    def __init__(self) -> None:
        self.now = START
        self.calls = 0

    def __call__(self) -> datetime:
        self.calls += 1
        self.now += MINUTE
        return self.now


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


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
    at = START + MINUTE
    assert given == ConsentReceipt(
        "federated", True, at, at + timedelta(days=730), sha256(CONSENT_TEXTS["federated"])
    )
    assert [consent.allows(purpose) for purpose in PURPOSES] == [False, True, False, False]
    consent.grant("personalization")
    taken = consent.withdraw("federated")
    assert not taken.granted and taken.expires is None and taken.text_sha256 is None
    assert [consent.allows(purpose) for purpose in PURPOSES] == [True, False, False, False]
    assert consent.receipts()[0] == given and consent.receipts()[-1] == taken and len(consent.receipts()) == 3


def test_every_change_survives_the_next_open_with_its_zone(tmp_path):
    secrets: dict[str, bytes] = {}
    keys = HostKey(secrets.get, secrets.__setitem__, secrets.__delitem__)
    path, clock, made = tmp_path / "profile.db", Clock(), []
    for verb in ("grant", "grant", "withdraw", "grant"):
        with Store.open(path, keys) as store:
            made.append(getattr(Consent(store, clock), verb)("diagnostics"))
    with Store.open(path, keys) as store:
        consent = Consent(store, clock)
        assert consent.receipts() == tuple(made) and consent.allows("diagnostics")
        first = consent.receipts()[0]
        assert first.at.utcoffset() == first.expires.utcoffset() == timedelta(hours=1)
    with Store.open(path, keys, "somebody else") as store:
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
        b"[" * 20_000,
        b"\xff\xfe",
        b'["federated", 1, "2026-01-01T00:00:00+00:00"]',
        b'["federated", true, "9999-01-01T00:00:00+00:00"]',
        b'["federated", true, "2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"]',
        b'["federated", true, "2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00", "00"]',
        b'["federated", true, "2026-01-01T00:00:00+00:00", null, null]',
        b'["federated", true, "2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00", 7]',
        b'["federated", false, "2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00", "00"]',
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


def test_a_grant_ends_by_itself_and_erases_nothing(store):
    heard: list[tuple[str, bool]] = []
    now = [START]
    consent = Consent(store, lambda: now[0], lambda *change: heard.append(change))
    given = consent.grant("personalization", valid=timedelta(days=30))
    assert given.expires == START + timedelta(days=30)
    now[0] = given.expires - timedelta(microseconds=1)
    assert consent.allows("personalization") and heard == [("personalization", True)]
    now[0] = given.expires.astimezone(UTC)
    assert not consent.allows("personalization")
    assert heard == [("personalization", True)]
    assert consent.receipts() == (given,) and store.count(Table.CONSENT) == 1
    consent.grant("personalization")
    assert consent.allows("personalization")


def test_it_has_expired_at_the_next_open_too(store):
    Consent(store, lambda: START).grant("federated", valid=timedelta(hours=1))
    assert Consent(store, lambda: START + timedelta(minutes=59)).allows("federated")
    assert not Consent(store, lambda: START + timedelta(minutes=60)).allows("federated")


def test_granting_again_renews_it(store):
    now = [START]
    consent = Consent(store, lambda: now[0])
    consent.grant("federated", valid=timedelta(days=10))
    now[0] += timedelta(days=9)
    consent.grant("federated", valid=timedelta(days=10))
    now[0] += timedelta(days=9)
    assert consent.allows("federated")
    consent.grant("federated", valid=timedelta(hours=1))  # a shorter one is in force as well: the last one counts
    now[0] += timedelta(hours=1)
    assert not consent.allows("federated")


@pytest.mark.parametrize(
    "valid", [timedelta(0), -MINUTE, MAX_VALIDITY + timedelta(microseconds=1), timedelta.max, 730, None, "2 years"]
)
def test_no_consent_for_ever_and_none_for_no_time(store, valid):
    with pytest.raises(SettingError, match="at most 730 days"):
        Consent(store, Clock()).grant("federated", valid=valid)
    assert store.count(Table.CONSENT) == 0


def test_the_receipt_says_which_text_was_shown(store):
    consent = Consent(store, Clock())
    own = "Dürfen wir Bilder für Sie auswählen?"
    assert consent.grant("personalization", text=own).text_sha256 == sha256(own)
    assert consent.grant("personalization").text_sha256 == sha256(CONSENT_TEXTS["personalization"])
    assert [r.text_sha256 for r in Consent(store, Clock()).receipts()] == [
        sha256(own),
        sha256(CONSENT_TEXTS["personalization"]),
    ]
    assert len(consent.grant("personalization", text="half a \ud83c pair").text_sha256) == 64


@pytest.mark.parametrize("text", ["", "  \n", 7, b"bytes", ["a"]])
def test_a_text_that_nobody_can_have_read(store, text):
    with pytest.raises(SettingError, match="what the person was shown"):
        Consent(store, Clock()).grant("federated", text=text)
    assert store.count(Table.CONSENT) == 0


def test_each_purpose_has_a_text_of_its_own_that_says_how_to_end_it():
    assert set(CONSENT_TEXTS) == set(PURPOSES) and len(set(CONSENT_TEXTS.values())) == len(PURPOSES)
    for text in CONSENT_TEXTS.values():
        assert "change your mind at any time" in text and "two years at the latest" in text
        assert text.startswith("May this ") and len(text.split()) < 120
        assert not any(word in text.lower() for word in ("personaliz", "federated", "profil", "data"))
    with pytest.raises(TypeError):
        CONSENT_TEXTS["federated"] = "Yes."


def test_records_of_the_version_without_texts_are_read(store):
    rows = [
        ["federated", False, "2025-01-01T10:00:00+01:00"],
        ["federated", True, "2026-03-01T20:30:00+01:00"],
        ["diagnostics", True, "2023-03-01T20:30:00+01:00"],
    ]
    for number, row in enumerate(rows):
        store.put(Table.CONSENT, number.to_bytes(8, "big"), json.dumps(row).encode())
    consent = Consent(store, lambda: START)
    assert [receipt.text_sha256 for receipt in consent.receipts()] == [None] * 3
    assert [receipt.expires for receipt in consent.receipts()] == [
        None,
        START + timedelta(days=730),
        START.replace(year=2023) + timedelta(days=730),
    ]
    assert consent.allows("federated") and not consent.allows("diagnostics")
    consent.withdraw("federated")
    assert not Consent(store, lambda: START).allows("federated")


def test_the_clock_is_asked_only_where_something_may_have_expired(store):
    clock = Clock()
    consent = Consent(store, clock)
    assert not any(map(consent.allows, PURPOSES)) and clock.calls == 0
    consent.grant("federated")
    calls = clock.calls
    assert consent.allows("federated") and clock.calls == calls + 1
