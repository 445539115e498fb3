"""Tables of campaigns, their state between rounds, and the privacy budget."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Double, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import MAX_NAME_LENGTH, TableBase


class CampaignRow(TableBase):
    """A campaign, see `campaigns.Campaign`; `waiting` is why the engine begins no round now, or ""."""

    __tablename__ = "campaigns"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH))
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), index=True)
    epsilon: Mapped[float | None] = mapped_column(Double)
    delta: Mapped[float | None] = mapped_column(Double)
    rounds: Mapped[int]
    settings: Mapped[str]
    created: Mapped[datetime] = mapped_column(index=True)
    changed: Mapped[datetime]
    waiting: Mapped[str] = mapped_column(String(400), default="")


class CampaignStateRow(TableBase):
    """The state of a campaign between rounds: sums, never the contribution of one device."""

    __tablename__ = "memories"

    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int]
    data: Mapped[bytes]


class ChargeRow(TableBase):
    """A charged round, stored before a masked vector can leave a device.

    `event` is a mechanism as canonical JSON, [low, high) the sampling bucket range, `spent` the fleet's ε afterwards.
    """

    __tablename__ = "charges"

    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event: Mapped[str]
    low: Mapped[float] = mapped_column(Double)
    high: Mapped[float] = mapped_column(Double)
    spent: Mapped[float] = mapped_column(Double)
    at: Mapped[datetime]


class BudgetRow(TableBase):
    """The privacy budget of the fleet, in the single row of this table."""

    __tablename__ = "budget"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epsilon: Mapped[float] = mapped_column(Double)
    delta: Mapped[float] = mapped_column(Double)
