"""Key rotation and renewal of the bundle repository, recorded in the audit log.

One row is written before anything is signed and one after it. After an interruption only the first exists, and the
same call again finishes the work. Devices follow automatically, since each root is signed by the keys of the previous
one.
"""

from __future__ import annotations

from collections.abc import Collection

from keyart.errors import SettingError

from .. import audit_log
from ..service import Service
from ..signing.tuf_keys import ROLES


def rotate(service: Service, roles: Collection[str], actor: str = "server") -> int:
    """Create new keys for these roles in the data folder. Needs all four old keys.

    Ship the new DIR/tuf/root.json with the next build of the app, and at once if the root key was exposed: its holder
    can mislead devices that start from an older root.

    Returns:
        The number of the new root.

    Raises:
        SettingError, BundleError: if a key or the repository cannot be used.
    """
    if not roles or set(roles) - set(ROLES):
        raise SettingError(f"Name the roles that get a new key: one or more of {', '.join(ROLES)}.")
    return _renew_with_audit(service, actor, ("keys.rotate", "keys.rotated"), sorted(roles))


def renew(service: Service, actor: str = "server") -> int:
    """Renew signatures and expiry dates with the same keys.

    Return the number of the new root. Raises the errors of `rotate`.
    """
    return _renew_with_audit(service, actor, ("keys.renew", "keys.renewed"), [])


def _renew_with_audit(service: Service, actor: str, actions: tuple[str, str], roles: list[str]) -> int:
    begun, ended = actions
    with service.state.writing() as session:
        audit_log.append(session, service.clock(), actor, begun, "tuf", roles=roles)
    root = service.bundles.renew(roles)
    with service.state.writing() as session:
        audit_log.append(session, service.clock(), actor, ended, "tuf", roles=roles, root=root)
    return root
