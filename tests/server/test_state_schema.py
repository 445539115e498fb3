"""What the database can hold at all: every column is named here, with the reason why it is nobody's viewing."""

from __future__ import annotations

import re

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from keyart_server.monitoring import logs
from keyart_server.service import Service
from keyart_server.state.migration import migrate
from keyart_server.state.tables import TableBase

# A new column is a line here. Texts that people write are about campaigns and colleagues; hashes lead nowhere.
COLUMNS = {
    "audit": {"number", "at", "actor", "action", "subject", "details", "digest"},
    "audit_head": {"id", "number", "digest"},
    "answers": {"round_id", "stage", "number", "gateway", "digest", "body"},
    "asks": {"round_id", "stage", "number", "packets", "message"},
    "budget": {"id", "epsilon", "delta"},
    "campaigns": {
        "id",
        "name",
        "kind",
        "state",
        "epsilon",
        "delta",
        "rounds",
        "settings",
        "created",
        "changed",
        "waiting",
    },
    "catalogs": {"number", "digest", "size_bytes", "summary", "actor", "at", "content"},
    "charges": {"campaign_id", "number", "event", "low", "high", "spent", "at"},
    "enrolled": {"device_key_hash", "by", "at", "expires"},
    "enrolments": {"hour", "by", "count"},
    "excluded": {"campaign_id", "device_key_hash", "number", "at"},
    "gateways": {"name", "last_heartbeat"},
    "idempotency_keys": {"key_hash", "request_hash", "answer", "at"},
    "members": {"round_id", "number", "device_key_hash", "gateway"},
    "memories": {"campaign_id", "number", "data"},
    "partials": {"id", "round_id", "gateway", "lanes"},
    "releases": {
        "version",
        "campaign_id",
        "number",
        "base",
        "standing",
        "share",
        "reached",
        "replaced_by",
        "digest",
        "weights",
        "origin",
        "files",
        "plan",
        "gates",
        "reason",
        "created",
        "changed",
    },
    "rounds": {
        "id",
        "campaign_id",
        "number",
        "topic",
        "standing",
        "offer",
        "parameters",
        "event",
        "key",
        "waiting",
        "low",
        "high",
        "wanted",
        "patience",
        "opened",
        "changed",
        "keys",
        "shares",
        "masked",
        "unmasked",
        "failure",
        "total",
        "result",
    },
    "windows": {"round_id", "stage", "gateway", "due", "closes", "closed"},
    "invitations": {"digest", "role", "expires"},
    "people": {"id", "name", "folded", "role", "password", "created"},
    "sessions": {"digest", "person_id", "created", "expires", "factor"},
    # The subject is a colleague's identifier at the operator's own provider.
    "identities": {"issuer", "subject", "person_id", "created"},
    "used_sign_ins": {"digest", "expires"},
    "totp": {"person_id", "secret", "confirmed", "last_step"},
    "recovery_codes": {"person_id", "digest"},
    "challenges": {"digest", "person_id", "failures", "expires"},
    "webhooks": {
        "id",
        "name",
        "url",
        "events",
        "secret",
        "previous_secret",
        "previous_until",
        "created",
        "failing_since",
        "disabled",
        "reason",
    },
    # Messages name campaigns, rounds and releases: tests/server/test_webhook_events.py.
    "deliveries": {
        "id",
        "webhook_id",
        "event",
        "body",
        "standing",
        "created",
        "attempts",
        "due",
        "changed",
        "outcome",
    },
    "webhook_cursor": {"id", "number", "budget_low"},
    "tokens": {"id", "digest", "name", "scopes", "created", "expires"},
}
# What must not even be a column's or a log field's name. A device is known by the hash of its key alone.
NEVER = re.compile(
    r"title|artwork|picture|view|watch|history|profile|device(?!_key_hash$)|serial|address|\bip\b|_ip\b|agent|mac\b|"
    r"advert|locat|latitude|mail|phone|birth|gender"
)


# Tables that version 0.1 did not have; what refers to another one comes first.
ADDED = (
    "excluded", "idempotency_keys", "identities", "used_sign_ins", "totp", "recovery_codes", "challenges",
    "deliveries", "webhooks", "webhook_cursor", "catalogs",
)  # fmt: skip


def test_every_column_is_known() -> None:
    there = {table.name: {column.name for column in table.columns} for table in TableBase.metadata.sorted_tables}
    assert there == COLUMNS


def test_no_column_and_no_log_field_is_of_a_viewer() -> None:
    names = [f"{table}.{column}" for table, columns in COLUMNS.items() for column in columns]
    assert not [name for name in [*names, *logs.FIELDS] if NEVER.search(name)]
    for wrong in ("x.title_id", "x.device", "x.device_id", "x.ip", "x.user_agent", "x.last_ip"):
        assert NEVER.search(wrong)
    assert not NEVER.search("x.device_key_hash")


def test_migrations_make_the_tables(service: Service) -> None:
    """Also that the database has no table of which nobody knows."""
    with service.state.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, TableBase.metadata) == []


def test_a_database_of_version_0_1_is_upgraded(service: Service) -> None:
    renamed = (
        ("rounds", "parameters", "terms"),
        ("rounds", "result", "told"),
        ("gateways", "last_heartbeat", "heard"),
    )
    with service.state.engine.execution_options(keyart_writes=True).begin() as connection:
        for table, new, old in renamed:
            connection.execute(text(f"ALTER TABLE {table} RENAME COLUMN {new} TO {old}"))
        for column in ("weights", "origin", "reached", "replaced_by"):
            connection.execute(text(f"ALTER TABLE releases DROP COLUMN {column}"))
        for table in ADDED:
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("ALTER TABLE campaigns DROP COLUMN waiting"))
        connection.execute(text("ALTER TABLE sessions DROP COLUMN factor"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    migrate(service.state.engine)
    test_migrations_make_the_tables(service)
