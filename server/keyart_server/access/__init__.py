"""Who may do what: tokens of machines, people and their sessions, and the guard in front of every route."""

from __future__ import annotations

from .guard import Actor, Guard, Who
from .scopes import ROLES, SCOPES, Role, Scope

__all__ = ["ROLES", "SCOPES", "Actor", "Guard", "Role", "Scope", "Who"]
