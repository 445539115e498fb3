"""`keyart budget`: the privacy budget of the fleet of a coordinating server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .console import print_table, write_json
from .server_connection import connected, show_list

if TYPE_CHECKING:
    from keyart_tools.remote import ApiClient


@click.group(short_help="Show the privacy budget of a server's fleet.")
def budget() -> None:
    """Show the privacy budget of the fleet of a coordinating server.

    \b
    Example:
      keyart budget show
    """


@budget.command(short_help="Show ε spent, left, by campaign, and the forecast.")
@connected
def show(api: ApiClient, as_json: bool) -> None:
    """Show the ε that was spent, by campaign, what is left, and when it is exhausted at the current rate.

    \b
    Example:
      keyart budget show
      keyart budget show --json
    """
    from keyart_tools.remote.object_tables import SPENDING, budget_sentences

    found = api.get("budget")
    if as_json:
        write_json(found)
        return
    print_table(*budget_sentences(found))
    show_list(found.get("by_campaign") or [], SPENDING, False, "No round has been charged yet.", "By campaign")
