"""The schema of version 0.1, from which later revisions upgrade. A new database is not migrated but created whole."""

from __future__ import annotations

revision = "0002"
down_revision = None
