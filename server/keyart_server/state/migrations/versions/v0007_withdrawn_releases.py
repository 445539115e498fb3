"""Gives withdrawn releases a share of 0; adds the share that a release reached, and the rollback in its place."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Double

revision = "0007"
down_revision = "0006"

# A rollback follows the release that it replaces, and has the weights of an older one. No campaign makes it.
ROLLBACK = """
UPDATE releases SET replaced_by = (
    SELECT MIN(later.version) FROM releases AS later
    WHERE later.base = releases.version AND later.campaign_id IS NULL AND later.origin < later.base
) WHERE standing = 'withdrawn' AND reached > 0
"""


def upgrade() -> None:
    """Add the columns and fill them from what the rows say."""
    op.add_column("releases", Column("reached", Double, server_default="0", nullable=False))
    op.execute("ALTER TABLE releases ADD COLUMN replaced_by BIGINT")
    op.execute("UPDATE releases SET reached = share")
    op.execute("UPDATE releases SET share = 0 WHERE standing = 'withdrawn'")
    op.execute(ROLLBACK)
