"""A sum: what a round came to, with what was asked for."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from keyart.campaigns.offer import MAGIC, Offer
from keyart.campaigns.vector_layout import Places
from keyart_federated.learning import guard

from .state_codec import unpack


@dataclass(frozen=True)
class Sum:
    """total [offer.size]: with its noise. survivors: devices whose vectors are in it. waiting: as `Asked` had it."""

    offer: Offer
    total: npt.NDArray[np.int64]
    survivors: int
    waiting: bytes = b""

    @property
    def variance(self) -> float:
        """Of the noise in each entry, all devices' together."""
        return float(self.offer.variance * self.survivors)

    def check(self, layout: Places, signal: float | None = None) -> float:
        """Raises RoundFailed for a sum that no honest devices make: `guard.check`, of whose answers signal is one."""
        return guard.check(self.total, self.survivors, self.offer.variance, layout, signal)

    @property
    def about(self) -> Mapping[str, Any]:
        """What was kept while the round was open. at: Unix seconds, when it was asked."""
        return unpack(self.waiting)[0]

    def counted(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """Of a memory, with this round among those that were read."""
        return {**known, "at": self.about["at"], "done": known.get("done", 0) + 1}


def own(message: bytes) -> Offer:
    """What we signed and kept ourselves, so that no signature need be looked at."""
    parts, start = [], len(MAGIC)
    for _ in ("json", "payload"):
        (length,) = struct.unpack_from("<I", message, start)
        parts.append(message[start + 4 : start + 4 + length])
        start += 4 + length
    document = json.loads(parts[0])
    del document["protocol"]
    return Offer(**document, payload=parts[1])
