"""Adds idempotency keys, and the reason why a campaign begins no round now."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, LargeBinary, String

from keyart_server.state.column_types import Instant

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the table, which nothing refers to, and a column that is empty until the engine's next step."""
    op.create_table(
        "idempotency_keys",
        Column("key_hash", String(64), primary_key=True),
        Column("request_hash", String(64), nullable=False),
        Column("answer", LargeBinary, nullable=False),
        Column("at", Instant, nullable=False),
    )
    op.create_index("ix_idempotency_keys_at", "idempotency_keys", ["at"])
    op.execute("ALTER TABLE campaigns ADD COLUMN waiting VARCHAR(400) DEFAULT '' NOT NULL")
