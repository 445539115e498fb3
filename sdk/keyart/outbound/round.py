"""Rounds in progress: the signed offer and the session of its sum, as the store keeps them between two messages."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Self

from ..errors import MessageError, StoreDamaged
from ..store.database import Store, Table
from .offer import Offer
from .sums import DeviceSession, Stage

VERSION: Final = 1

_HEAD = struct.Struct("<BQI")  # version, not_after, length of the offer


@dataclass(frozen=True, slots=True)
class Progress:
    """A round in progress, for a person to look at. stage: what was answered last: keys, share, masked, unmask.

    not_after: Unix seconds, when it is dropped.
    """

    campaign: str
    purpose: str
    round: int
    rounds: int
    stage: str
    not_after: int


@dataclass(frozen=True, slots=True)
class Round:
    """message: the signed offer, as it came."""

    message: bytes
    offer: Offer
    session: DeviceSession

    @property
    def id(self) -> bytes:
        """[32]: of its terms, as in every message of the sum."""
        return self.session.terms.round_id

    @property
    def has_sent(self) -> bool:
        """Whether the masked vector has been worked out, and so counts as sent."""
        return len(self.session.answers) >= Stage.MASKED

    @property
    def progress(self) -> Progress:
        """See `Progress`."""
        offer, stage = self.offer, Stage(len(self.session.answers)).name.lower()
        return Progress(offer.campaign, offer.purpose, offer.round, offer.rounds, stage, offer.not_after)

    def after(self, session: DeviceSession) -> Round:
        """With the session as it is after a message."""
        return replace(self, session=session)

    def to_bytes(self) -> bytes:
        """As the store keeps it."""
        head = _HEAD.pack(VERSION, self.offer.not_after, len(self.message))
        return head + self.message + self.session.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes, servers: Iterable[bytes]) -> Self | None:
        """None: no server whose offers count here any more has signed it. Raises StoreDamaged."""
        _, length = _head(data)
        message = data[_HEAD.size : _HEAD.size + length]
        try:
            offer = Offer.read(message, servers)
        except MessageError as error:
            raise StoreDamaged(f"The offer of a round in progress cannot be read: {error}") from None
        if offer is None:
            return None
        return cls(message, offer, DeviceSession.from_bytes(data[_HEAD.size + length :]))


def drop(store: Store, over: float = math.inf) -> None:
    """Forgets the rounds that end before `over` (Unix seconds); without it, all. What was charged stays charged."""
    gone = [round_id for round_id, data in store.scan(Table.ROUND) if _head(data)[0] < over]
    if gone:
        with store.transaction():
            for round_id in gone:
                store.delete(Table.ROUND, round_id)


def _head(data: bytes) -> tuple[int, int]:
    if len(data) < _HEAD.size or data[0] != VERSION:
        raise StoreDamaged("A round in progress cannot be read; update keyart.")
    _, until, length = _HEAD.unpack_from(data)
    return until, length
