"""Tickets: identify a device within a round without its key. Pure.

    NUMBER.GATEWAY.MAC

The number is random and the gateway is the cohort that the device joined. The MAC is HMAC-SHA256 over round, number
and gateway with the round's own key, truncated to 128 bits (RFC 2104, section 5). The holder of the key can compute a
ticket again, so none is stored.
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
_TICKET: Final = re.compile(rf"(0|[1-9][0-9]{{0,9}})\.({_NAME.pattern})\.[0-9a-f]{{{_MAC_HEX}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A device's ticket.

    Attributes:
        number: 32-bit number of the device in the round.
        gateway: the cohort that it joined.
    """

    number: int
    gateway: str

    def to_text(self, key: bytes, round_id: bytes) -> str:
        """Return the text of the ticket, with a MAC under the round's key."""
        signed = round_id + self.number.to_bytes(NUMBER_BYTES, "little") + self.gateway.encode()
        return f"{self.number}.{self.gateway}.{hmac.digest(key, signed, 'sha256').hex()[:_MAC_HEX]}"

    @classmethod
    def from_text(cls, text: str, key: bytes, round_id: bytes) -> Ticket:
        """Parse a ticket; every wrong MAC takes the same time. Raises MessageError."""
        parts = _TICKET.fullmatch(text)
        if parts is not None and (number := int(parts[1])) < 1 << 8 * NUMBER_BYTES:
            ticket = cls(number, parts[2])
            if hmac.compare_digest(ticket.to_text(key, round_id), text):
                return ticket
        raise MessageError("This is not a ticket of this round; submit the keys again to get the ticket.")


def check_name(gateway: str) -> str:
    """Return the name if it can be part of a ticket. Raises SettingError."""
    if not _NAME.fullmatch(gateway):
        raise SettingError(f"{gateway!r} is not a valid gateway name: use 1 to 64 letters, digits, - and _.")
    return gateway
