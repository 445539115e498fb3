"""Tickets: by which a device says in a round who it is, without its key. Pure.

    NUMBER.GATEWAY.MAC

The number is random, the gateway is the cohort in which it joined, and the MAC is HMAC-SHA256 over round, number and
gateway with the round's own key, cut to 128 bits (RFC 2104, section 5). Whoever has the key makes the same ticket
again, so none is stored.
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
    """number: of the device in the round, 32 bits. gateway: in whose cohort it is."""

    number: int
    gateway: str

    def to_text(self, key: bytes, round_id: bytes) -> str:
        """key: of the round."""
        signed = round_id + self.number.to_bytes(NUMBER_BYTES, "little") + self.gateway.encode()
        return f"{self.number}.{self.gateway}.{hmac.digest(key, signed, 'sha256').hex()[:_MAC_HEX]}"

    @classmethod
    def from_text(cls, text: str, key: bytes, round_id: bytes) -> Ticket:
        """Takes the same time for every wrong MAC. Raises MessageError for whatever is no ticket of this round."""
        parts = _TICKET.fullmatch(text)
        if parts is not None and (number := int(parts[1])) < 1 << 8 * NUMBER_BYTES:
            ticket = cls(number, parts[2])
            if hmac.compare_digest(ticket.to_text(key, round_id), text):
                return ticket
        raise MessageError("This is no ticket of this round; hand in the keys again, and take the ticket from there.")


def check_name(gateway: str) -> str:
    """The name, if it can stand in a ticket. Raises SettingError."""
    if not _NAME.fullmatch(gateway):
        raise SettingError(
            f"A gateway cannot be named {gateway!r}: take 1 to 64 of the letters a to z, A to Z, digits, - and _."
        )
    return gateway
