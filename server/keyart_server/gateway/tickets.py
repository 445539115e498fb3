"""Tickets: identify a device within a round without a signature. Pure.

    NUMBER.GATEWAY.KEY.MAC

The number is random, the gateway is the cohort that the device joined, and KEY is the sha256 of the certified key
that has registered. The MAC is HMAC-SHA256 over round, number, key and gateway with the round's own key, truncated to
128 bits (RFC 2104, section 5). The holder of the round's key can compute a ticket again, so none is stored.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Final

from keyart.errors import MessageError, SettingError

NUMBER_BYTES: Final = 4
_MAC_HEX: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_KEY: Final = "[0-9a-f]{64}"
_TICKET: Final = re.compile(rf"(0|[1-9][0-9]{{0,9}})\.({_NAME.pattern})\.({_KEY})\.[0-9a-f]{{{_MAC_HEX}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A device's ticket.

    Attributes:
        number: 32-bit number of the device in the round.
        gateway: the cohort that it joined.
        key_hash: sha256 of the device's certified key, in hex.
    """

    number: int
    gateway: str
    key_hash: str

    def to_text(self, key: bytes, round_id: bytes) -> str:
        """Return the text of the ticket, with a MAC under the round's key."""
        number, key_hash = self.number.to_bytes(NUMBER_BYTES, "little"), bytes.fromhex(self.key_hash)
        mac = hmac.digest(key, round_id + number + key_hash + self.gateway.encode(), "sha256").hex()
        return f"{self.number}.{self.gateway}.{self.key_hash}.{mac[:_MAC_HEX]}"

    @classmethod
    def from_text(cls, text: str, key: bytes, round_id: bytes) -> Ticket:
        """Parse a ticket; every wrong MAC takes the same time. Raises MessageError."""
        parts = _TICKET.fullmatch(text)
        if parts is not None and (number := int(parts[1])) < 1 << 8 * NUMBER_BYTES:
            ticket = cls(number, parts[2], parts[3])
            if hmac.compare_digest(ticket.to_text(key, round_id), text):
                return ticket
        raise MessageError("This is not a ticket of this round; submit the keys again to get the ticket.")


def check_name(gateway: str) -> str:
    """Return the name if it can be part of a ticket. Raises SettingError."""
    if not _NAME.fullmatch(gateway):
        raise SettingError(f"{gateway!r} is not a valid gateway name: use 1 to 64 letters, digits, - and _.")
    return gateway
