"""Alembic's door: runs what is due on the connection, and in the transaction, that `state.migration` hands in."""

from __future__ import annotations

from alembic import context

from keyart_server.state.tables import TableBase

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=TableBase.metadata,
    transactional_ddl=False,  # the transaction is the caller's, on SQLite, too
)
context.run_migrations()
