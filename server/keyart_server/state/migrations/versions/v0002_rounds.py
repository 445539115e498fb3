"""Creates the tables of rounds, charges, enrolled devices and releases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from keyart_server.state.column_types import Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "budget",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epsilon", sa.Double(), nullable=False),
        sa.Column("delta", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_budget"),
    )
    op.create_table(
        "enrolled",
        sa.Column("device_key_hash", sa.String(64), nullable=False),
        sa.Column("by", sa.String(140), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("expires", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("device_key_hash", name="pk_enrolled"),
    )
    op.create_table(
        "enrolments",
        sa.Column("hour", Instant(), nullable=False),
        sa.Column("by", sa.String(140), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "by", name="pk_enrolments"),
    )
    op.create_table(
        "gateways",
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("heard", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_gateways"),
    )
    op.create_table(
        "charges",
        sa.Column("campaign_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("spent", sa.Double(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_charges_campaign_id_campaigns"),
        sa.PrimaryKeyConstraint("campaign_id", "number", name="pk_charges"),
    )
    op.create_table(
        "memories",
        sa.Column("campaign_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name="fk_memories_campaign_id_campaigns", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("campaign_id", name="pk_memories"),
    )
    op.create_table(
        "releases",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.String(32), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=True),
        sa.Column("standing", sa.String(16), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("files", sa.LargeBinary(), nullable=True),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("gates", sa.String(), nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("changed", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_releases_campaign_id_campaigns"),
        sa.PrimaryKeyConstraint("version", name="pk_releases"),
    )
    op.create_index("ix_releases_campaign_id", "releases", ["campaign_id"])
    op.create_index("ix_releases_standing", "releases", ["standing"])
    op.create_table(
        "rounds",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("campaign_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("topic", sa.String(256), nullable=False),
        sa.Column("standing", sa.String(16), nullable=False),
        sa.Column("offer", sa.LargeBinary(), nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("waiting", sa.LargeBinary(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("patience", sa.Double(), nullable=False),
        sa.Column("opened", Instant(), nullable=False),
        sa.Column("changed", Instant(), nullable=False),
        sa.Column("keys", sa.Integer(), nullable=False),
        sa.Column("shares", sa.Integer(), nullable=False),
        sa.Column("masked", sa.Integer(), nullable=False),
        sa.Column("unmasked", sa.Integer(), nullable=False),
        sa.Column("failure", sa.String(400), nullable=False),
        sa.Column("total", sa.LargeBinary(), nullable=True),
        sa.Column("told", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_rounds_campaign_id_campaigns"),
        sa.PrimaryKeyConstraint("id", name="pk_rounds"),
        sa.UniqueConstraint("campaign_id", "number", name="uq_rounds_campaign_id"),
    )
    op.create_index("ix_rounds_campaign_id", "rounds", ["campaign_id"])
    op.create_index("ix_rounds_standing", "rounds", ["standing"])
    op.create_table(
        "answers",
        sa.Column("round_id", sa.String(64), nullable=False),
        sa.Column("stage", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gateway", sa.String(120), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name="fk_answers_round_id_rounds", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("round_id", "stage", "number", name="pk_answers"),
    )
    op.create_index("ix_answers_gateway", "answers", ["round_id", "stage", "gateway"])
    op.create_table(
        "asks",
        sa.Column("round_id", sa.String(64), nullable=False),
        sa.Column("stage", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("packets", sa.Integer(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name="fk_asks_round_id_rounds", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("round_id", "stage", "number", name="pk_asks"),
    )
    op.create_table(
        "members",
        sa.Column("round_id", sa.String(64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device_key_hash", sa.String(64), nullable=False),
        sa.Column("gateway", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name="fk_members_round_id_rounds", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("round_id", "number", name="pk_members"),
        sa.UniqueConstraint("round_id", "device_key_hash", name="uq_members_round_id"),
    )
    op.create_table(
        "partials",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("round_id", sa.String(64), nullable=False),
        sa.Column("gateway", sa.String(120), nullable=False),
        sa.Column("lanes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name="fk_partials_round_id_rounds", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_partials"),
    )
    op.create_index("ix_partials_round_id", "partials", ["round_id"])
    op.create_table(
        "windows",
        sa.Column("round_id", sa.String(64), nullable=False),
        sa.Column("stage", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("gateway", sa.String(120), nullable=False),
        sa.Column("due", sa.Integer(), nullable=False),
        sa.Column("closes", Instant(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name="fk_windows_round_id_rounds", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("round_id", "stage", "gateway", name="pk_windows"),
    )
    op.add_column("campaigns", sa.Column("settings", sa.String(), nullable=False, server_default="{}"))
