"""A private sum: the result of a round's secure aggregation, with the offer that it answers."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keyart.campaigns import OFFER_MAGIC, Offer

from ..types import Integers
from . import guard
from .honest_vectors import HonestVectors
from .state_codec import unpack


@dataclass(frozen=True)
class PrivateSum:
    """A noised sum.

    Attributes:
        offer: The offer that the devices answered.
        total: The sum with its noise, [offer.size].
        survivors: Number of devices whose vectors are in it.
        pending: `RoundRequest.pending` of the round.
    """

    offer: Offer
    total: Integers
    survivors: int
    pending: bytes = b""

    @property
    def variance(self) -> float:
        """Variance of the noise in each entry, that of all devices together."""
        return float(self.offer.variance * self.survivors)

    def check(self, honest: HonestVectors, signal: float | None = None) -> float:
        """Raise SumRefused for a sum that no honest devices make (`guard.check`, which also explains `signal`)."""
        return guard.check(self.total, self.survivors, self.offer.variance, honest, signal, self.offer.units)

    @property
    def about(self) -> Mapping[str, Any]:
        """The values that were kept while the round was open. "at" is when it was asked, in Unix seconds."""
        return unpack(self.pending)[0]

    def counted(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a state with this round among those that were read."""
        about = self.about
        turn = {name: about[name] for name in ("began", "turn") if name in about}
        return {**known, "at": about["at"], "done": known.get("done", 0) + 1, **turn}


def own_offer(message: bytes) -> Offer:
    """Return the offer in a message that this server signed and kept itself, without a look at the signature."""
    parts, start = [], len(OFFER_MAGIC)
    for _ in ("json", "payload"):
        (length,) = struct.unpack_from("<I", message, start)
        parts.append(message[start + 4 : start + 4 + length])
        start += 4 + length
    document = json.loads(parts[0])
    del document["protocol"]
    return Offer(**document, payload=parts[1])
