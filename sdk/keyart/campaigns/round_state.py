"""Rounds in progress, as the store keeps them between messages: the signed offer and the session of its sum."""

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
    """A round in progress, for a person to look at.

    Attributes:
        campaign: Name of the campaign.
        purpose: A sentence for the person.
        round: Number of the round.
        rounds: Number of rounds of the campaign.
        stage: Last stage that was answered: keys, share, masked or unmask.
        not_after: Unix seconds when it is dropped.
    """

    campaign: str
    purpose: str
    round: int
    rounds: int
    stage: str
    not_after: int


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A round in progress. `message` is the signed offer, as it came."""

    message: bytes
    offer: Offer
    session: DeviceSession

    @property
    def id(self) -> bytes:
        """Return the id of the round, [32], as in every message of it."""
        return self.session.terms.round_id

    @property
    def has_sent(self) -> bool:
        """Return True once the masked vector has been worked out, and so counts as sent."""
        return len(self.session.answers) >= Stage.MASKED

    @property
    def progress(self) -> RoundProgress:
        """Return the progress of the round."""
        offer, stage = self.offer, Stage(len(self.session.answers)).name.lower()
        return RoundProgress(offer.campaign, offer.purpose, offer.round, offer.rounds, stage, offer.not_after)

    def after(self, session: DeviceSession) -> OpenRound:
        """Return the round with the session after a message."""
        return replace(self, session=session)

    def to_bytes(self) -> bytes:
        """Return the record of the store."""
        return open_rounds.pack(self.offer.not_after, self.message, session_codec.session_to_bytes(self.session))

    @classmethod
    def from_bytes(cls, data: bytes, servers: Iterable[bytes]) -> Self | None:
        """Decode a record; None if no server whose offers count has signed it.

        Raises:
            StoreDamaged: The bytes are not a record.
        """
        message, session = open_rounds.unpack(data)
        try:
            offer = Offer.read(message, servers)
        except MessageError as error:
            raise StoreDamaged(f"The offer of a round in progress cannot be read: {error}") from None
        if offer is None:
            return None
        return cls(message, offer, session_codec.session_from_bytes(session))
