"""Memory: what is kept between two rounds, or between a question and its answer, as bytes.

"KAW1" | length (4, little-endian) | JSON (UTF-8) | the rest: arrays in a form of their own
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, Final

from keyart.errors import FederatedError

MAGIC: Final = b"KAW1"

_LENGTH = struct.Struct("<I")


def pack(about: Mapping[str, Any], data: bytes = b"") -> bytes:
    """Inverse of `unpack`."""
    text = json.dumps(about, ensure_ascii=False, allow_nan=False).encode()
    return MAGIC + _LENGTH.pack(len(text)) + text + data


def unpack(memory: bytes | None) -> tuple[dict[str, Any], bytes]:
    """The JSON and the rest; nothing of nothing. Raises FederatedError for bytes that `pack` did not write."""
    if not memory:
        return {}, b""
    try:
        (length,) = _LENGTH.unpack_from(memory, len(MAGIC))
        start = len(MAGIC) + _LENGTH.size
        if memory[: len(MAGIC)] != MAGIC or start + length > len(memory):
            raise ValueError("its head is another")
        return dict(json.loads(memory[start : start + length])), memory[start + length :]
    except (struct.error, ValueError, TypeError) as error:
        raise FederatedError(
            f"What the campaign knew cannot be read ({error}). Restore a copy, or stop it and start another."
        ) from None
