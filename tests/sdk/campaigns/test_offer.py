"""Offers as bytes: what was signed is read back, and nothing else is read at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import struct
from dataclasses import fields, replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.campaigns import SERVER, STRANGER, offer, public

from keyart.campaigns.offer import MAX_JSON_BYTES, MAX_PAYLOAD_BYTES, Offer
from keyart.dp.clip import integer_norm
from keyart.errors import MessageError, SettingError

TRUSTED = [public(SERVER)]


@pytest.fixture
def asked(three) -> Offer:
    return offer(three[0])


def signed(text: bytes, payload: bytes = b"", key: bytes = SERVER, magic: bytes = b"KAO2") -> bytes:
    """A message of any content, with a good signature."""
    body = magic + struct.pack("<I", len(text)) + text + struct.pack("<I", len(payload)) + payload
    return body + Ed25519PrivateKey.from_private_bytes(key).sign(body)


def document(asked: Offer) -> dict[str, object]:
    named = {one.name: getattr(asked, one.name) for one in fields(Offer) if one.name != "payload"}
    return {"protocol": 2, **named}


def test_what_was_signed_is_read_back(asked):
    message = asked.sign(SERVER)
    assert Offer.read(message, [public(STRANGER), *TRUSTED]) == asked
    assert Offer.read(signed(json.dumps(document(asked)).encode(), asked.payload), TRUSTED) == asked
    assert message[:4] == b"KAO2" and asked.sign(SERVER) == message
    np.testing.assert_array_equal(asked.numbers, 1.0)


def test_the_round_is_bound_to_the_very_bytes(asked):
    terms = asked.terms(asked.sign(SERVER))
    assert terms.nonce == hashlib.sha256(asked.sign(SERVER)).digest()
    assert terms.round_id != asked.terms(replace(asked, purpose="Another.").sign(SERVER)).round_id
    assert (terms.size, terms.minimum_devices, terms.threshold_permille) == (asked.size, 2, 700)


def test_each_devices_share_of_the_noise_makes_up_the_whole(asked):
    for least in (2, 50, 1234):
        whole = (asked.noise_multiplier * integer_norm(asked.units, asked.size)) ** 2
        for share in (0.45, 1.0):
            offered = replace(asked, minimum_devices=least, honest_fraction=share)
            counted = share * least
            assert offered.counted_devices == counted
            assert whole <= offered.variance * counted <= whole + counted


def test_who_has_not_signed_is_not_read(asked):
    assert Offer.read(asked.sign(STRANGER), TRUSTED) is None
    assert Offer.read(asked.sign(SERVER), []) is None
    assert Offer.read(asked.sign(SERVER), [b"no key", bytes(32)]) is None
    assert Offer.read(signed(b"not even JSON", key=STRANGER), TRUSTED) is None


def test_one_changed_byte_anywhere(asked):
    short = replace(asked, payload=b"\x00\x00\x80\x3f")
    message = bytearray(short.sign(SERVER))
    for place in range(len(message)):
        for bit in (0x01, 0x80):
            message[place] ^= bit
            with contextlib.suppress(MessageError):
                assert Offer.read(bytes(message), TRUSTED) is None, place
            message[place] ^= bit
    assert Offer.read(bytes(message), TRUSTED) == short


def test_every_cut_and_every_addition(asked):
    message = replace(asked, payload=b"").sign(SERVER)
    for cut in range(len(message)):
        with pytest.raises(MessageError):
            Offer.read(message[:cut], TRUSTED)
    with pytest.raises(MessageError):
        Offer.read(message + b"\0", TRUSTED)


NUMBERS = [one.name for one in fields(Offer) if one.type in ("int", "float")]
TEXTS = [one.name for one in fields(Offer) if one.type == "str"]
WRONG = [
    *({name: value} for name in NUMBERS for value in (None, "1", True, -1, 10**30, [], {})),
    *({name: 1.5} for name in NUMBERS if name not in ("clip", "noise_multiplier", "epsilon", "delta")),
    *({name: value} for name in TEXTS for value in (None, 3, [], "x" * 257, "two\nlines", "\u202eback")),
    *({name: ""} for name in TEXTS if name != "topic"),
    *(
        {name: 0}
        for name in ("round", "rounds", "size", "clip", "units", "minimum_devices", "bits", "most_decisions")
    ),
    {"protocol": 1},
    {"protocol": None},
    {"round": 6},
    {"bits": 33},
    {"threshold_permille": 1001},
    {"more": 1},
    {"delta": 2},
    {"noise_multiplier": 1e6, "units": 1 << 24},
    {"minimum_devices": 1 << 24, "units": 1 << 20},
]


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_wrong_fields(asked, change):
    with pytest.raises(MessageError):
        Offer.read(signed(json.dumps({**document(asked), **change}).encode(), asked.payload), TRUSTED)


@pytest.mark.parametrize("name", [one.name for one in fields(Offer) if one.name != "payload"])
def test_a_field_that_is_missing_or_there_twice(asked, name):
    less = {key: value for key, value in document(asked).items() if key != name}
    twice = json.dumps(document(asked))[:-1] + f', "{name}": {json.dumps(getattr(asked, name))}}}'
    for text in (json.dumps(less), twice):
        with pytest.raises(MessageError):
            Offer.read(signed(text.encode(), asked.payload), TRUSTED)


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"null", b"\xff\xfe", b"{", b"[" * 60_000, b'{"clip": NaN}', b'{"round": ' + b"9" * 5000 + b"}"],
    ids=lambda text: text[:12].hex(),
)
def test_json_that_is_no_offer(text):
    with pytest.raises(MessageError):
        Offer.read(signed(text), TRUSTED)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite(asked, number):
    text = json.dumps({**document(asked), "clip": number}).encode()
    with pytest.raises(MessageError):
        Offer.read(signed(text, asked.payload), TRUSTED)
    payload = np.array([1.0, number], dtype="<f4").tobytes()
    with pytest.raises(MessageError):
        Offer.read(signed(json.dumps(document(asked)).encode(), payload), TRUSTED)


def test_sizes_that_nobody_sends(asked):
    text = json.dumps(document(asked)).encode()
    for message in (
        signed(text.ljust(MAX_JSON_BYTES + 1)),
        signed(text, bytes(MAX_PAYLOAD_BYTES + 4)),
        signed(text, b"odd"),
        signed(text, asked.payload, magic=b"KAO3"),
    ):
        with pytest.raises(MessageError):
            Offer.read(message, TRUSTED)


def test_a_server_cannot_make_a_wrong_one_by_mistake(asked):
    for change in ({"clip": math.nan}, {"round": True}, {"purpose": ""}, {"payload": b"odd"}, {"units": 0}):
        with pytest.raises(SettingError):
            replace(asked, **change)
