"""Settings of signing in and of outgoing requests, as checked values."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from keyart.errors import SettingError

from ..http.address import LOOPBACK_NAMES
from ..state.tables.identity import MAX_IDENTITY_LENGTH
from .scopes import ROLES, Role

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """An OpenID provider, and what its groups may do.

    Attributes:
        issuer: identifier of the provider, an https address (http on this machine only).
        client_id: this server's identifier at the provider.
        client_secret_file: file that holds this server's secret at the provider.
        groups_claim: claim of the ID token that lists a person's groups.
        groups: groups of the provider by role; a person gets the highest role of their groups, and none without one.
        hosts: further host names that the provider's document may name; that of the issuer needs no mention.

    Raises:
        SettingError: for settings that are invalid.
    """

    issuer: str
    client_id: str
    client_secret_file: Path
    groups: dict[Role, frozenset[str]]
    groups_claim: str = "groups"
    hosts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        parts = urlsplit(self.issuer)
        loopback = parts.scheme == "http" and parts.hostname in LOOPBACK_NAMES
        if not (parts.scheme == "https" or loopback) or not parts.hostname or parts.query or parts.fragment:
            raise SettingError(f"--oidc-issuer is {self.issuer!r}; it must be like https://login.example.")
        if len(self.issuer) > MAX_IDENTITY_LENGTH:
            raise SettingError(f"--oidc-issuer may have at most {MAX_IDENTITY_LENGTH} characters.")
        if not self.client_id:
            raise SettingError("--oidc-issuer needs --oidc-client-id, as the provider has registered this server.")
        if not any(self.groups.values()):
            raise SettingError(
                "--oidc-issuer needs at least one of --oidc-viewers, --oidc-operators and --oidc-administrators: "
                "nobody has a role without a group."
            )
        self.client_secret()

    def client_secret(self) -> str:
        """Read the secret from its file. Raises SettingError."""
        try:
            secret = self.client_secret_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(
                f"--oidc-client-secret-file: cannot read {self.client_secret_file}: {error}."
            ) from None
        if not secret:
            raise SettingError(f"--oidc-client-secret-file: {self.client_secret_file} is empty.")
        return secret

    def role_of(self, groups: frozenset[str]) -> Role | None:
        """Return the highest role of these groups of the provider, or None."""
        matching = [role for role in ROLES if self.groups.get(role, frozenset()) & groups]
        return matching[-1] if matching else None


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """How people sign in, and what outgoing requests may reach.

    Attributes:
        oidc: the OpenID provider; None for passwords only.
        passwords: whether passwords are accepted.
        totp_roles: roles that need a second factor when they sign in with a password.
        outgoing_proxy: address of an HTTP proxy for requests to the provider and to webhooks.
        webhook_networks: private networks that webhooks may reach.

    Raises:
        SettingError: for settings that are invalid.
    """

    oidc: OidcSettings | None = None
    passwords: bool = True
    totp_roles: frozenset[Role] = frozenset()
    outgoing_proxy: str | None = field(default=None, repr=False)  # may hold a password
    webhook_networks: tuple[Network, ...] = ()

    def __post_init__(self) -> None:
        if not self.passwords and self.oidc is None:
            raise SettingError("--no-passwords needs --oidc-issuer, or nobody could sign in.")
        if self.outgoing_proxy is not None:
            parts = urlsplit(self.outgoing_proxy)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise SettingError("--outgoing-proxy must be an address like http://proxy.example:3128.")


def networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Return the networks of --webhook-network. Raises SettingError."""
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise SettingError(f"--webhook-network: {error}; it must be like 10.1.0.0/16.") from None
