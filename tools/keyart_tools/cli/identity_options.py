"""Options of `keyart serve` for signing in, second factors, and outgoing requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .options import PATH, combined

if TYPE_CHECKING:
    from keyart_server.access.identity_settings import IdentitySettings

Command = TypeVar("Command", bound=Callable[..., Any])

ROLES = ("viewer", "operator", "administrator")
SECTIONS = {
    "How people sign in (default: with passwords)": (
        "oidc_issuer", "oidc_client_id", "oidc_client_secret_file", "oidc_groups_claim", "oidc_viewers",
        "oidc_operators", "oidc_administrators", "oidc_hosts", "no_passwords", "require_totp",
    ),
    "Outgoing requests (to the sign-in provider and to webhooks)": ("outgoing_proxy", "webhook_networks"),
}  # fmt: skip


def identity_options(command: Command) -> Command:
    """Add the options to a command."""
    return combined(
        click.option(
            "--oidc-issuer", envvar="KEYART_OIDC_ISSUER", metavar="URL",
            help="Issuer of an OpenID provider for single sign-on, also read from KEYART_OIDC_ISSUER.",
        ),
        click.option(
            "--oidc-client-id", envvar="KEYART_OIDC_CLIENT_ID", metavar="ID",
            help="This server's client id at the provider, also read from KEYART_OIDC_CLIENT_ID.",
        ),
        click.option(
            "--oidc-client-secret-file", envvar="KEYART_OIDC_CLIENT_SECRET_FILE", type=PATH, metavar="FILE",
            help="File with the client secret, also read from KEYART_OIDC_CLIENT_SECRET_FILE.",
        ),
        click.option(
            "--oidc-groups-claim", envvar="KEYART_OIDC_GROUPS_CLAIM", default="groups", show_default=True,
            metavar="NAME", help="Claim of the ID token that lists a person's groups.",
        ),
        *(
            click.option(
                f"--oidc-{role}s", envvar=f"KEYART_OIDC_{role.upper()}S", metavar="GROUP", multiple=True,
                help=f"Group whose members are {role}s; may be repeated.",
            )
            for role in ROLES
        ),
        click.option(
            "--oidc-host", "oidc_hosts", metavar="HOST", multiple=True,
            help="Further host on which the provider has endpoints; may be repeated.",
        ),
        click.option("--no-passwords", is_flag=True, help="Accept no passwords: people use single sign-on only."),
        click.option(
            "--require-totp", type=click.Choice(ROLES), multiple=True,
            help="Role that needs a second factor to sign in with a password; may be repeated.",
        ),
        click.option(
            "--outgoing-proxy", envvar="KEYART_OUTGOING_PROXY", metavar="URL",
            help="HTTP proxy for outgoing requests, also read from KEYART_OUTGOING_PROXY.",
        ),
        click.option(
            "--webhook-network", "webhook_networks", metavar="NETWORK", multiple=True,
            help="Private network that webhooks may reach, like 10.1.0.0/16; may be repeated.",
        ),
    )(command)  # fmt: skip


def taken_identity_settings(options: dict[str, Any]) -> IdentitySettings:
    """Remove the options of `identity_options` from all options of a command, and return them as settings.

    Raises:
        SettingError: for options that are invalid.
    """
    from keyart.errors import SettingError
    from keyart_server.access.identity_settings import IdentitySettings, OidcSettings, networks

    chosen = {name: options.pop(name) for names in SECTIONS.values() for name in names}
    oidc = None
    if chosen["oidc_issuer"]:
        if chosen["oidc_client_secret_file"] is None:
            raise SettingError("--oidc-issuer needs --oidc-client-secret-file.")
        oidc = OidcSettings(
            issuer=chosen["oidc_issuer"],
            client_id=chosen["oidc_client_id"] or "",
            client_secret_file=chosen["oidc_client_secret_file"],
            groups={role: frozenset(chosen[f"oidc_{role}s"]) for role in ROLES},  # type: ignore[misc]
            groups_claim=chosen["oidc_groups_claim"],
            hosts=frozenset(chosen["oidc_hosts"]),
        )
    elif chosen["oidc_client_id"] or chosen["oidc_client_secret_file"]:
        raise SettingError("--oidc-client-id and --oidc-client-secret-file need --oidc-issuer.")
    return IdentitySettings(
        oidc=oidc,
        passwords=not chosen["no_passwords"],
        totp_roles=frozenset(chosen["require_totp"]),
        outgoing_proxy=chosen["outgoing_proxy"],
        webhook_networks=networks(chosen["webhook_networks"]),
    )
