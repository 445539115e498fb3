"""Messages: what is written is read back, and whatever else comes is a MessageError."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyart.errors import MessageError
from keyart.secagg import AggregationParameters, Stage
from keyart.secagg import messages as wire
from keyart.secagg.identity import RECORD_BYTES

TERMS = AggregationParameters(size=3, bits=32, bound=9, threshold_permille=900, minimum_devices=9, nonce=bytes(32))
ROUND, K = TERMS.round_id, 11
SHARED = (True, False, True, True) + (False,) * 6 + (True,)


def pieces(count: int, size: int) -> tuple[bytes, ...]:
    return tuple(os.urandom(size) for _ in range(count))


SURVIVORS = (True,) * 3 + (False,) * 8
MESSAGES = {
    "keys asked": (wire.KeysRequest(TERMS), (), wire.KeysRequest.from_bytes, ()),
    "keys": (wire.KeysReply(os.urandom(RECORD_BYTES), os.urandom(64)), (ROUND,), wire.KeysReply.from_bytes, (ROUND,)),
    "share asked": (
        wire.ShareRequest(12, pieces(K, RECORD_BYTES)),
        (ROUND,),
        wire.ShareRequest.from_bytes,
        (ROUND,),
    ),
    "share": (
        wire.ShareReply(os.urandom(32), os.urandom(32), pieces(K, wire.SEALED_BYTES), pieces(K, wire.DIGESTS_BYTES)),
        (ROUND,),
        wire.ShareReply.from_bytes,
        (ROUND, K),
    ),
    "masked asked": (
        wire.MaskedRequest(SHARED, pieces(4, wire.SEALED_BYTES)),
        (ROUND,),
        wire.MaskedRequest.from_bytes,
        (ROUND, K),
    ),
    "masked": (wire.MaskedReply(os.urandom(80), os.urandom(12)), (ROUND,), wire.MaskedReply.from_bytes, (TERMS, 4)),
    "unmask asked": (wire.UnmaskRequest(SHARED), (ROUND,), wire.UnmaskRequest.from_bytes, (ROUND, K)),
    "unmask": (
        wire.UnmaskReply(SHARED, pieces(2, 20), os.urandom(4 * 20 + 16)),
        (ROUND,),
        wire.UnmaskReply.from_bytes,
        (ROUND, SURVIVORS),
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_read_back(name):
    message, writing, read, reading = MESSAGES[name]
    assert read(message.to_bytes(*writing), *reading) == message


@pytest.mark.parametrize("name", MESSAGES)
def test_no_other_length_and_no_other_head(name):
    message, writing, read, reading = MESSAGES[name]
    data = message.to_bytes(*writing)
    wrong = [data[:n] for n in range(0, len(data), max(1, len(data) // 50))]
    wrong += [data[:-1], data + b"\0", data + data]
    wrong += [data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :] for i in range(wire.HEADER_BYTES)]
    for one in wrong:
        with pytest.raises(MessageError):
            read(one, *reading)


@pytest.mark.parametrize("name", MESSAGES)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_refused_without_another_error(name, data):
    _, _, read, reading = MESSAGES[name]
    with pytest.raises(MessageError):
        read(data, *reading)


@pytest.mark.parametrize("name", MESSAGES)
@given(data=st.binary(max_size=300))
def test_any_body_is_read_or_refused(name, data):
    message, writing, read, reading = MESSAGES[name]
    head = message.to_bytes(*writing)[: wire.HEADER_BYTES]
    try:
        again = read(head + data, *reading)
    except MessageError:
        return
    assert again.to_bytes(*writing) == head + data


def test_as_many_shares_as_neighbours_that_shared():
    data = wire.MaskedRequest(SHARED, pieces(4, wire.SEALED_BYTES)).to_bytes(ROUND)
    assert wire.packets_asked(data, ROUND) == 4
    for wrong in (
        wire.MaskedRequest(SHARED, pieces(3, wire.SEALED_BYTES)).to_bytes(ROUND),
        data[: wire.HEADER_BYTES] + b"\5" + data[wire.HEADER_BYTES + 1 :],
    ):
        with pytest.raises(MessageError, match="as many"):
            wire.MaskedRequest.from_bytes(wrong, ROUND, K)


def test_bits_beyond_the_neighbours_are_refused():
    data = wire.UnmaskRequest(SHARED).to_bytes(ROUND)
    with pytest.raises(MessageError, match="more than"):
        wire.UnmaskRequest.from_bytes(data[:-1] + bytes([data[-1] | 0x80]), ROUND, K)


def test_stage_of_a_message():
    assert wire.stage_of(wire.UnmaskRequest(SHARED).to_bytes(ROUND), ROUND) is Stage.UNMASK
    for wrong in (
        b"",
        wire.UnmaskRequest(SHARED).to_bytes(bytes(32)),
        wire.message_header(5, ROUND),
        wire.message_header(0x81, ROUND),
    ):
        with pytest.raises(MessageError):
            wire.stage_of(wrong, ROUND)
