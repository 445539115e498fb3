"""The options by which a command reaches a coordinating server, and the forms of its output."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import click

from .console import json_option, print_table, write_json
from .options import COUNT, PATH, combined

if TYPE_CHECKING:
    from keyart_tools.remote import ApiClient
    from keyart_tools.remote.object_tables import Column

P = ParamSpec("P")
ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
KEY = re.compile(r"[\x21-\x7e]{1,255}")

server_option = click.option(
    "--server", envvar="KEYART_SERVER", metavar="URL",
    help="Address of the server, such as https://keyart.example; also read from KEYART_SERVER.  [default: that of "
    "`keyart login`]",
)  # fmt: skip
token_option = click.option(
    "--token-file", envvar="KEYART_TOKEN_FILE", type=PATH, metavar="FILE",
    help="File with an API token, or - for standard input; also read from KEYART_TOKEN_FILE.  [default: that of "
    "`keyart login`]",
)  # fmt: skip
ca_option = click.option(
    "--ca", envvar="KEYART_CA", type=PATH, metavar="FILE",
    help="CA certificate that signed the server's, PEM; also read from KEYART_CA.  [default: public CAs]",
)  # fmt: skip
insecure_option = click.option(
    "--insecure-http", is_flag=True, help="Allow an http address of another machine: the token travels unencrypted."
)
connection_options = combined(server_option, token_option, ca_option, insecure_option, json_option)
limit_option = click.option("--limit", type=COUNT, metavar="N", help="Show N entries at most.  [default: all]")


def _checked_id(ctx: click.Context, parameter: click.Parameter, text: str) -> str:
    """Return the id of a campaign. Nothing else may become part of an address."""
    if ID.fullmatch(text) is None:
        raise click.BadParameter(f"{text!r} is not an id; `keyart campaign list` shows the ids.", ctx, parameter)
    return text


def _checked_key(ctx: click.Context, parameter: click.Parameter, key: str | None) -> str | None:
    if key is not None and KEY.fullmatch(key) is None:
        raise click.BadParameter("a key is 1 to 255 printable ASCII characters without spaces.", ctx, parameter)
    return key


campaign_id = click.argument("campaign_id", metavar="ID", callback=_checked_id)
key_option = click.option(
    "--idempotency-key", "key", metavar="KEY", callback=_checked_key,
    help="Key of this request: repeating the command with it within 24 hours creates nothing new.  [default: random]",
)  # fmt: skip


def login_file() -> Path:
    """Return the path of the saved login in the user's configuration folder."""
    return Path(click.get_app_dir("keyart")) / "login.json"


def connected(command: Callable[Concatenate[ApiClient, P], None]) -> Callable[..., None]:
    """Add the options of the connection and --json to a command, and hand it a client as its first argument."""

    def run(
        ctx: click.Context,
        /,
        server: str | None,
        token_file: Path | None,
        ca: Path | None,
        insecure_http: bool,
        *arguments: P.args,
        **options: P.kwargs,
    ) -> None:
        from keyart_tools.remote import ApiClient, Network, choose_login, expected_form, load_login

        needs_saved = server is None or token_file is None
        saved = load_login(login_file()) if needs_saved else None
        login = choose_login(server, token_file, ca, insecure_http, saved)
        with ApiClient(login, ctx.find_object(Network)) as api, expected_form(login.server):
            command(api, *arguments, **options)

    update_wrapper(run, command)
    return connection_options(click.pass_context(run))


def show_list(
    items: Iterable[Mapping[str, Any]], columns: Iterable[Column], as_json: bool, nothing: str, title: str = ""
) -> None:
    """Write a whole list: as one JSON object in the form of the API, or as a table; `nothing` if it is empty."""
    from keyart_tools.remote.object_tables import list_table

    found = list(items)
    if as_json:
        write_json({"items": found, "next": None})
    else:
        print_table(list_table(found, columns, title) if found else nothing)


def show_object(item: Mapping[str, Any], title: str, hidden: Iterable[str] = ()) -> None:
    """Write one object as a table without the fields `hidden`, and its settings, if it has any, as a second one."""
    from keyart_tools.remote.object_tables import object_table

    print_table(object_table(item, title, {*hidden, "settings"}))
    if item.get("settings"):
        print_table(object_table(item["settings"], "Settings"))
