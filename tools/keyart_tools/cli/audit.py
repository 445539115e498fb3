"""`keyart audit`: the audit log of a coordinating server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .server_connection import connected, limit_option, show_list

if TYPE_CHECKING:
    from keyart_tools.remote import ApiClient


@click.group(short_help="Read the audit log of a server.")
def audit() -> None:
    """Read the audit log of a coordinating server. The token needs the scope administer.

    \b
    Example:
      keyart audit list --limit 20
    """


@audit.command("list", short_help="List changes, newest first.")
@limit_option
@connected
def list_entries(api: ApiClient, limit: int | None, as_json: bool) -> None:
    """List the changes that people, tokens and the server made, newest first.

    \b
    Example:
      keyart audit list --limit 20
      keyart audit list --json > audit.json
    """
    from keyart_tools.remote.object_tables import AUDIT

    show_list(api.items("audit", limit), AUDIT, as_json, "The audit log is empty.")
