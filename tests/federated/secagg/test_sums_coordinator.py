"""One hostile device or gateway, at each stage: it is not heard, and the sum of the others is exact."""

from __future__ import annotations

import copy
import os
from dataclasses import replace

import numpy as np
import pytest

from keyart.errors import MessageError, RoundFailed
from keyart.secagg import Identity, Stage
from keyart.secagg import messages as wire
from keyart_federated.secagg import Coordinator, Gateway
from keyart_federated.secagg.stage_messages import StageMessages

HOSTILE = 5
HEAD = wire.HEADER_BYTES


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


GARBAGE = {
    "nothing": lambda reply: b"",
    "noise": lambda reply: os.urandom(len(reply)),
    "short": lambda reply: reply[:-1],
    "long": lambda reply: reply + b"\0",
    "twice as long": lambda reply: reply * 2,
    "other version": lambda reply: flip(reply, 2),
    "other stage": lambda reply: flip(reply, 3),
    "request": lambda reply: reply[:3] + bytes([reply[3] & 0x7F]) + reply[4:],
    "other round": lambda reply: flip(reply, 10),
}


def only(stage: Stage, change):
    """Spoils the hostile device's reply of one stage, and lets it fall silent afterwards."""

    def spoil(at: Stage, row: int, reply: bytes) -> bytes | None:
        if row != HOSTILE or at < stage:
            return reply
        return change(reply) if at is stage else None

    return spoil


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("stage", list(Stage), ids=lambda stage: stage.name.lower())
def test_garbage_counts_as_silence(fleet, stage, garbage):
    one = fleet()
    missing = set() if stage is Stage.UNMASK else {HOSTILE}
    one.check(one.run(only(stage, GARBAGE[garbage])), missing)
    assert HOSTILE in one.coordinator.rejected or stage is Stage.MASKED  # there the gateway has left it out


def test_all_in_order(fleet):
    one = fleet(size=3, bits=64, bound=2**58)
    with pytest.raises(RoundFailed, match="no sum yet"):
        _ = one.coordinator.result
    one.check(one.run())
    assert one.coordinator.rejected == {} and not one.refusals


@pytest.mark.parametrize("stage", [Stage.KEYS, Stage.SHARE, Stage.UNMASK])
def test_a_reply_of_another_round(fleet, stage):
    other, one = fleet(), fleet()
    recorded: dict[Stage, bytes] = {}

    def record(at: Stage, row: int, reply: bytes) -> bytes:
        if row == HOSTILE:
            recorded[at] = reply
        return reply

    other.run(record)
    missing = set() if stage is Stage.UNMASK else {HOSTILE}
    one.check(one.run(only(stage, lambda reply: recorded[stage])), missing)
    if stage is not Stage.SHARE:  # those would be wrong shares: below
        again = fleet()
        forged = again.run(only(stage, lambda reply: reply[:HEAD] + recorded[stage][HEAD:]))
        again.check(forged, missing)


def test_another_devices_keys_and_a_stranger(fleet):
    one = fleet()
    replies = {}
    stranger = Identity.create(os.urandom)
    outsider = replace(one.identities[0], private=stranger.private)

    def spoil(stage: Stage, row: int, reply: bytes) -> bytes | None:
        replies[stage, row] = reply
        if row == HOSTILE:
            return replies[stage, HOSTILE - 3] if stage is Stage.KEYS else None
        if row == HOSTILE + 3:
            return one.start(outsider).answer(one.coordinator.invitation)[1] if stage is Stage.KEYS else None
        return reply

    one.check(one.run(spoil), {HOSTILE, HOSTILE + 3})
    assert "already" in one.coordinator.rejected[HOSTILE] and "forged" in one.coordinator.rejected[HOSTILE + 3]


def test_a_gateway_registers_no_device_by_its_record(fleet):
    """A record that was overheard, in front of its device's own keys and under each signature that is at hand."""
    one = fleet()
    round_id, identity = one.terms.round_id, one.identities[HOSTILE]
    for row, session in one.sessions.items():
        for signature in (session.record[-64:], identity.registration(round_id, session.record)):
            if row != HOSTILE:
                keys = wire.KeysReply(session.record, signature).to_bytes(round_id)
                one.coordinator.receive(
                    3, StageMessages(Stage.KEYS | wire.REPLY_FLAG, {row: keys}).to_bytes(round_id)
                )
    assert set(one.coordinator.rejected) == set(range(one.n)) - {HOSTILE}
    one.check(one.run())


def test_keys_of_low_order_do_not_drive_the_neighbours_away(fleet):
    one = fleet()
    identity, round_id = one.identities[HOSTILE], one.terms.round_id
    weak = identity.record(round_id, bytes(32), os.urandom(32))
    keys = wire.KeysReply(weak, identity.registration(round_id, weak)).to_bytes(round_id)
    one.check(one.run(only(Stage.KEYS, lambda reply: keys)), {HOSTILE})
    assert not one.refusals and "not usable" in one.coordinator.rejected[HOSTILE]


def test_wrong_shares_at_the_end_are_done_without(fleet):
    """A few devices give noise for their neighbours' locks: enough others give the right ones."""
    one = fleet(20, threshold=0.7)
    lying = {1, 2}

    def spoil(stage: Stage, row: int, reply: bytes) -> bytes:
        if stage is Stage.UNMASK and row in lying:
            bits = (19 + 7) // 8
            return reply[: HEAD + bits] + os.urandom(len(reply) - HEAD - bits - 16 - 19 * 20) + reply[-16 - 19 * 20 :]
        return reply

    one.check(one.run(spoil))


def test_wrong_shares_of_every_kind_are_done_without(fleet):
    """A hostile device that opens its own lock and gives wrong shares under it."""
    one = fleet(20, threshold=0.7)
    silent = {17, 18}

    def spoil(stage: Stage, row: int, reply: bytes) -> bytes | None:
        if stage is Stage.MASKED and row == 1:
            session = one.sessions[row]
            noise = tuple(packet[:20] + os.urandom(40) if packet else b"" for packet in session.held)
            one.sessions[row] = replace(session, held=noise)
        return None if row in silent and stage >= Stage.MASKED else reply

    one.check(one.run(spoil), silent)


def test_bad_seals_cost_nothing_below_the_threshold(fleet):
    """A dealer that seals noise for a third of its neighbours is rebuilt from the rest."""
    one = fleet(20, threshold=0.7)

    def spoil(stage: Stage, row: int, reply: bytes) -> bytes | None:
        if row != HOSTILE:
            return reply
        if stage is Stage.SHARE:
            start = HEAD + 64
            return reply[:start] + os.urandom(5 * wire.SEALED_BYTES) + reply[start + 5 * wire.SEALED_BYTES :]
        return reply

    one.check(one.run(spoil))


def test_a_second_answer_counts_for_nothing(fleet):
    """Neither the same again, nor noise of its length, nor another sum."""
    one = fleet()
    for stage in Stage:
        for i, asked in enumerate(one.asked(stage)):
            message = one.gateways[i].collect({row: one.answer(row, request) for row, request in asked.items()})
            size = one.terms.vector_bytes if stage is Stage.MASKED else 0
            bundle = StageMessages.from_bytes(message, stage | wire.REPLY_FLAG, one.terms.round_id, size)
            noise = {row: part[: HEAD + 2] + os.urandom(len(part) - HEAD - 2) for row, part in bundle.parts.items()}
            other = replace(bundle, parts=noise, tail=os.urandom(size)).to_bytes(one.terms.round_id)
            for again in (message, message, other):
                one.coordinator.receive(i, again)
        one.coordinator.close()
    one.check(one.coordinator.result)


def test_answers_may_come_in_parts(fleet):
    one = fleet()
    for stage in Stage:
        for i, asked in enumerate(one.asked(stage)):
            for row, request in asked.items():
                one.coordinator.receive(i, one.gateways[i].collect({row: one.answer(row, request)}))
        one.coordinator.close()
    one.check(one.coordinator.result)


@pytest.mark.parametrize("stage", [Stage.SHARE, Stage.MASKED, Stage.UNMASK], ids=lambda stage: stage.name.lower())
def test_a_gateway_speaks_for_its_own_devices_only(fleet, stage):
    """A fourth one sends, for devices of the first and before that one does, what it has overheard and changed."""
    one = fleet()
    for at in Stage:
        messages = []
        for i, asked in enumerate(one.asked(at)):
            replies = {row: one.answer(row, request) for row, request in asked.items()}
            messages.append(one.gateways[i].collect(replies))
        if at is stage:
            one.coordinator.receive(3, flip(messages[0], len(messages[0]) - 1))
        for i, message in enumerate(messages):
            one.coordinator.receive(i, message)
        one.coordinator.close()
    one.check(one.coordinator.result)
    assert stage is Stage.MASKED or "not a device of this gateway" in one.coordinator.rejected[0]


def test_a_gateways_noise_costs_its_devices_only(fleet):
    one = fleet(30, threshold=0.6, gateways=4)
    for stage in Stage:
        for i, asked in enumerate(one.asked(stage)):
            message = one.gateways[i].collect({row: one.answer(row, request) for row, request in asked.items()})
            if i == 1 and stage >= Stage.MASKED:
                message = message[:-1]
            one.coordinator.receive(i, message)
            one.coordinator.receive(i, os.urandom(60))
            one.coordinator.receive(i, message[: HEAD + 4] + b"\xff" * 40)
        one.coordinator.close()
    one.check(one.coordinator.result, set(range(1, 30, 4)))


@pytest.mark.parametrize(
    "change",
    [
        lambda bundle: replace(bundle, parts={**bundle.parts, 99: next(iter(bundle.parts.values()))}),
        lambda bundle: replace(bundle, parts={row: pads[:-20] for row, pads in bundle.parts.items()}),
        lambda bundle: replace(bundle, parts={row: pads + bytes(20) for row, pads in bundle.parts.items()}),
    ],
    ids=["a device that is not in the round", "too few pads", "too many pads"],
)
def test_a_partial_sum_with_devices_that_are_not_due(fleet, change):
    """All of it is left out, for nobody can take one device out of a sum."""
    one = fleet(30, threshold=0.6, gateways=4)
    kind = Stage.MASKED | wire.REPLY_FLAG
    for stage in Stage:
        for i, asked in enumerate(one.asked(stage)):
            message = one.gateways[i].collect({row: one.answer(row, request) for row, request in asked.items()})
            if i == 1 and stage is Stage.MASKED:
                bundle = StageMessages.from_bytes(message, kind, one.terms.round_id, one.terms.vector_bytes)
                message = change(bundle).to_bytes(one.terms.round_id)
            one.coordinator.receive(i, message)
        one.coordinator.close()
    one.check(one.coordinator.result, set(range(1, 30, 4)))


def test_a_stage_may_be_closed_again_when_more_have_answered(fleet):
    one = fleet()
    asked = one.asked(Stage.KEYS)
    for i in range(2):
        replies = {row: one.answer(row, request) for row, request in asked[i].items()}
        one.coordinator.receive(i, one.gateways[i].collect(replies))
    with pytest.raises(RoundFailed, match="8 devices came where 9 must"):
        one.coordinator.close()
    one.coordinator.receive(2, one.gateways[2].collect({row: one.answer(row, m) for row, m in asked[2].items()}))
    one.coordinator.close()
    assert one.coordinator.stage is Stage.SHARE


def test_more_devices_than_the_modulus_holds(fleet):
    one = fleet(12, bound=2**28 - 1)
    one.stage(Stage.KEYS)
    with pytest.raises(RoundFailed, match="64 bits"):
        one.coordinator.close()


def test_the_same_bundle_is_delivered_again(fleet):
    one = fleet()
    one.stage(Stage.KEYS)
    one.coordinator.close()
    message = one.coordinator.ask(0)
    assert one.gateways[0].deliver(message) == one.gateways[0].deliver(message) != {}
    for wrong in (b"", message[:-1], flip(message, 3), flip(message, 9)):
        with pytest.raises(MessageError):
            one.gateways[0].deliver(wrong)
    assert one.gateways[0].deliver(message)


def test_a_gateway_that_was_not_told_adds_nothing():
    """A masked vector of a device that was asked through another gateway."""
    from keyart.secagg import AggregationParameters

    terms = AggregationParameters(
        size=2, bits=32, bound=1, threshold_permille=1000, minimum_devices=2, nonce=bytes(32)
    )
    gateway = Gateway(terms)
    gateway.stage = Stage.MASKED
    reply = wire.MaskedReply(bytes(20), np.ones(2, dtype="<u4").tobytes()).to_bytes(terms.round_id)
    bundle = StageMessages.from_bytes(gateway.collect({7: reply}), Stage.MASKED | wire.REPLY_FLAG, terms.round_id, 8)
    assert bundle.parts == {} and bundle.tail == bytes(8)


def test_bundles_are_read_back_and_nothing_else_is():
    bundle = StageMessages(Stage.SHARE, {3: b"abc", 9: b"", 10: b"x"}, b"tail")
    data = bundle.to_bytes(b"r" * 32)
    assert StageMessages.from_bytes(data, Stage.SHARE, b"r" * 32, 4) == bundle
    swapped = data[: HEAD + 4] + data[HEAD + 12 : HEAD + 20] + data[HEAD + 4 : HEAD + 12] + data[HEAD + 20 :]
    twice = data[: HEAD + 12] + data[HEAD + 4 : HEAD + 8] + data[HEAD + 16 :]
    for wrong in [data[:n] for n in range(len(data))] + [data + b"\0", swapped, twice]:
        with pytest.raises(MessageError):
            StageMessages.from_bytes(wrong, Stage.SHARE, b"r" * 32, 4)


@pytest.mark.parametrize("stage", list(Stage), ids=lambda stage: stage.name.lower())
def test_garbled_bundles_raise_nothing(fleet, stage):
    """Whatever byte of a gateway's bundle is changed, at any stage, and whatever is left out at its end."""
    one, rng = fleet(6, threshold=0.9, gateways=1), np.random.default_rng(stage)
    for at in Stage:
        (asked,) = one.asked(at)
        message = one.gateways[0].collect({row: one.answer(row, request) for row, request in asked.items()})
        if at is stage:
            for _ in range(150):
                other = copy.deepcopy({k: v for k, v in vars(one.coordinator).items() if k != "_probe"})
                i = int(rng.integers(len(message)))
                one.coordinator.receive(0, message[:i] if rng.random() < 0.2 else flip(message, i))
                vars(one.coordinator).update(other)
        one.coordinator.receive(0, message)
        one.coordinator.close()
    one.check(one.coordinator.result)


def test_a_coordinator_that_knows_no_issuer_hears_nobody(fleet):
    one = fleet()
    one.coordinator = Coordinator(one.terms, [], 0)
    one.stage(Stage.KEYS)
    with pytest.raises(RoundFailed, match="0 devices came where 9 must; 12 more were not heard"):
        one.coordinator.close()
