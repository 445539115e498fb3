"""What the server remembers: tables, their migrations, transactions, and copies of all of it in one file."""

from __future__ import annotations

from .database import ServerState

__all__ = ["ServerState"]
