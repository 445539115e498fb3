"""Alembic's entry point: runs migrations on the connection and in the transaction of `state.migration`."""

from __future__ import annotations

from alembic import context

from keyart_server.state.tables import TableBase

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=TableBase.metadata,
    transactional_ddl=False,  # the caller owns the transaction, also on SQLite
)
context.run_migrations()
