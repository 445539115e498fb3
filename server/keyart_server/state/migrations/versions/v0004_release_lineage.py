"""Adds what the weights of a release are and where they come from, so that withdrawn ones are recognised."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add two empty columns; the server fills them from the published bundles at its start."""
    op.execute("ALTER TABLE releases ADD COLUMN weights VARCHAR(64)")
    op.execute("ALTER TABLE releases ADD COLUMN origin BIGINT")
