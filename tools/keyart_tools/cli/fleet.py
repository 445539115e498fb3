"""`keyart fleet`: devices and gateways of a coordinating server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .console import print_table, write_json
from .server_connection import connected, show_list

if TYPE_CHECKING:
    from keyart_tools.remote import ApiClient


@click.group(short_help="Show devices and gateways of a server.")
def fleet() -> None:
    """Show the devices and gateways of a coordinating server.

    \b
    Example:
      keyart fleet show
    """


@fleet.command(short_help="Show enrolled devices, their models, and gateways.")
@connected
def show(api: ApiClient, as_json: bool) -> None:
    """Show how many devices are enrolled, which models they run, and which gateways are alive.

    \b
    Example:
      keyart fleet show
      keyart fleet show --json
    """
    from keyart_tools.remote.object_tables import GATEWAYS, MISSING, VERSIONS, number

    found = api.get("fleet")
    if as_json:
        write_json(found)
        return
    devices = found.get("devices")
    print_table(f"{MISSING if devices is None else number(devices)} devices are enrolled.")
    show_list(found.get("by_version") or [], VERSIONS, False, "Which models they run is not known.", "Models")
    show_list(found.get("gateways") or [], GATEWAYS, False, "No gateway has reported yet.", "Gateways")
