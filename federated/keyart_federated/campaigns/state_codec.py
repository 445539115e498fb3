"""State: what a campaign keeps between two rounds, or between a request and its sum, as bytes.

"KAW1" | length (4, little-endian) | JSON (UTF-8) | the rest: arrays in a form of their own
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, Final

from keyart.errors import FederatedError

from .campaign import Campaign

MAGIC: Final = b"KAW1"

_LENGTH = struct.Struct("<I")


def pack(about: Mapping[str, Any], data: bytes = b"") -> bytes:
    """Return a state as bytes. Inverse of `unpack`."""
    text = json.dumps(about, ensure_ascii=False, allow_nan=False).encode()
    return MAGIC + _LENGTH.pack(len(text)) + text + data


def unpack(state: bytes | None) -> tuple[dict[str, Any], bytes]:
    """Return the JSON and the rest, empty for no state. Raises FederatedError for bytes that `pack` did not write."""
    if not state:
        return {}, b""
    try:
        (length,) = _LENGTH.unpack_from(state, len(MAGIC))
        start = len(MAGIC) + _LENGTH.size
        if state[: len(MAGIC)] != MAGIC or start + length > len(state):
            raise ValueError("its head is another")
        return dict(json.loads(state[start : start + length])), state[start + length :]
    except (struct.error, ValueError, TypeError) as error:
        raise FederatedError(
            f"The state of the campaign cannot be read ({error}). Restore a copy, or stop it and start another."
        ) from None


def load(state: bytes | None, campaign: Campaign) -> tuple[dict[str, Any], bytes]:
    """Return the values and the data of a campaign's state; the values of the next state begin with them.

    Raises:
        FederatedError: The state cannot be read, or is that of another campaign.
    """
    known, data = unpack(state)
    owner = known.setdefault("campaign", campaign.id)  # states of the first version do not name it
    if owner != campaign.id:
        raise FederatedError(
            f"The state is that of campaign {owner}, not of {campaign.id}. Restore a copy of the campaign's own."
        )
    return known, data
