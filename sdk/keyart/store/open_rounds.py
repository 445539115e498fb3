"""Open rounds in the store: the header of their records, by which those that are over are found and deleted.

version (1) | not_after, Unix seconds (8) | length of the offer (4) | the offer | the session
"""

from __future__ import annotations

import math
import struct
from typing import Final

from ..errors import StoreDamaged
from .database import Store, Table

VERSION: Final = 1

_HEAD = struct.Struct("<BQI")


def pack(not_after: int, offer: bytes, session: bytes) -> bytes:
    """Encode the record of an open round. `not_after` is the end of the round in Unix seconds."""
    return _HEAD.pack(VERSION, not_after, len(offer)) + offer + session


def unpack(data: bytes) -> tuple[bytes, bytes]:
    """Return the offer and the session of a record.

    Raises:
        StoreDamaged: The bytes are not a record.
    """
    _, length = _head(data)
    return data[_HEAD.size : _HEAD.size + length], data[_HEAD.size + length :]


def drop_open_rounds(store: Store, before: float = math.inf) -> None:
    """Delete the rounds that end before a moment (Unix seconds), by default all. Charges stay charged."""
    gone = [round_id for round_id, data in store.scan(Table.ROUND) if _head(data)[0] < before]
    if gone:
        with store.transaction():
            for round_id in gone:
                store.delete(Table.ROUND, round_id)


def _head(data: bytes) -> tuple[int, int]:
    if len(data) < _HEAD.size or data[0] != VERSION:
        raise StoreDamaged("A round in progress cannot be read; update keyart.")
    _, not_after, length = _HEAD.unpack_from(data)
    return not_after, length
