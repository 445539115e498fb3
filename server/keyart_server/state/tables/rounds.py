"""Rounds of sums: where each stands, and while it goes on, what was asked and answered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Double, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import DIGEST_HEX, MAX_NAME_LENGTH, TableBase


def _round() -> Mapped[str]:
    return mapped_column(ForeignKey("rounds.id", ondelete="CASCADE"), primary_key=True)


class RoundRow(TableBase):
    """One sum: see `rounds.Round`. offer: the signed message. terms: of the sum. event: what it costs (`budget`).
    key: makes the tickets of this round. waiting: what the campaign needs to read the answer. low, high: where the
    draws lie of those that are asked. wanted: of devices, the most. patience: seconds that a stage may take. keys,
    shares, masked, unmasked: how many have answered at each stage. total: int64, little-endian, with its noise. told:
    what the campaign read in it, JSON. With its end a round loses its offer, `waiting` and `total`."""

    __tablename__ = "rounds"
    __table_args__ = (UniqueConstraint("campaign_id", "number"),)

    id: Mapped[str] = mapped_column(String(DIGEST_HEX), primary_key=True)
    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"), index=True)
    number: Mapped[int]
    topic: Mapped[str] = mapped_column(String(256))
    standing: Mapped[str] = mapped_column(String(16), index=True)
    offer: Mapped[bytes]
    terms: Mapped[bytes]
    event: Mapped[str]
    key: Mapped[bytes]
    waiting: Mapped[bytes]
    low: Mapped[float] = mapped_column(Double)
    high: Mapped[float] = mapped_column(Double)
    wanted: Mapped[int]
    patience: Mapped[float] = mapped_column(Double)
    opened: Mapped[datetime]
    changed: Mapped[datetime]
    keys: Mapped[int]
    shares: Mapped[int]
    masked: Mapped[int]
    unmasked: Mapped[int]
    failure: Mapped[str] = mapped_column(String(400))
    total: Mapped[bytes | None]
    told: Mapped[str]


class GatewayRow(TableBase):
    """A gateway by its name: one cohort, one SuperNode. heard: when its relay or its door last said something."""

    __tablename__ = "gateways"

    name: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH), primary_key=True)
    heard: Mapped[datetime]


class MemberRow(TableBase):
    """Who takes part in a round: a number, and the sha256 of the certified key, so that nobody is in it twice."""

    __tablename__ = "members"
    __table_args__ = (UniqueConstraint("round_id", "device_key_hash"),)

    round_id: Mapped[str] = _round()
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    device_key_hash: Mapped[str] = mapped_column(String(DIGEST_HEX))
    gateway: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH))


class WindowRow(TableBase):
    """A stage of a round at a gateway, while answers are taken: until `closes`, or until `due` have come."""

    __tablename__ = "windows"

    round_id: Mapped[str] = _round()
    stage: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    gateway: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH), primary_key=True)
    due: Mapped[int]
    closes: Mapped[datetime]
    closed: Mapped[bool]


class StageRequestRow(TableBase):
    """What a member is asked at a stage. packets: at the stage of masked vectors, how many its question holds."""

    __tablename__ = "asks"

    round_id: Mapped[str] = _round()
    stage: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    packets: Mapped[int]
    message: Mapped[bytes]


class SubmissionRow(TableBase):
    """What a member has answered; of a masked vector only the pads, since the vector itself is in `partials`.
    digest: sha256 of the whole answer: the same one again is no replay."""

    __tablename__ = "answers"
    __table_args__ = (Index("ix_answers_gateway", "round_id", "stage", "gateway"),)

    round_id: Mapped[str] = _round()
    stage: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    gateway: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH))
    digest: Mapped[bytes]
    body: Mapped[bytes]


class PartialSumRow(TableBase):
    """The sum of masked vectors that came in together, in the lanes of the round's terms."""

    __tablename__ = "partials"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    round_id: Mapped[str] = mapped_column(ForeignKey("rounds.id", ondelete="CASCADE"), index=True)
    gateway: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH))
    lanes: Mapped[bytes]


class EnrolledDeviceRow(TableBase):
    """A key that was certified as a device's. by: the name of the token that vouched for it."""

    __tablename__ = "enrolled"

    device_key_hash: Mapped[str] = mapped_column(String(DIGEST_HEX), primary_key=True)
    by: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH + 20))
    at: Mapped[datetime]
    expires: Mapped[datetime]


class EnrolmentCountRow(TableBase):
    """How many certificates a token has had in an hour; once it is over, the audit log tells that in one row."""

    __tablename__ = "enrolments"

    hour: Mapped[datetime] = mapped_column(primary_key=True)
    by: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH + 20), primary_key=True)
    count: Mapped[int]
