"""Adds the versions of the catalogue, which every process of a fleet's server reads."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer, LargeBinary, String

from keyart_server.state.column_types import Instant

revision = "0009"
down_revision = "0007"


def upgrade() -> None:
    """Create the table; the next start adds the catalogue that the data folder holds."""
    op.create_table(
        "catalogs",
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("digest", String(64), nullable=False),
        Column("size_bytes", Integer, nullable=False),
        Column("summary", String, nullable=False),
        Column("actor", String(140), nullable=False),
        Column("at", Instant, nullable=False),
        Column("content", LargeBinary),
    )
    op.create_index("ix_catalogs_digest", "catalogs", ["digest"])
