"""Tables of rounds: their status, and requests and submissions while they are active."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Double, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import DIGEST_HEX, MAX_NAME_LENGTH, TableBase


def _round() -> Mapped[str]:
    return mapped_column(ForeignKey("rounds.id", ondelete="CASCADE"), primary_key=True)


class RoundRow(TableBase):
    """A round, see `rounds.Round`.

    Its columns include the signed `offer`, the aggregation `parameters`, the charged mechanism `event`, the
    ticket `key`, the campaign's `waiting` state, the target cohort `wanted`, the stage timeout `patience` in seconds,
    the devices per stage (`keys`, `shares`, `masked`, `unmasked`), the noisy sum `total` (int64, little-endian) and
    the `result` as JSON. At its end a round loses `offer`, `waiting` and `total`.
    """

    __tablename__ = "rounds"
    __table_args__ = (UniqueConstraint("campaign_id", "number"),)

    id: Mapped[str] = mapped_column(String(DIGEST_HEX), primary_key=True)
    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"), index=True)
    number: Mapped[int]
    topic: Mapped[str] = mapped_column(String(256))
    standing: Mapped[str] = mapped_column(String(16), index=True)
    offer: Mapped[bytes]
    parameters: Mapped[bytes]
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
    result: Mapped[str]


class GatewayRow(TableBase):
    """A gateway: one cohort, one SuperNode; `last_heartbeat` is its time."""

    __tablename__ = "gateways"

    name: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH), primary_key=True)
    last_heartbeat: Mapped[datetime]


class MemberRow(TableBase):
    """A member of a round: its number and the sha256 of its certified key, so that no device joins twice."""

    __tablename__ = "members"
    __table_args__ = (UniqueConstraint("round_id", "device_key_hash"),)

    round_id: Mapped[str] = _round()
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    device_key_hash: Mapped[str] = mapped_column(String(DIGEST_HEX))
    gateway: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH))


class ExcludedDeviceRow(TableBase):
    """A device that a campaign excludes, by the sha256 of its certified key; `number` is the round that it spoilt."""

    __tablename__ = "excluded"

    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True)
    device_key_hash: Mapped[str] = mapped_column(String(DIGEST_HEX), primary_key=True)
    number: Mapped[int]
    at: Mapped[datetime]


class WindowRow(TableBase):
    """A stage of a round at a gateway, which accepts submissions until `closes` or until `due` have arrived."""

    __tablename__ = "windows"

    round_id: Mapped[str] = _round()
    stage: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    gateway: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH), primary_key=True)
    due: Mapped[int]
    closes: Mapped[datetime]
    closed: Mapped[bool]


class StageRequestRow(TableBase):
    """A request to a member at a stage; `packets` counts the packets in it at the stage of masked vectors."""

    __tablename__ = "asks"

    round_id: Mapped[str] = _round()
    stage: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    packets: Mapped[int]
    message: Mapped[bytes]


class SubmissionRow(TableBase):
    """A submission; of a masked vector only the pads, since `partials` holds the vectors.

    `digest` is the sha256 of the whole submission, so that a repetition is recognised.
    """

    __tablename__ = "answers"
    __table_args__ = (Index("ix_answers_gateway", "round_id", "stage", "gateway"),)

    round_id: Mapped[str] = _round()
    stage: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    gateway: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH))
    digest: Mapped[bytes]
    body: Mapped[bytes]


class PartialSumRow(TableBase):
    """The sum of masked vectors that were stored together, in the lanes of the round's parameters."""

    __tablename__ = "partials"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    round_id: Mapped[str] = mapped_column(ForeignKey("rounds.id", ondelete="CASCADE"), index=True)
    gateway: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH))
    lanes: Mapped[bytes]


class EnrolledDeviceRow(TableBase):
    """A certified device key; `by` is the name of the token that enrolled it."""

    __tablename__ = "enrolled"

    device_key_hash: Mapped[str] = mapped_column(String(DIGEST_HEX), primary_key=True)
    by: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH + 20))
    at: Mapped[datetime]
    expires: Mapped[datetime]


class EnrolmentCountRow(TableBase):
    """The number of certificates that a token got in an hour; the audit log gets one row per hour."""

    __tablename__ = "enrolments"

    hour: Mapped[datetime] = mapped_column(primary_key=True)
    by: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH + 20), primary_key=True)
    count: Mapped[int]
