"""Stage messages between gateway and coordinator: one a stage, with the parts of each device of the gateway.

    header (messages.py), kind + 0x40 | count (4) | count × (number (4) | length (4)) | the parts | tail

Numbers ascend. The tail is the sum of the masked vectors at `Stage.MASKED` upwards, and empty elsewhere.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from keyart.errors import MessageError
from keyart.secagg import message_body, message_header

BUNDLE: Final = 0x40

_COUNT = struct.Struct("<I")
_ENTRY = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class StageMessages:
    """The messages of a gateway's devices at one stage.

    Attributes:
        kind: Kind of the parts.
        parts: Message by the device's number.
        tail: Sum of the masked vectors, or nothing.
    """

    kind: int
    parts: Mapping[int, bytes]
    tail: bytes = b""

    def to_bytes(self, round_id: bytes) -> bytes:
        """Return the message, as `keyart.secagg.messages` reads it."""
        numbers = sorted(self.parts)
        entries = [_ENTRY.pack(number, len(self.parts[number])) for number in numbers]
        parts = [self.parts[number] for number in numbers]
        return b"".join(
            (message_header(self.kind | BUNDLE, round_id), _COUNT.pack(len(parts)), *entries, *parts, self.tail)
        )

    @classmethod
    def from_bytes(cls, message: bytes, kind: int, round_id: bytes, tail: int = 0) -> StageMessages:
        """Return the messages in bytes whose tail has a given length. Raises MessageError for anything else."""
        data = message_body(message, kind | BUNDLE, round_id)
        if len(data) < _COUNT.size:
            raise MessageError("The bundle is cut short.")
        start = _COUNT.size + _COUNT.unpack_from(data)[0] * _ENTRY.size
        entries = list(_ENTRY.iter_unpack(data[_COUNT.size : start])) if start <= len(data) else []
        if start + sum(length for _, length in entries) + tail != len(data):
            raise MessageError("The bundle's parts have other lengths than it says.")
        if any(a[0] >= b[0] for a, b in pairwise(entries)):
            raise MessageError("The bundle's devices are not in ascending order, or one is in it twice.")
        parts = {}
        for number, length in entries:
            parts[number] = data[start : start + length]
            start += length
        return cls(kind, parts, data[start:])
