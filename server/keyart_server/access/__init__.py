"""Access control: accounts and their sessions, API tokens, roles and scopes, and the guard of every route.

The package uses `state` for its tables, `audit_log` for changes, and the shared objects of `service` in its routes.
"""

from __future__ import annotations

from .guard import Actor, Guard, Who
from .scopes import ROLES, SCOPES, Role, Scope

__all__ = ["ROLES", "SCOPES", "Actor", "Guard", "Role", "Scope", "Who"]
