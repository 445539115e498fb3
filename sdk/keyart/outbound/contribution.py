"""Contributions: the log of what left the device. No title and no person is in it."""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass

from ..errors import StoreDamaged


@dataclass(frozen=True, slots=True)
class Contribution:
    """One vector that this device handed in. at: when, ISO 8601 with a zone. kind, campaign, round: what it was for.

    size_bytes: of the vector. masked, noise_multiplier: how the sum is protected, as the offer said.
    """

    at: str
    kind: str
    campaign: str
    round: int
    size_bytes: int
    masked: bool
    noise_multiplier: float

    def to_bytes(self) -> bytes:
        """As the store keeps it."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Contribution:
        """Raises StoreDamaged for bytes that are none."""
        try:
            entry = cls(**json.loads(data))
            if [type(value) for value in astuple(entry)] != [str, str, str, int, int, bool, float]:
                raise TypeError
            return entry
        except (ValueError, TypeError, RecursionError) as error:
            raise StoreDamaged(
                f"A record of what left the device cannot be read ({type(error).__name__}); update keyart."
            ) from None
