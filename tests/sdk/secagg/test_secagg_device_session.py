"""The device's part: what it answers, once, and all that it refuses a server."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyart.errors import MessageError, SettingError
from keyart.secagg import DeviceSession, Identity, Stage, session_codec
from keyart.secagg import messages as wire
from keyart.secagg.graph import ring_position
from keyart.secagg.identity import RECORD_BYTES
from keyart.secagg.masks import to_signed

MASKED = Stage.MASKED


def restarted(session: DeviceSession) -> DeviceSession:
    return session_codec.session_from_bytes(session_codec.session_to_bytes(session))


@pytest.mark.parametrize("stage", list(Stage))
def test_the_same_message_gets_the_same_bytes_even_after_a_restart(cohort, stage):
    one = cohort().lead(stage)
    for past in Stage:
        if past > stage:
            break
        again, reply = restarted(one.sessions[2]).answer(one.request(2, past))
        assert again == one.sessions[2]
        if past is stage:
            assert reply == one.replies[2]


@pytest.mark.parametrize("stage", list(Stage))
def test_a_restart_between_any_two_stages_changes_nothing(cohort, stage):
    """The session is a value: whoever restarts says what the one that did not restart says."""
    one = cohort().lead(Stage(stage - 1)) if stage > 1 else cohort()
    message = one.request(1, stage)
    plain = one.sessions[1].answer(message, lambda: one.vector(1))
    assert restarted(one.sessions[1]).answer(message, lambda: one.vector(1)) == plain


def test_every_stage_is_answered_once(cohort):
    one = cohort(8).lead(Stage.UNMASK)
    session = one.sessions[0]
    others = [
        wire.ShareRequest(9, [one.sessions[n].record for n in one.neighbours(0)]).to_bytes(one.round_id),
        one.masked_request(0, silent=(3,)),
        one.unmask_request(0, silent=(3,)),
    ]
    for other in others:
        with pytest.raises(MessageError, match="answers only once"):
            session.answer(other, lambda: one.vector(0))


def test_the_vector_is_asked_for_once(cohort):
    """Two vectors under the same masks would tell their difference."""
    one = cohort().lead(Stage.SHARE)
    calls = []

    def vector() -> np.ndarray:
        calls.append(1)
        return one.vector(0) * len(calls)

    first = one.answer(0, one.masked_request(0), vector)
    assert one.answer(0, one.masked_request(0), vector) == first and calls == [1]
    with pytest.raises(MessageError, match="answers only once"):
        one.answer(0, one.masked_request(0, silent=(3,)), vector)
    assert calls == [1]


@pytest.mark.parametrize("stage", list(Stage))
def test_stages_come_in_order(cohort, stage):
    full = cohort().lead(Stage.UNMASK)
    messages = {s: full.request(0, s) for s in Stage}
    early = cohort().lead(Stage(stage - 1)) if stage > 1 else cohort()
    assert early.round_id == full.round_id
    for later in Stage:
        if later > stage:
            with pytest.raises(MessageError, match="came before"):
                early.sessions[0].answer(messages[later], lambda: full.vector(0))


def test_a_finished_session_holds_no_secret(cohort):
    one = cohort().lead(MASKED)
    secret = one.sessions[0].secret
    assert (
        len(secret) == 32
        and secret in session_codec.session_to_bytes(one.sessions[0])
        and not one.sessions[0].finished
    )
    one.answer(0, one.unmask_request(0))
    data = session_codec.session_to_bytes(one.sessions[0])
    assert one.sessions[0].finished and secret not in data and not one.sessions[0].held


def test_secrets_are_not_printed(cohort):
    session = cohort().lead(MASKED).sessions[0]
    assert repr(session.secret) not in repr(session)
    assert not any(repr(n.agreed) in repr(session) for n in session.neighbours)


@pytest.mark.parametrize("stage", list(Stage))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_garbled_message_is_refused_or_answered(led, stage, data):
    """Nothing but MessageError, and the session as it was."""
    one, message = led[stage]
    kind = data.draw(st.sampled_from(["flip", "cut", "grow", "noise"]))
    at = data.draw(st.integers(0, len(message) - 1))
    garbled = {
        "flip": message[:at] + bytes([message[at] ^ data.draw(st.integers(1, 255))]) + message[at + 1 :],
        "cut": message[:at],
        "grow": message + message[:at],
        "noise": message[: wire.HEADER_BYTES] + data.draw(st.binary(max_size=400)),
    }[kind]
    before = one.sessions[0]
    try:
        after, reply = before.answer(garbled, lambda: one.vector(0))
    except MessageError:
        return
    assert after != before and restarted(after) == after and reply


@pytest.fixture(scope="module")
def led(cohort):
    """By stage: a cohort just before it, and the message for device 0."""
    before = {stage: cohort().lead(Stage(stage - 1)) if stage > 1 else cohort() for stage in Stage}
    return {stage: (one, one.request(0, stage)) for stage, one in before.items()}


# Stage: keys


def test_other_terms_than_agreed(cohort):
    one = cohort()
    other = replace(one.terms, minimum_devices=2)
    with pytest.raises(MessageError):
        one.sessions[0].answer(wire.KeysRequest(other).to_bytes())
    # Nor under this round's id.
    forged = wire.message_header(Stage.KEYS, one.round_id) + other.to_bytes()
    with pytest.raises(MessageError):
        one.sessions[0].answer(forged)


# Stage: share


def shown(one, records: list[bytes], devices: int | None = None) -> bytes:
    return wire.ShareRequest(devices or one.n, records).to_bytes(one.round_id)


def refused(one, message: bytes, match: str) -> None:
    before = one.sessions[0]
    with pytest.raises(MessageError, match=match):
        before.answer(message, lambda: one.vector(0))
    assert one.sessions[0] == before


@pytest.fixture
def keyed(cohort):
    one = cohort(6).lead(Stage.KEYS)
    one.records = [one.sessions[n].record for n in one.neighbours(0)]
    return one


def test_a_neighbour_shown_twice(keyed):
    refused(keyed, shown(keyed, [*keyed.records[:-1], keyed.records[-2]]), "twice")


def test_this_device_as_its_own_neighbour(keyed):
    refused(keyed, shown(keyed, [keyed.sessions[0].record, *keyed.records[1:]]), "itself")


def test_neighbours_out_of_order(keyed):
    refused(keyed, shown(keyed, [keyed.records[1], keyed.records[0], *keyed.records[2:]]), "order")


def test_too_few_or_too_many_neighbours(keyed):
    refused(keyed, shown(keyed, keyed.records[:-1]), "4 neighbours were shown")
    refused(keyed, shown(keyed, []), "0 neighbours")
    refused(keyed, shown(keyed, [*keyed.records, keyed.records[0]]), "6 neighbours")


def test_too_few_devices(keyed):
    """The number that the server states is held against the terms, and the list against the number."""
    refused(keyed, shown(keyed, keyed.records[:3], devices=4), "fewer than")
    refused(keyed, shown(keyed, keyed.records, devices=2**32 - 1), "fewer than|bits hold")
    refused(keyed, shown(keyed, keyed.records, devices=5), "5 neighbours were shown where a round of 5 has 4")


def test_a_neighbour_of_an_unknown_issuer(keyed):
    stranger = Identity.create(os.urandom)
    identity = keyed.identity(os.urandom, issuer=stranger)
    record = identity.record(keyed.round_id, os.urandom(32), os.urandom(32))
    refused(keyed, shown(keyed, [record, *keyed.records[1:]]), "issuer")


def test_a_neighbour_whose_certificate_has_expired(keyed):
    identity = keyed.identity(os.urandom, after=keyed.sessions[0].now - 1)
    record = identity.record(keyed.round_id, os.urandom(32), os.urandom(32))
    refused(keyed, shown(keyed, [record, *keyed.records[1:]]), "expired")


def test_a_neighbour_whose_keys_were_exchanged(keyed):
    """A server in the middle puts its own sealing key under a device's signature."""
    record = keyed.records[0]
    forged = record[: RECORD_BYTES - 128] + os.urandom(32) + record[RECORD_BYTES - 96 :]
    refused(keyed, shown(keyed, [forged, *keyed.records[1:]]), "forged")


def test_a_neighbour_with_a_key_of_low_order(keyed):
    records = list(keyed.records)
    neighbour = keyed.identities[keyed.neighbours(0)[0]]
    records[0] = neighbour.record(keyed.round_id, bytes(32), os.urandom(32))
    refused(keyed, shown(keyed, records), "not usable")


def test_a_surrounded_device_stops(cohort):
    """A server that leaves out four of five devices shows neighbours from too far away."""
    n = 900
    one = cohort(n, permille=1000, minimum=180)
    assert not one.graph.complete
    one.answer(0, one.keys_request())
    one.answer(1, one.keys_request())
    one.answer(0, one.share_request(0))  # honest
    own = ring_position(one.round_id, one.identities[1].public)
    rest = [i for i in range(n) if i % 5 == 0]
    chosen = sorted(rest, key=lambda i: (ring_position(one.round_id, one.identities[i].public) - own) % 2**64)
    k = one.graph.neighbours
    ring = [one.sessions[i].record for i in [*chosen[: k // 2], *chosen[-k // 2 :]]]
    with pytest.raises(MessageError, match="left out"):
        one.answer(1, wire.ShareRequest(n, ring).to_bytes(one.round_id))


# Stage: masked


def test_too_few_dealt_shares(cohort):
    one = cohort().lead(Stage.SHARE)
    refused(one, one.masked_request(0, silent=(2, 3)), "fewer than 4")
    refused(one, one.masked_request(0, silent=(1, 2, 3, 4, 5)), "0 of 5")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda v: v[:-1],
        lambda v: v.astype(np.int32),
        lambda v: v.astype(float),
        lambda v: v.tolist(),
        lambda v: v + 2**20,
        lambda v: np.full_like(v, -(2**63)),
    ],
)
def test_a_vector_that_is_not_of_the_terms(cohort, wrong):
    one = cohort().lead(Stage.SHARE)
    with pytest.raises(SettingError):
        one.answer(0, one.masked_request(0), lambda: wrong(one.vector(0) + 50))
    assert len(one.answer(0, one.masked_request(0), lambda: one.vector(0))) > 20  # and the session goes on


def test_the_vector_is_due(cohort):
    one = cohort().lead(Stage.SHARE)
    with pytest.raises(SettingError, match="vector"):
        one.answer(0, one.masked_request(0))


def test_masked_vectors_of_all_add_up_to_the_sum_and_the_self_masks(cohort):
    """Pairwise masks are gone in the sum; one vector alone looks like nothing."""
    one = cohort(7).lead(MASKED)
    k = one.graph.neighbours
    lanes = [np.frombuffer(wire.MaskedReply.from_bytes(r, one.terms, k).lanes, "<u4") for r in one.replies]
    from keyart.secagg.masks import mask_lanes

    own = [mask_lanes(session._seed("self-mask"), one.terms.size, 32) for session in one.sessions]
    total = np.sum(lanes, axis=0, dtype=np.uint32) - np.sum(own, axis=0, dtype=np.uint32)
    np.testing.assert_array_equal(to_signed(total, 32), sum(one.vector(i) for i in range(7)))


def test_a_packet_that_does_not_open_costs_a_share_and_no_more(cohort):
    one = cohort(6).lead(Stage.SHARE)
    message = one.masked_request(0)
    one.answer(0, message[:-1] + bytes([message[-1] ^ 1]), lambda: one.vector(0))
    assert [bool(packet) for packet in one.sessions[0].held] == [True] * 4 + [False]
    reply = wire.UnmaskReply.from_bytes(one.answer(0, one.unmask_request(0)), one.round_id, [True] * 5)
    assert list(reply.held) == [True] * 4 + [False] and len(reply.locks) == 4


def test_packets_of_one_neighbour_do_not_open_as_anothers(cohort):
    one = cohort(6).lead(Stage.SHARE)
    dealt = [one.dealt[n].sealed[-1 - j] for j, n in enumerate(one.neighbours(0))]
    swapped = wire.MaskedRequest([True] * 5, [dealt[1], dealt[0], *dealt[2:]]).to_bytes(one.round_id)
    one.answer(0, swapped, lambda: one.vector(0))
    assert [bool(packet) for packet in one.sessions[0].held] == [False, False, True, True, True]


# Stage: unmask


def test_survivors_must_have_shared_and_be_enough(cohort):
    one = cohort(6).lead(Stage.SHARE)
    one.answer(0, one.masked_request(0, silent=(2,)), lambda: one.vector(0))
    refused(one, one.unmask_request(0), "not even dealt")
    refused(one, one.unmask_request(0, silent=(2, 3)), "3 of 5 neighbours survived")


def test_one_kind_of_share_for_each_neighbour(cohort):
    """For those that survived: of lock and self-mask; for the others of the masking seed; nothing else."""
    one = cohort(6).lead(MASKED)
    held = one.sessions[0].held
    reply = one.answer(0, one.unmask_request(0, silent=(2,)))
    survivors = [n != 2 for n in one.neighbours(0)]
    answer = wire.UnmaskReply.from_bytes(reply, one.round_id, survivors)
    assert list(answer.locks) == [packet[:20] for packet, alive in zip(held, survivors, strict=True) if alive]
    assert len(answer.locked) == 5 * 20 + 16
    assert not any(packet[i : i + 20] in reply for packet in held for i in (20, 40))  # those are locked
