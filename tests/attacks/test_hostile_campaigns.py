"""Hostile servers: whatever they send, a device declines, raises MessageError, or says what it said before."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import struct
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.campaigns import BOTH, SERVER, STRANGER, enrolled, fleet, limits, live, messages_for, offer
from support.catalogs import Clock, sample_catalog

import keyart
from keyart.campaigns import Offer
from keyart.dp import skellam_noise
from keyart.dp.skellam import MAX_DRAWS, PART_DRAWS
from keyart.errors import MessageError, SettingError
from keyart.secagg import Stage
from keyart.secagg.messages import HEADER_BYTES, message_header

NO_FIXTURE = [HealthCheck.function_scoped_fixture]
STAGES = list(Stage)


@pytest.fixture(scope="module")
def arts() -> Iterator[list[keyart.Personalizer]]:
    with fleet(3, Clock(), limits=limits(contributions_a_day=10_000, epsilon=1e6)) as opened:
        yield opened


@pytest.fixture(scope="module")
def conversation(arts) -> list[tuple[bytes, bytes]]:
    """All four messages of a round to the first device, and its replies."""
    said = []
    for _, message in messages_for(arts, offer(arts[0], campaign="overheard")):
        said.append((message, arts[0].answer(message)))
    return said


def answered(art: keyart.Personalizer, message: bytes) -> bytes | None:
    """None, too, for a MessageError; any other error fails the test."""
    with contextlib.suppress(MessageError):
        return art.answer(message)
    return None


def offer_document(asked: Offer) -> tuple[dict[str, object], bytes]:
    """The JSON and the payload of an offer, for a server to change."""
    message = asked.sign(SERVER)
    (length,) = struct.unpack_from("<I", message, 4)
    return json.loads(message[8 : 8 + length]), asked.payload


@settings(max_examples=200, deadline=None, suppress_health_check=NO_FIXTURE)
@given(st.binary(max_size=300), st.sampled_from([b"", b"KAO2", b"ks", b"ks\x01\x02", b"{"]))
def test_bytes_of_no_shape(arts, data, start):
    assert answered(arts[0], start + data) is None


@settings(max_examples=200, deadline=None, suppress_health_check=NO_FIXTURE)
@given(st.binary(max_size=400), st.binary(max_size=40))
def test_anything_that_a_trusted_server_signs(arts, text, payload):
    body = b"KAO2" + struct.pack("<I", len(text)) + text + struct.pack("<I", len(payload)) + payload
    assert answered(arts[0], body + Ed25519PrivateKey.from_private_bytes(SERVER).sign(body)) is None


@settings(max_examples=150, deadline=None, suppress_health_check=NO_FIXTURE)
@given(st.data())
def test_offers_with_changed_bytes(arts, conversation, data):
    message = bytearray(conversation[0][0])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(message) - 1))
        message[place] ^= data.draw(st.integers(1, 255))
    if bytes(message) != conversation[0][0]:
        assert answered(arts[0], bytes(message)) is None


def test_each_flipped_byte_of_a_whole_offer(arts):
    """From end to end, the payload in steps."""
    message = bytearray(offer(arts[0], campaign="flipped").sign(SERVER))
    json_end = 8 + struct.unpack_from("<I", message, 4)[0]
    signature = len(message) - 64
    places = [*range(json_end + 4), *range(json_end + 4, signature, 97), *range(signature, len(message))]
    before = len(arts[0].federated.campaigns())
    for place in places:
        message[place] ^= 0x20
        assert answered(arts[0], bytes(message)) is None, place
        message[place] ^= 0x20
    assert len(arts[0].federated.campaigns()) == before
    assert arts[0].answer(bytes(message)) is not None


@settings(max_examples=150, deadline=None, suppress_health_check=NO_FIXTURE)
@given(st.data())
def test_stage_messages_that_were_tampered_with(arts, conversation, data):
    """After the round: each stage was answered, so that nothing but the very message gets anything."""
    message, _ = data.draw(st.sampled_from(conversation[1:]))
    changed = bytearray(message)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    sent = len(arts[0].federated.sent())
    assert answered(arts[0], bytes(changed)) is None
    assert len(arts[0].federated.sent()) == sent


@pytest.mark.parametrize("moment", STAGES[1:])
def test_a_stage_message_is_tampered_with_before_it_is_answered(arts, moment):
    """It never moves the session: the honest message is answered afterwards as if nothing had been."""
    for stage, message in messages_for(arts, offer(arts[0], campaign=f"tampered {moment}")):
        if stage is moment:
            sent = len(arts[0].federated.sent())
            for place in (0, 2, 3, 5, HEADER_BYTES, HEADER_BYTES + 1, HEADER_BYTES + 3):
                changed = bytearray(message)
                changed[min(place, len(message) - 1)] ^= 0x80
                assert answered(arts[0], bytes(changed)) is None, place
            for cut in {HEADER_BYTES - 1, HEADER_BYTES, len(message) - 1}:
                assert answered(arts[0], message[:cut]) is None
            assert answered(arts[0], message + b"\0") is None
            assert len(arts[0].federated.sent()) == sent
        assert arts[0].answer(message) is not None


def test_replays_say_the_same_and_cost_nothing(arts, conversation):
    sent = len(arts[0].federated.sent())
    for _ in range(3):
        for message, reply in conversation:
            assert arts[0].answer(message) == reply
    assert len(arts[0].federated.sent()) == sent


def test_messages_of_another_devices_round(arts, conversation):
    """The neighbour is in the same round, and was told other things."""
    for message, _ in conversation[1:3]:  # at the last stage all were told the same
        with pytest.raises(MessageError):
            arts[1].answer(message)


def test_rounds_that_nobody_began(arts):
    for stage in Stage:
        assert arts[0].answer(message_header(stage, bytes(32)) + bytes(90)) is None


def test_stages_out_of_order(arts, conversation):
    asked = offer(arts[0], campaign="out of order")
    message = asked.sign(SERVER)
    assert arts[0].answer(message) is not None
    round_id = asked.terms(message).round_id
    for other, _ in conversation[2:]:
        with pytest.raises(MessageError):
            arts[0].answer(other[:4] + round_id + other[HEADER_BYTES:])
    assert all(entry.campaign != "out of order" for entry in arts[0].federated.sent())


def test_a_round_of_invented_devices(arts):
    """A server certifies neighbours itself: the devices' issuer is another one, and no share is dealt."""
    sent = len(arts[0].federated.sent())
    asked = offer(arts[0], campaign="invented")
    with fleet(2, Clock(), limits=limits()) as invented:
        for art in invented:
            art.federated._limits = limits(issuers=[])
        message = asked.sign(SERVER)
        own = arts[0].answer(message)
        assert own is not None and answered(invented[0], message) is None
        records = own[HEADER_BYTES:] * 2
        forged = message_header(Stage.SHARE, asked.terms(message).round_id) + struct.pack("<I", 3) + records
        assert answered(arts[0], forged) is None and len(arts[0].federated.sent()) == sent


def test_an_offer_of_another_servers_key_in_a_trusted_body(arts):
    good = offer(arts[0], campaign="resigned").sign(SERVER)
    body = good[:-64]
    assert arts[0].answer(body + Ed25519PrivateKey.from_private_bytes(STRANGER).sign(body)) is None


def test_a_cohort_that_shrinks_after_the_offer(arts):
    """50 were promised: with three, no device goes on, whatever the stage message says."""
    asked = offer(arts[0], campaign="shrinks", minimum_devices=50)
    message = asked.sign(SERVER)
    records = [art.answer(message)[HEADER_BYTES:] for art in arts]
    for devices in (3, 49, 50):
        share = (
            message_header(Stage.SHARE, asked.terms(message).round_id)
            + struct.pack("<I", devices)
            + b"".join(records[1:])
        )
        with pytest.raises(MessageError):
            arts[0].answer(share)


def test_an_offer_that_costs_minutes_of_cpu(arts):
    """Within the default limits, but in units so fine that each device's noise would take nine minutes to draw."""
    art = arts[0]
    document, payload = offer_document(offer(art, campaign="costly", minimum_devices=50, noise_multiplier=1.7))
    document["units"] = 1 << 22
    text = json.dumps(document).encode()
    body = b"KAO2" + struct.pack("<I", len(text)) + text + struct.pack("<I", len(payload)) + payload
    with pytest.raises(MessageError, match="seconds of its CPU"):
        art.answer(body + Ed25519PrivateKey.from_private_bytes(SERVER).sign(body))


@pytest.mark.parametrize("size", [1, 1 << 10, 1 << 15, 1 << 20])
def test_noise_at_the_limit_takes_no_more_draws_than_the_limit(arts, size):
    """Draws are counted, not seconds, which depend on the machine; `MAX_DRAWS` says how long they take."""

    def with_units(units: int) -> Offer:
        sizes = {"size": size, "units": units, "bits": 64, "payload": b""}
        return replace(offer(arts[0]), minimum_devices=50, noise_multiplier=1.7, **sizes)

    low, high = 1, 1 << 32
    while high - low > 1:
        middle = (low + high) // 2
        try:
            with_units(middle)
        except SettingError:
            high = middle
        else:
            low = middle
    cost = 0

    def counted(length: int) -> bytes:
        nonlocal cost
        cost += length // 8
        if length == 8 * size:  # a part; the others are the few draws whose first 64 bits do not decide
            cost += PART_DRAWS
        return os.urandom(length)

    skellam_noise(size, with_units(low).variance, counted)
    assert cost < 1.01 * MAX_DRAWS


CANARIES = ("canary-title", "canary-picture", "canary-profile", "canary-device")


def test_canaries(caplog):
    """No title, picture, profile, campaign or device class in anything that goes out, nor in the log."""
    pictures = [keyart.Artwork(f"canary-picture/{n}", tags={"genre:drama": 1.0, "faces": n / 2}) for n in range(2)]
    titles = [keyart.Title("canary-title", tags={"genre:drama": 1.0}, artworks=pictures), *list(sample_catalog())]
    catalog, said = keyart.Catalog.from_titles(titles), []
    at = Clock()()
    with fleet(2, Clock(), catalog=catalog) as others, caplog.at_level(logging.DEBUG, "keyart"):
        base = {"catalog": catalog, "keys": keyart.EphemeralKey(), "engine": "numpy", "clock": Clock()}
        with keyart.Personalizer.open("memory", profile="canary-profile", limits=limits(), **base) as art:
            for purpose in BOTH.split():
                art.consent.grant(purpose)
            art.record(keyart.View("canary-title", at, 6000, device="canary-device"))
            decision = art.choose("canary-title", keyart.Context("canary-device", at))
            art.observe(decision.id, keyart.Outcome.played(4000))
            live(art)
            enrolled(art)
            for _, message in messages_for([art, *others], offer(art, campaign="canary-campaign")):
                said.append(art.answer(message))
            art.answer(replace(offer(art), kind="evaluation").sign(SERVER))
            receipts = json.dumps([art.export()["sent"], art.export()["campaigns"]])
    everything = b"".join(said)
    for canary in (*CANARIES, "canary-campaign", "drama", decision.id):
        for spelled in (canary.encode(), canary.encode("utf-16-le"), canary.encode().hex().encode()):
            assert spelled not in everything
        assert canary not in caplog.text
    assert not any(canary in receipts for canary in (*CANARIES, decision.id))
    assert len(said) == 4
