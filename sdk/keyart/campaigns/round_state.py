"""Rounds in progress: the signed offer and the session of its sum, as the store keeps them between two messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from ..errors import MessageError, StoreDamaged
from ..secagg import DeviceSession, Stage, session_codec
from ..store import open_rounds
from .offer import Offer


@dataclass(frozen=True, slots=True)
class RoundProgress:
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
class OpenRound:
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
        """True once the masked vector has been worked out, and so counts as sent."""
        return len(self.session.answers) >= Stage.MASKED

    @property
    def progress(self) -> RoundProgress:
        """See `Progress`."""
        offer, stage = self.offer, Stage(len(self.session.answers)).name.lower()
        return RoundProgress(offer.campaign, offer.purpose, offer.round, offer.rounds, stage, offer.not_after)

    def after(self, session: DeviceSession) -> OpenRound:
        """With the session as it is after a message."""
        return replace(self, session=session)

    def to_bytes(self) -> bytes:
        """Return the record of the store."""
        return open_rounds.pack(self.offer.not_after, self.message, session_codec.session_to_bytes(self.session))

    @classmethod
    def from_bytes(cls, data: bytes, servers: Iterable[bytes]) -> Self | None:
        """None: no server whose offers count here any more has signed it. Raises StoreDamaged."""
        message, session = open_rounds.unpack(data)
        try:
            offer = Offer.read(message, servers)
        except MessageError as error:
            raise StoreDamaged(f"The offer of a round in progress cannot be read: {error}") from None
        if offer is None:
            return None
        return cls(message, offer, session_codec.session_from_bytes(session))
