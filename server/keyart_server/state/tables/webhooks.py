"""Tables of webhooks: receivers, their deliveries, and how far the audit log has been turned into deliveries."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import MAX_NAME_LENGTH, TableBase

MAX_URL_LENGTH = 500  # characters


class WebhookRow(TableBase):
    """A receiver of events, see `webhooks.Webhook`.

    `events` are separated by spaces; `secret` and `previous_secret` are sealed.
    """

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH))
    url: Mapped[str] = mapped_column(String(MAX_URL_LENGTH))
    events: Mapped[str] = mapped_column(String(400))
    secret: Mapped[bytes]
    previous_secret: Mapped[bytes | None]
    previous_until: Mapped[datetime | None]
    created: Mapped[datetime]
    failing_since: Mapped[datetime | None]
    disabled: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(String(400))


class DeliveryRow(TableBase):
    """A message to one receiver, see `webhooks.Delivery`; `due` is None once it was delivered or given up."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_webhook_created", "webhook_id", "created"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(64))
    body: Mapped[str]
    standing: Mapped[str] = mapped_column(String(16))
    created: Mapped[datetime]
    attempts: Mapped[int]
    due: Mapped[datetime | None] = mapped_column(index=True)
    changed: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(200))


class WebhookCursorRow(TableBase):
    """The audit row up to which deliveries exist, in the single row of this table; writers lock it.

    `budget_low` tells whether the warning about the budget was sent for the present amount.
    """

    __tablename__ = "webhook_cursor"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]
    budget_low: Mapped[bool]
