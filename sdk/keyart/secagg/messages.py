"""Messages of a round between server and device, as bytes (docs/reference/protocol.md).

They are little-endian, and every length is exact.

    "ks" | version (1) | kind (1) | round id (32) | body

The kind is the stage, with the highest bit set in a device's reply. Other bytes raise MessageError.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from ..errors import MessageError
from .identity import RECORD_BYTES, SIGNATURE_BYTES
from .key_agreement import DIGEST_BYTES, KEY_BYTES, TAG_BYTES, share_digest
from .parameters import PARAMETERS_BYTES, AggregationParameters
from .shamir import SHARE_BYTES

MAGIC: Final = b"ks"
VERSION: Final = 1
REPLY_FLAG: Final = 0x80
HEADER_BYTES: Final = len(MAGIC) + 2 + KEY_BYTES
PACKET_BYTES: Final = 3 * SHARE_BYTES  # what a device deals to a neighbour: a share of lock, masking seed, self-mask
SEALED_BYTES: Final = PACKET_BYTES + TAG_BYTES
DIGESTS_BYTES: Final = 3 * DIGEST_BYTES  # of the shares in a packet
KEYS_BYTES: Final = RECORD_BYTES + SIGNATURE_BYTES  # of the body of `KeysReply`

_COUNT = struct.Struct("<I")


class Stage(IntEnum):
    """The stages of a round, in order. A device may drop out at any of them."""

    KEYS = 1
    SHARE = 2
    MASKED = 3
    UNMASK = 4


class PacketPart(IntEnum):
    """The shares in a packet, in order. That of the self-mask is padded."""

    LOCK = 0
    MASKING = 1
    SELF_MASK = 2


def message_header(kind: int, round_id: bytes) -> bytes:
    """Return the header of a message."""
    return MAGIC + bytes((VERSION, kind)) + round_id


def stage_of(message: bytes, round_id: bytes) -> Stage:
    """Return the stage of a server's message for a round.

    Raises:
        MessageError: The message is not of this round.
    """
    kinds = {message_header(stage, round_id): stage for stage in Stage}
    stage = kinds.get(bytes(message[:HEADER_BYTES]))
    if stage is None:
        raise MessageError(
            "This is no message for this round of this protocol; update keyart, or begin a new session."
        )
    return stage


def message_body(message: bytes, kind: int, round_id: bytes) -> bytes:
    """Return the body of a message.

    Raises:
        MessageError: The header is another one.
    """
    if message[:HEADER_BYTES] != message_header(kind, round_id):
        raise MessageError("This is not the message of this round and stage that was due.")
    return message[HEADER_BYTES:]


@dataclass(frozen=True, slots=True)
class KeysRequest:
    """The parameters once more. A device that started with others does not go on."""

    terms: AggregationParameters

    def to_bytes(self) -> bytes:
        """Encode the message for the devices or the server of a round."""
        return message_header(Stage.KEYS, self.terms.round_id) + self.terms.to_bytes()

    @classmethod
    def from_bytes(cls, message: bytes) -> KeysRequest:
        """Decode a request for a device that has not seen the parameters yet."""
        terms = AggregationParameters.from_bytes(message[HEADER_BYTES : HEADER_BYTES + PARAMETERS_BYTES])
        if message != cls(terms).to_bytes():
            raise MessageError("The head of this message does not fit its terms.")
        return cls(terms)


@dataclass(frozen=True, slots=True)
class KeysReply:
    """The device's registration.

    Attributes:
        record: The record that its neighbours get (`identity`).
        registration: The signature that shows that the device itself sends it. Nobody gets it but the gateway and
            the coordinator.
    """

    record: bytes
    registration: bytes

    def to_bytes(self, round_id: bytes) -> bytes:
        """Encode the message for the devices or the server of a round."""
        return message_header(Stage.KEYS | REPLY_FLAG, round_id) + self.record + self.registration

    @classmethod
    def from_bytes(cls, message: bytes, round_id: bytes) -> KeysReply:
        """Decode a message of a round. Raises `MessageError` if it is malformed."""
        body = message_body(message, Stage.KEYS | REPLY_FLAG, round_id)
        _exactly(body, KEYS_BYTES)
        return cls(body[:RECORD_BYTES], body[RECORD_BYTES:])


@dataclass(frozen=True, slots=True)
class ShareRequest:
    """The neighbours of a device.

    Attributes:
        devices: Number of devices that sent keys.
        records: The neighbours' records [k], in the order of the ring, from the next one on.
    """

    devices: int
    records: Sequence[bytes]

    def to_bytes(self, round_id: bytes) -> bytes:
        """Encode the message for the devices or the server of a round."""
        return b"".join((message_header(Stage.SHARE, round_id), _COUNT.pack(self.devices), *self.records))

    @classmethod
    def from_bytes(cls, message: bytes, round_id: bytes) -> ShareRequest:
        """Decode a message of a round. Raises `MessageError` if it is malformed."""
        data = message_body(message, Stage.SHARE, round_id)
        if len(data) < _COUNT.size or (len(data) - _COUNT.size) % RECORD_BYTES:
            raise MessageError("The list of neighbours is cut short.")
        return cls(_COUNT.unpack_from(data)[0], _pieces(data[_COUNT.size :], RECORD_BYTES))


@dataclass(frozen=True, slots=True)
class ShareReply:
    """The shares that a device deals.

    Attributes:
        self_mask: Commitment to the self-mask, 32 bytes.
        lock: Commitment to the lock, 32 bytes.
        sealed: A packet for each neighbour [k], in the order of the request.
        digests: The digests of the shares in each packet, [k] of `DIGESTS_BYTES`.
    """

    self_mask: bytes
    lock: bytes
    sealed: Sequence[bytes]
    digests: Sequence[bytes]

    def has_dealt(self, neighbour: int, part: PacketPart, share: bytes, round_id: bytes) -> bool:
        """Return True if this is the share that the device dealt to a neighbour, by its own digest.

        Args:
            neighbour: The neighbour's place in the device's list, from 0.
            part: Which share of the packet it is.
            share: The share, as the neighbour gives it.
            round_id: Id of the round.
        """
        start = part * DIGEST_BYTES
        return share_digest(share, round_id) == self.digests[neighbour][start : start + DIGEST_BYTES]

    def to_bytes(self, round_id: bytes) -> bytes:
        """Encode the message for the devices or the server of a round."""
        header = message_header(Stage.SHARE | REPLY_FLAG, round_id)
        return b"".join((header, self.self_mask, self.lock, *self.sealed, *self.digests))

    @classmethod
    def from_bytes(cls, message: bytes, round_id: bytes, neighbours: int) -> ShareReply:
        """Decode a message of a round. Raises `MessageError` if it is malformed."""
        data = message_body(message, Stage.SHARE | REPLY_FLAG, round_id)
        _exactly(data, 2 * KEY_BYTES + neighbours * (SEALED_BYTES + DIGESTS_BYTES))
        end = 2 * KEY_BYTES + neighbours * SEALED_BYTES
        sealed, digests = _pieces(data[2 * KEY_BYTES : end], SEALED_BYTES), _pieces(data[end:], DIGESTS_BYTES)
        return cls(data[:KEY_BYTES], data[KEY_BYTES : 2 * KEY_BYTES], sealed, digests)


@dataclass(frozen=True, slots=True)
class MaskedRequest:
    """The shares dealt to a device.

    Attributes:
        shared: True for each neighbour that dealt shares, [k].
        sealed: The packet of each of these for this device.
    """

    shared: Sequence[bool]
    sealed: Sequence[bytes]

    def to_bytes(self, round_id: bytes) -> bytes:
        """Encode the message for the devices or the server of a round."""
        count = _COUNT.pack(len(self.sealed))
        return b"".join((message_header(Stage.MASKED, round_id), count, _to_bits(self.shared), *self.sealed))

    @classmethod
    def from_bytes(cls, message: bytes, round_id: bytes, neighbours: int) -> MaskedRequest:
        """Decode a message of a round. Raises `MessageError` if it is malformed."""
        data = message_body(message, Stage.MASKED, round_id)
        start = _COUNT.size + _bit_bytes(neighbours)
        if len(data) < start or (len(data) - start) % SEALED_BYTES:
            raise MessageError("The neighbours' shares are cut short.")
        shared = _from_bits(data[_COUNT.size : start], neighbours)
        sealed = _pieces(data[start:], SEALED_BYTES)
        if not len(sealed) == sum(shared) == _COUNT.unpack_from(data)[0]:
            raise MessageError("There are not as many shares as neighbours that are said to have shared.")
        return cls(shared, sealed)


def packets_asked(message: bytes, round_id: bytes) -> int:
    """Return how many packets a MaskedRequest holds, for a gateway that does not know the graph."""
    data = message_body(message, Stage.MASKED, round_id)
    if len(data) < _COUNT.size:
        raise MessageError("The neighbours' shares are cut short.")
    return int(_COUNT.unpack_from(data)[0])


@dataclass(frozen=True, slots=True)
class MaskedReply:
    """A masked vector.

    Attributes:
        pads: A pad of `SHARE_BYTES` for each neighbour that shared, in order.
        lanes: The masked vector.
    """

    pads: bytes
    lanes: bytes

    def to_bytes(self, round_id: bytes) -> bytes:
        """Encode the message for the devices or the server of a round."""
        return message_header(Stage.MASKED | REPLY_FLAG, round_id) + self.pads + self.lanes

    @classmethod
    def from_bytes(cls, message: bytes, terms: AggregationParameters, shared: int) -> MaskedReply:
        """Decode a message of a round. Raises `MessageError` if it is malformed."""
        data = message_body(message, Stage.MASKED | REPLY_FLAG, terms.round_id)
        _exactly(data, shared * SHARE_BYTES + terms.vector_bytes)
        return cls(data[: shared * SHARE_BYTES], data[shared * SHARE_BYTES :])


@dataclass(frozen=True, slots=True)
class UnmaskRequest:
    """The devices whose masked vectors arrived.

    Attributes:
        survivors: True for each neighbour whose masked vector arrived, [k].
    """

    survivors: Sequence[bool]

    def to_bytes(self, round_id: bytes) -> bytes:
        """Encode the message for the devices or the server of a round."""
        return message_header(Stage.UNMASK, round_id) + _to_bits(self.survivors)

    @classmethod
    def from_bytes(cls, message: bytes, round_id: bytes, neighbours: int) -> UnmaskRequest:
        """Decode a message of a round. Raises `MessageError` if it is malformed."""
        return cls(_from_bits(message_body(message, Stage.UNMASK, round_id), neighbours))


@dataclass(frozen=True, slots=True)
class UnmaskReply:
    """The shares that remove the masks.

    Attributes:
        held: True for each neighbour of which this device holds a packet, [k].
        locks: A share of the lock of each of these that survived.
        locked: Sealed under the device's own lock: for each held neighbour in order a share of the self-mask (padded)
            if it survived, else of the masking seed.
    """

    held: Sequence[bool]
    locks: Sequence[bytes]
    locked: bytes

    def to_bytes(self, round_id: bytes) -> bytes:
        """Encode the message for the devices or the server of a round."""
        return b"".join(
            (message_header(Stage.UNMASK | REPLY_FLAG, round_id), _to_bits(self.held), *self.locks, self.locked)
        )

    @classmethod
    def from_bytes(cls, message: bytes, round_id: bytes, survivors: Sequence[bool]) -> UnmaskReply:
        """Decode a reply. `survivors` [k] is the device's request."""
        data = message_body(message, Stage.UNMASK | REPLY_FLAG, round_id)
        start = _bit_bytes(len(survivors))
        held = _from_bits(data[:start], len(survivors))
        end = start + SHARE_BYTES * sum(a and b for a, b in zip(held, survivors, strict=True))
        _exactly(data[end:], SHARE_BYTES * sum(held) + TAG_BYTES)
        return cls(held, _pieces(data[start:end], SHARE_BYTES), data[end:])


def _exactly(data: bytes, length: int) -> None:
    if len(data) != length:
        raise MessageError(f"A part of the message has {len(data)} bytes where {length} belong.")


def _pieces(data: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(data[i : i + size] for i in range(0, len(data), size))


def _bit_bytes(count: int) -> int:
    return -(-count // 8)


def _to_bits(flags: Sequence[bool]) -> bytes:
    return np.packbits(np.array(flags, dtype=bool), bitorder="little").tobytes()


def _from_bits(data: bytes, count: int) -> tuple[bool, ...]:
    """Decode flags, the lowest bit of the first byte first. Bits beyond `count` must be 0."""
    _exactly(data, _bit_bytes(count))
    flags = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little").astype(bool).tolist()
    if any(flags[count:]):
        raise MessageError("A list of yes and no says more than there are neighbours.")
    return tuple(flags[:count])
