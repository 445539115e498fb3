"""`keyart database`: the tables of the server's database."""

from __future__ import annotations

import click

from .console import json_option, write_json


@click.group(short_help="Create or upgrade the tables of the server.")
def database() -> None:
    """Create or upgrade the tables of the server's database, with a role that may change them.

    \b
    Example:
      keyart database upgrade --database-url postgresql://keyart_owner@127.0.0.1/keyart
    """


@database.command(short_help="Create the tables, or upgrade those of an older version.")
@click.option(
    "--database-url", envvar="KEYART_DATABASE_URL", required=True, metavar="URL",
    help="postgresql://USER@HOST/NAME or sqlite:///FILE, also read from KEYART_DATABASE_URL.",
)  # fmt: skip
@json_option
def upgrade(database_url: str, as_json: bool) -> None:
    """Create the tables, or upgrade those of an older version of keyart, completely or not at all.

    `keyart serve` does this at each start if its role may change tables. A server whose role may not needs this
    command before, with the role that owns the database.

    \b
    Example:
      keyart database upgrade --database-url postgresql://keyart_owner@127.0.0.1/keyart
    """
    from contextlib import closing

    from keyart_server.state import ServerState
    from keyart_server.state.migration import newest_revision

    with closing(ServerState.open(database_url)):
        revision = newest_revision()
    if as_json:
        write_json({"revision": revision})
    else:
        click.echo(f"The tables have revision {revision}.")
