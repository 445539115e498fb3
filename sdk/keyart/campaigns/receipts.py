"""Contributions: the log of what left the device. No title and no person is in it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from ..dp.clip import integer_norm
from ..errors import StoreDamaged
from .budget import Charge


@dataclass(frozen=True, slots=True)
class Contribution:
    """One vector that this device handed in. at: when, ISO 8601 with a zone. kind, campaign, round: what it was for.

    size_bytes: of the message. masked: whether nobody could read the vector. noise_multiplier: deviation of the noise
    in the sum, over the most that the vector measures. The rest is of protected rounds, and empty for others: topic,
    purpose, clip, units, entries, minimum_devices as in `Offer`; epsilon: what all rounds up to this one may give
    away together, at `delta`; round_id: in hex.
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
        """The privacy cost. None if there is no bound, since nothing protected the vector."""
        if not self.round_id:
            return None
        return Charge(self.noise_multiplier, integer_norm(self.units, self.entries), self.entries)

    def to_bytes(self) -> bytes:
        """Return the record of the store."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Contribution:
        """Records of before there were protected rounds end at `noise_multiplier`. Raises StoreDamaged."""
        try:
            entry = cls(**json.loads(data))
            if any(type(getattr(entry, one.name)).__name__ != one.type for one in fields(cls)):
                raise TypeError
            return entry
        except (ValueError, TypeError, RecursionError) as error:
            raise StoreDamaged(
                f"A record of what left the device cannot be read ({type(error).__name__}); update keyart."
            ) from None
