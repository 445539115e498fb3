"""New keys and new signatures for the bundle repository, each with its rows in the audit log.

One row before anything is signed and one after: a kill in between leaves the first alone, and the same call again
finishes what it had begun. Devices follow by themselves, since each root is signed by the keys of the one before.
"""

from __future__ import annotations

from collections.abc import Collection

from keyart.errors import SettingError

from .. import audit_log
from ..service import Service
from ..signing.tuf_keys import ROLES


def rotate(service: Service, roles: Collection[str], actor: str = "server") -> int:
    """New keys for these roles, in the data folder; the number of the new root. Needs all four old keys at hand.

    Ship the new DIR/tuf/root.json with the next build of the app, at once where the key of root was exposed: who has
    it can lead a device astray that starts from an older root. Raises SettingError, BundleError.
    """
    if not roles or set(roles) - set(ROLES):
        raise SettingError(f"Name the roles that get a new key, of {', '.join(ROLES)}.")
    return _renew_with_audit(service, actor, ("keys.rotate", "keys.rotated"), sorted(roles))


def renew(service: Service, actor: str = "server") -> int:
    """The same keys and new dates, before root or targets expire; the number of the new root. Raises as `rotate`."""
    return _renew_with_audit(service, actor, ("keys.renew", "keys.renewed"), [])


def _renew_with_audit(service: Service, actor: str, actions: tuple[str, str], roles: list[str]) -> int:
    begun, ended = actions
    with service.state.writing() as session:
        audit_log.append(session, service.clock(), actor, begun, "tuf", roles=roles)
    root = service.bundles.renew(roles)
    with service.state.writing() as session:
        audit_log.append(session, service.clock(), actor, ended, "tuf", roles=roles, root=root)
    return root
