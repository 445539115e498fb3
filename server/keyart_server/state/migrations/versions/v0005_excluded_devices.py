"""Adds the devices that are excluded from a campaign, by the hashes of their keys."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, ForeignKey, Integer, String

from keyart_server.state.column_types import Instant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table, which nothing refers to."""
    op.create_table(
        "excluded",
        Column(
            "campaign_id",
            String(32),
            ForeignKey("campaigns.id", name="fk_excluded_campaign_id_campaigns", ondelete="CASCADE"),
            primary_key=True,
        ),
        Column("device_key_hash", String(64), primary_key=True),
        Column("number", Integer, nullable=False),
        Column("at", Instant, nullable=False),
    )
