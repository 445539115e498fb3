"""Adds identities of an OpenID provider, second factors, and webhooks with their deliveries."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, String

from keyart_server.state.column_types import Instant

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create the tables, and the column that says how a session began: the older ones began with a password."""
    op.execute("ALTER TABLE sessions ADD COLUMN factor VARCHAR(16) DEFAULT 'password' NOT NULL")
    _create_identities()
    _create_second_factors()
    _create_webhooks()


def _create_identities() -> None:
    op.create_table(
        "identities",
        Column("issuer", String(255), primary_key=True),
        Column("subject", String(255), primary_key=True),
        _person("identities", index=True),
        Column("created", Instant, nullable=False),
    )
    op.create_table(
        "used_sign_ins",
        Column("digest", String(64), primary_key=True),
        Column("expires", Instant, nullable=False, index=True),
    )


def _create_second_factors() -> None:
    op.create_table(
        "totp",
        _person("totp", primary_key=True),
        Column("secret", LargeBinary, nullable=False),
        Column("confirmed", Instant),
        Column("last_step", BigInteger, nullable=False),
    )
    op.create_table(
        "recovery_codes",
        _person("recovery_codes", primary_key=True),
        Column("digest", String(64), primary_key=True),
    )
    op.create_table(
        "challenges",
        Column("digest", String(64), primary_key=True),
        _person("challenges", index=True),
        Column("failures", Integer, nullable=False),
        Column("expires", Instant, nullable=False, index=True),
    )


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        Column("id", String(32), primary_key=True),
        Column("name", String(120), nullable=False),
        Column("url", String(500), nullable=False),
        Column("events", String(400), nullable=False),
        Column("secret", LargeBinary, nullable=False),
        Column("previous_secret", LargeBinary),
        Column("previous_until", Instant),
        Column("created", Instant, nullable=False),
        Column("failing_since", Instant),
        Column("disabled", Instant),
        Column("reason", String(400), nullable=False),
    )
    op.create_table(
        "deliveries",
        Column("id", String(32), primary_key=True),
        Column(
            "webhook_id",
            String(32),
            ForeignKey("webhooks.id", name="fk_deliveries_webhook_id_webhooks", ondelete="CASCADE"),
            nullable=False,
        ),
        Column("event", String(64), nullable=False),
        Column("body", String, nullable=False),
        Column("standing", String(16), nullable=False),
        Column("created", Instant, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("due", Instant, index=True),
        Column("changed", Instant, nullable=False),
        Column("outcome", String(200), nullable=False),
    )
    op.create_index("ix_deliveries_webhook_created", "deliveries", ["webhook_id", "created"])
    op.create_table(
        "webhook_cursor",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("number", Integer, nullable=False),
        Column("budget_low", Boolean, nullable=False),
    )


def _person(table: str, primary_key: bool = False, index: bool = False) -> Column[str]:
    person = ForeignKey("people.id", name=f"fk_{table}_person_id_people", ondelete="CASCADE")
    return Column("person_id", String(32), person, primary_key=primary_key, nullable=False, index=index)
