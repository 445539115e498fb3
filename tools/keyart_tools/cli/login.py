"""`keyart login` and `keyart logout`: remember a coordinating server and the token for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .console import json_option, write_json
from .server_connection import ca_option, insecure_option, login_file, server_option, token_option


@click.command(short_help="Remember a server and the token for it.")
@server_option
@token_option
@ca_option
@insecure_option
@json_option
@click.pass_context
def login(
    ctx: click.Context,
    server: str | None,
    token_file: Path | None,
    ca: Path | None,
    insecure_http: bool,
    as_json: bool,
) -> None:
    """Check a server and a token, and remember both for the commands that talk to a server.

    The login is saved in your configuration folder, in a file that only you can read. It names the token file, which
    therefore must stay; a token from standard input is stored itself. `keyart logout` deletes the login. Options and
    the variables KEYART_SERVER, KEYART_TOKEN_FILE and KEYART_CA take precedence over it.

    \b
    Example:
      keyart login --server http://127.0.0.1:8080 --token-file keyart-data/admin.token
      keyart login --server https://keyart.example --token-file ~/keyart.token --ca company-ca.pem
    """
    from keyart_tools.remote import ApiClient, Network, choose_login, save_login, to_save

    if server is None or token_file is None:
        raise click.UsageError("Give --server and --token-file.")
    chosen = choose_login(server, token_file, ca, insecure_http, None)
    with ApiClient(chosen, ctx.find_object(Network)) as api:
        api.get("campaigns", limit=1)
    path = login_file()
    save_login(path, to_save(chosen, token_file, insecure_http))
    _tell(as_json, {"server": chosen.server.url, "saved": str(path)}, f"Logged in to {chosen.server.url}.")


@click.command(short_help="Forget the remembered server and token.")
@json_option
def logout(as_json: bool) -> None:
    """Delete the login that `keyart login` saved. The token stays valid until an administrator revokes it.

    \b
    Example:
      keyart logout
    """
    from keyart_tools.remote import remove_login

    path = login_file()
    removed = remove_login(path)
    _tell(as_json, {"removed": str(path) if removed else None}, "Logged out." if removed else "There was no login.")


def _tell(as_json: bool, document: dict[str, Any], sentence: str) -> None:
    if as_json:
        write_json(document)
    else:
        click.echo(sentence)
