"""Roles of people, scopes of API tokens, and the scopes of each role. A route needs one scope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

Scope = Literal["read", "operate", "administer"]
Role = Literal["viewer", "operator", "administrator"]

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
ROLES: Final[tuple[Role, ...]] = get_args(Role)

# read: view everything. operate: change campaigns and bundles. administer: accounts, tokens, the audit log.
SCOPES_BY_ROLE: Final[Mapping[str, frozenset[Scope]]] = {
    "viewer": frozenset({"read"}),
    "operator": frozenset({"read", "operate"}),
    "administrator": frozenset(SCOPES),
}
