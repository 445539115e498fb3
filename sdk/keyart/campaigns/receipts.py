"""Receipts: the log of what left the device. It names no title and no person."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from ..dp.clip import integer_norm
from ..errors import StoreDamaged
from .budget import Charge


@dataclass(frozen=True, slots=True)
class Contribution:
    """The receipt of one vector that this device sent.

    Attributes:
        at: Time, ISO 8601 with a zone.
        kind: Kind of the campaign.
        campaign: Name of the campaign.
        round: Number of the round.
        size_bytes: Size of the message.
        masked: True if only the sum could be read.
        noise_multiplier: Standard deviation of the noise in the sum, divided by the bound on the vector's norm.
        topic: As in `Offer`; this and the following are empty for unprotected rounds.
        purpose: As in `Offer`.
        clip: As in `Offer`.
        units: As in `Offer`.
        entries: Entries of the vector.
        minimum_devices: As in `Offer`.
        epsilon: Privacy loss of all rounds up to this one, at `delta`.
        delta: δ of `epsilon`.
        round_id: Id of the round, in hex.
    """

    at: str
    kind: str
    campaign: str
    round: int
    size_bytes: int
    masked: bool
    noise_multiplier: float
    topic: str = ""
    purpose: str = ""
    clip: float = 0.0
    units: int = 0
    entries: int = 0
    minimum_devices: int = 0
    epsilon: float = 0.0
    delta: float = 0.0
    round_id: str = ""

    @property
    def charge(self) -> Charge | None:
        """Return the charge; None if there is no bound, since nothing protected the vector."""
        if not self.round_id:
            return None
        return Charge(self.noise_multiplier, integer_norm(self.units, self.entries), self.entries)

    def to_bytes(self) -> bytes:
        """Return the record of the store."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Contribution:
        """Decode a record. Records from before protected rounds end at `noise_multiplier`.

        Raises:
            StoreDamaged: The bytes are not a record.
        """
        try:
            entry = cls(**json.loads(data))
            if any(type(getattr(entry, one.name)).__name__ != one.type for one in fields(cls)):
                raise TypeError
            return entry
        except (ValueError, TypeError, RecursionError) as error:
            raise StoreDamaged(
                f"A record of what left the device cannot be read ({type(error).__name__}); update keyart."
            ) from None
