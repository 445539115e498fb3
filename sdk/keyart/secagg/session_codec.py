"""A session as bytes: a version, then fields, each after its length (4, little-endian); a list is a field of such."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final

from ..errors import MessageError, StoreDamaged
from .device_session import AnsweredRequest, DeviceSession, Neighbour
from .identity import RECORD_BYTES, SIGNATURE_BYTES
from .key_agreement import KEY_BYTES
from .messages import PACKET_BYTES, Stage
from .parameters import AggregationParameters

VERSION: Final = 2
_LENGTH = struct.Struct("<I")
_NUMBERS = struct.Struct("<QI")


def session_to_bytes(session: DeviceSession) -> bytes:
    """Encode a session, secrets included. The bytes belong into a sealed store."""
    fields = [
        session.terms.to_bytes(),
        session.device,
        _joined(session.issuers),
        _NUMBERS.pack(session.now, session.devices),
        session.secret,
        session.record,
        session.registration,
        _joined(part for answer in session.answers for part in (answer.digest, answer.reply)),
        b"".join(n.device + n.agreed + n.masking for n in session.neighbours),
        bytes(session.shared),
        _joined(session.held),
    ]
    return bytes((VERSION,)) + _joined(fields)


def session_from_bytes(data: bytes) -> DeviceSession:
    """Decode a session.

    Raises:
        StoreDamaged: The bytes are not a session.
    """
    try:
        if data[:1] != bytes((VERSION,)):
            raise ValueError("another version")
        terms, device, issuers, numbers, secret, record, registration, *stages = _split(data[1:])
        answers, neighbours, shared, held = stages
        now, devices = _NUMBERS.unpack(numbers)
        parts = _split(answers)
        size = 3 * KEY_BYTES
        session = DeviceSession(
            AggregationParameters.from_bytes(terms),
            device,
            tuple(_split(issuers)),
            now,
            secret,
            record,
            registration,
            tuple(AnsweredRequest(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)),
            devices,
            tuple(_neighbour(neighbours[i : i + size]) for i in range(0, len(neighbours), size)),
            tuple(byte == 1 for byte in shared),
            tuple(_split(held)),
        )
        _check(session)
        if session_to_bytes(session) != data:
            raise ValueError("another spelling")
    except (ValueError, struct.error, MessageError) as error:
        raise StoreDamaged(f"The session of a sum cannot be read ({error}); delete it, the round is lost.") from None
    return session


def _check(session: DeviceSession) -> None:
    """Raise ValueError unless the lengths are those of the stage that the session is in."""
    stage, k = len(session.answers), len(session.neighbours)
    between = stage in (Stage.SHARE, Stage.MASKED)
    good = (
        stage <= len(Stage)
        and [len(session.device), len(session.record)] == [KEY_BYTES, RECORD_BYTES]
        and len(session.registration) == SIGNATURE_BYTES
        and len(session.secret) == (0 if session.finished else KEY_BYTES)
        and {len(key) for key in session.issuers} <= {KEY_BYTES}
        and {len(answer.digest) for answer in session.answers} <= {KEY_BYTES}
        and (k > 0) == between
        and {len(session.shared), len(session.held)} == {k if stage == Stage.MASKED else 0}
        and {len(packet) for packet in session.held} <= {0, PACKET_BYTES}
        and (not between or k == session.graph.neighbours)
    )
    if not good:
        raise ValueError("parts that do not fit together")


def _neighbour(data: bytes) -> Neighbour:
    return Neighbour(data[:KEY_BYTES], data[KEY_BYTES : 2 * KEY_BYTES], data[2 * KEY_BYTES :])


def _joined(fields: Iterable[bytes]) -> bytes:
    return b"".join(part for field in fields for part in (_LENGTH.pack(len(field)), field))


def _split(data: bytes) -> Sequence[bytes]:
    fields, start = [], 0
    while start < len(data):
        (length,) = _LENGTH.unpack_from(data, start)
        start += _LENGTH.size
        if length > len(data) - start:
            raise ValueError("cut short")
        fields.append(data[start : start + length])
        start += length
    return fields
