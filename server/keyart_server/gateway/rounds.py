"""What does not change in a round, kept in memory for the many requests that need it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from keyart.secagg import AggregationParameters, Stage
from keyart.secagg.graph import MAX_NEIGHBOURS
from keyart.secagg.identity import RECORD_BYTES
from keyart.secagg.key_agreement import KEY_BYTES
from keyart.secagg.messages import HEADER_BYTES, SEALED_BYTES
from keyart.secagg.shamir import SHARE_BYTES

from ..state import State
from ..state.tables import RoundRow

MOST_ROUNDS: Final = 256


@dataclass(frozen=True, slots=True)
class Known:
    """id: in hex. key: makes its tickets. low, high, wanted: as in `rounds.Round`."""

    id: str
    terms: AggregationParameters
    key: bytes = field(repr=False)
    low: float
    high: float
    wanted: int

    def most_bytes(self, stage: Stage) -> int:
        """Of a device's answer; exact lengths are looked at later."""
        of = {
            Stage.KEYS: RECORD_BYTES,
            Stage.SHARE: 2 * KEY_BYTES + MAX_NEIGHBOURS * SEALED_BYTES,
            Stage.MASKED: MAX_NEIGHBOURS * SHARE_BYTES + self.terms.vector_bytes,
            Stage.UNMASK: MAX_NEIGHBOURS // 8 + 2 * MAX_NEIGHBOURS * SHARE_BYTES + SEALED_BYTES,
        }
        return HEADER_BYTES + of[stage]


class Rounds:
    """Those of this database, read once each."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._known: OrderedDict[str, Known] = OrderedDict()

    def known(self, round_id: str) -> Known | None:
        """Without the database; None: `find` it."""
        return self._known.get(round_id)

    def find(self, round_id: str) -> Known | None:
        """Asks the database; None where there is no such round."""
        columns = (RoundRow.terms, RoundRow.key, RoundRow.low, RoundRow.high, RoundRow.wanted)
        with self._state.reading() as session:
            row = session.execute(select(*columns).where(RoundRow.id == round_id)).one_or_none()
        if row is None:
            return None
        found = Known(round_id, AggregationParameters.from_bytes(row.terms), row.key, row.low, row.high, row.wanted)
        self._known[round_id] = found
        if len(self._known) > MOST_ROUNDS:
            self._known.popitem(last=False)
        return found
