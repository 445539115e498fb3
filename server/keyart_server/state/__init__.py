"""The server's state: tables, migrations, transactions, and backups of all of it in one file.

The package uses SQLAlchemy, alembic and `audit_log` (a restore is recorded), and no other part of the server.
"""

from __future__ import annotations

from .database import ServerState

__all__ = ["ServerState"]
