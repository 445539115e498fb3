"""Names three columns after what they hold: a round's parameters and result, and a gateway's last heartbeat."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

RENAMED = (
    ("rounds", "terms", "parameters"),
    ("rounds", "told", "result"),
    ("gateways", "heard", "last_heartbeat"),
)


def upgrade() -> None:
    """Rename the columns, which both databases do in place."""
    for table, old, new in RENAMED:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
