"""Records: a device that a known issuer has certified, and keys that it has signed for this round."""

from __future__ import annotations

import os

import pytest

from keyart.errors import MessageError, SettingError
from keyart.secagg import Identity, certify
from keyart.secagg.identity import (
    CERTIFICATE_BYTES,
    RECORD_BYTES,
    SIGNATURE_BYTES,
    verify_record,
    verify_registration,
)

NOW, ROUND, SEALING, MASKING = 1_800_000_000, b"r" * 32, b"s" * 32, b"m" * 32
ISSUER, STRANGER = Identity.create(os.urandom), Identity.create(os.urandom)


def device(issuer: Identity = ISSUER, not_after: int = NOW) -> Identity:
    new = Identity.create(os.urandom)
    return Identity(new.private, certify(issuer.private, new.public, not_after))


def judge(record: bytes, round_id: bytes = ROUND, now: int = NOW):
    return verify_record(record, round_id, [STRANGER.public[::-1], ISSUER.public], now)


def test_a_record_names_its_device_and_keys():
    one = device()
    record = one.record(ROUND, SEALING, MASKING)
    assert len(record) == RECORD_BYTES and len(one.certificate) == CERTIFICATE_BYTES
    peer = judge(record)
    assert (peer.device, peer.sealing, peer.masking) == (one.public, SEALING, MASKING)


def test_every_byte_of_a_record_counts():
    record = device().record(ROUND, SEALING, MASKING)
    for i in range(0, RECORD_BYTES, 3):
        with pytest.raises(MessageError):
            judge(record[:i] + bytes([record[i] ^ 1]) + record[i + 1 :])


def test_unknown_issuer():
    with pytest.raises(MessageError, match="not known"):
        judge(device(STRANGER).record(ROUND, SEALING, MASKING))


def test_a_stranger_cannot_name_itself_the_issuer():
    one = device(STRANGER)
    forged = Identity(one.private, device().certificate[:8] + one.certificate[8:])
    with pytest.raises(MessageError, match="forged"):
        judge(forged.record(ROUND, SEALING, MASKING))


def test_expired():
    record = device(not_after=NOW).record(ROUND, SEALING, MASKING)
    judge(record, now=NOW)
    with pytest.raises(MessageError, match="expired"):
        judge(record, now=NOW + 1)


def test_another_devices_certificate():
    stolen = Identity(os.urandom(32), device().certificate)
    with pytest.raises(MessageError, match="forged"):
        judge(stolen.record(ROUND, SEALING, MASKING))


def test_another_round():
    with pytest.raises(MessageError, match="forged"):
        judge(device().record(ROUND, SEALING, MASKING), round_id=b"q" * 32)


def test_keys_in_the_other_order():
    record = device().record(ROUND, SEALING, MASKING)
    a, b = CERTIFICATE_BYTES, CERTIFICATE_BYTES + 32
    with pytest.raises(MessageError, match="forged"):
        judge(record[:a] + record[b : b + 32] + record[a:b] + record[b + 32 :])


def test_without_a_certificate():
    with pytest.raises(SettingError, match="certif"):
        Identity.create(os.urandom).record(ROUND, SEALING, MASKING)


def test_a_record_registers_nobody_but_its_own_device():
    """Neighbours have the record, with the signature that is in it, and sign what they like with their own keys."""
    one, other = device(), device()
    record = one.record(ROUND, SEALING, MASKING)
    registration = one.registration(ROUND, record)
    assert len(registration) == SIGNATURE_BYTES and one.registration(ROUND, record) == registration
    assert verify_registration(record, registration, ROUND, [ISSUER.public], NOW) == judge(record)
    renewed = Identity(one.private, certify(ISSUER.private, one.public, NOW + 1)).record(ROUND, SEALING, MASKING)
    for wrong in (
        b"", bytes(SIGNATURE_BYTES), record[-SIGNATURE_BYTES:], other.registration(ROUND, record),
        one.registration(b"q" * 32, record), one.registration(ROUND, renewed),
    ):  # fmt: skip
        with pytest.raises(MessageError, match="not sent by the device"):
            verify_registration(record, wrong, ROUND, [ISSUER.public], NOW)


def test_secrets_are_not_printed():
    one = device()
    assert repr(one.private) not in repr(one)
