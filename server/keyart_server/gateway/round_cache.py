"""Caches the constant properties of rounds for the many requests that need them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from keyart.secagg import (
    DIGESTS_BYTES,
    HEADER_BYTES,
    KEY_BYTES,
    KEYS_BYTES,
    MAX_NEIGHBOURS,
    SEALED_BYTES,
    SHARE_BYTES,
    AggregationParameters,
    Stage,
)

from ..state import ServerState
from ..state.tables import RoundRow

MAX_ROUNDS: Final = 256


@dataclass(frozen=True, slots=True)
class CachedRound:
    """The constant properties of a round.

    Attributes:
        id: id in hex.
        campaign_id: the campaign that it belongs to.
        key: secret key of its tickets.
        low: lower end of its sampling bucket range [low, high).
        high: upper end of that range.
        wanted: target cohort, in devices.
    """

    id: str
    campaign_id: str
    parameters: AggregationParameters
    key: bytes = field(repr=False)
    low: float
    high: float
    wanted: int

    def max_bytes(self, stage: Stage) -> int:
        """Return the maximum length of a submission at a stage; exact lengths are checked later."""
        neighbours = min(MAX_NEIGHBOURS, self.wanted - 1)
        body_bytes = {
            Stage.KEYS: KEYS_BYTES,
            Stage.SHARE: 2 * KEY_BYTES + neighbours * (SEALED_BYTES + DIGESTS_BYTES),
            Stage.MASKED: neighbours * SHARE_BYTES + self.parameters.vector_bytes,
            Stage.UNMASK: neighbours // 8 + 1 + 2 * neighbours * SHARE_BYTES + SEALED_BYTES,
        }
        return HEADER_BYTES + body_bytes[stage]


class RoundCache:
    """The rounds of this database, each read once."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._cache: OrderedDict[str, CachedRound] = OrderedDict()

    def cached(self, round_id: str) -> CachedRound | None:
        """Return the round if it is cached, without the database."""
        return self._cache.get(round_id)

    def find(self, round_id: str) -> CachedRound | None:
        """Read the round from the database; None if it does not exist."""
        columns = (
            RoundRow.campaign_id, RoundRow.parameters, RoundRow.key, RoundRow.low, RoundRow.high, RoundRow.wanted
        )  # fmt: skip
        with self._state.reading() as session:
            row = session.execute(select(*columns).where(RoundRow.id == round_id)).one_or_none()
        if row is None:
            return None
        parameters = AggregationParameters.from_bytes(row.parameters)
        cached = CachedRound(round_id, row.campaign_id, parameters, row.key, row.low, row.high, row.wanted)
        self._cache[round_id] = cached
        if len(self._cache) > MAX_ROUNDS:
            self._cache.popitem(last=False)
        return cached
