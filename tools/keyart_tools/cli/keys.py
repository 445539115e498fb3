"""`keyart keys`: the keys that sign bundles."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import json_option, note, write_json
from .options import PATH, combined

if TYPE_CHECKING:
    from keyart_server.signing.key_ceremony import RoleKeys

PASSPHRASE = "KEYART_KEY_PASSPHRASE"  # noqa: S105  # the name of a variable


signing_options = combined(
    click.option("--data", type=PATH, required=True, help="Data folder of the server, which must be stopped."),
    click.option(
        "--offline", type=PATH, metavar="FOLDER", help="Folder of the offline keys.  [default: keys in --data]"
    ),
    click.option(
        "--database-url", envvar="KEYART_DATABASE_URL", metavar="URL",
        help="postgresql://USER@HOST/NAME, also read from KEYART_DATABASE_URL.  [default: SQLite in the data folder]",
    ),
    json_option,
)  # fmt: skip


@click.group(short_help="Create, rotate and renew the keys that sign bundles.")
def keys() -> None:
    """Create, rotate and renew the keys that sign bundles.

    Offline keys stay away from the server; online keys refresh the signed metadata four times a day.

    \b
    Example:
      keyart keys create --offline /media/offline --data keyart-data
    """


@keys.command(short_help="Create offline keys, online keys and the first root.")
@click.option(
    "--offline", type=PATH, required=True, metavar="FOLDER", help="Folder for the keys of root and targets."
)
@click.option("--data", type=PATH, required=True, help="Data folder of the server, which holds no bundles yet.")
@click.option("--root", default="2/3", show_default=True, metavar="K/N", help="K of N root keys must sign.")
@click.option("--targets", default="1/1", show_default=True, metavar="K/N", help="K of N targets keys must sign.")
@click.option("--no-passphrase", is_flag=True, help="Leave the offline keys unencrypted.")
@json_option
def create(offline: Path, data: Path, root: str, targets: str, no_passphrase: bool, as_json: bool) -> None:
    """Create all keys and an empty signed repository in the data folder, before the first start of a server.

    Run it on a machine of your own, best without a network. Then copy the data folder to the server, keep the offline
    folder away from it, and give each root key to another person. The offline keys are encrypted with a passphrase of
    at least 16 characters, from KEYART_KEY_PASSPHRASE or a prompt; whatever signs with them needs that variable.

    Without this command, the first start of `keyart serve` creates all keys in the data folder, which suits tests.

    \b
    Example:
      keyart keys create --offline /media/offline --data keyart-data
      keyart keys create --offline /media/offline --data keyart-data --root 2/3 --targets 2/2
    """
    from keyart_server.data_folder import DataFolder
    from keyart_server.signing.key_ceremony import create_offline_keys

    roles = {"root": _role_keys("--root", root), "targets": _role_keys("--targets", targets)}
    secret = "" if no_passphrase else _passphrase()
    created = create_offline_keys(DataFolder(data), offline, roles, secret)
    if as_json:
        names = {"offline": created.offline, "online": created.online}
        write_json(
            {**{key: [str(path) for path in value] for key, value in names.items()}, "root": str(created.root)}
        )
        return
    for path in created.offline:
        click.echo(f"Offline key: {path}")
    for path in created.online:
        click.echo(f"Online key: {path}")
    click.echo(f"Trusted root, which apps ship: {created.root}")
    note(f"Copy {data} to the server, and keep {offline} away from it.")


@keys.command(short_help="Replace the keys of roles of the bundle repository.")
@click.argument("roles", nargs=-1, required=True, type=click.Choice(("root", "targets", "snapshot", "timestamp")))
@signing_options
def rotate(roles: tuple[str, ...], data: Path, offline: Path | None, database_url: str | None, as_json: bool) -> None:
    """Create new keys for these roles and sign a new root with the old ones; the server must be stopped.

    As many root and targets keys as must sign are needed: --offline names the folder that holds them, which also gets
    the new ones. Devices follow by themselves; ship the new DIR/tuf/root.json with the next build of the app.

    \b
    Example:
      keyart keys rotate targets --data keyart-data --offline /media/offline
      keyart keys rotate snapshot timestamp --data keyart-data --offline /media/offline
    """
    _sign(data, offline, database_url, as_json, roles)


@keys.command(short_help="Renew all signatures with the same keys.")
@signing_options
def renew(data: Path, offline: Path | None, database_url: str | None, as_json: bool) -> None:
    """Sign root, targets, snapshot and timestamp again before they expire; the server must be stopped.

    As many root and targets keys as must sign are needed: --offline names the folder that holds them.

    \b
    Example:
      keyart keys renew --data keyart-data --offline /media/offline
    """
    _sign(data, offline, database_url, as_json, ())


def _sign(data: Path, offline: Path | None, database_url: str | None, as_json: bool, roles: tuple[str, ...]) -> None:
    from keyart_server.bundles import key_rotation
    from keyart_server.data_folder import DataFolder
    from keyart_server.serve import open_service
    from keyart_server.settings import ServerSettings
    from keyart_server.signing.borrowed_keys import borrowed_keys

    folder = DataFolder(data)
    if not folder.tuf.is_dir():
        raise click.ClickException(f"{data} holds no signed repository; `keyart keys create` makes one.")
    settings = ServerSettings(data, database_url, rounds=False)
    with open_service(settings) as service, borrowed_keys(folder.keys, offline):
        root = key_rotation.rotate(service, roles) if roles else key_rotation.renew(service)
    if as_json:
        write_json({"root": root, "rotated": sorted(roles)})
        return
    click.echo(f"Signed root {root}; {', '.join(roles)} have new keys." if roles else f"Signed root {root}.")
    note(f"Ship {folder.tuf / 'root.json'} with the next build of the app.")


def _role_keys(option: str, text: str) -> RoleKeys:
    from keyart_server.signing.key_ceremony import RoleKeys

    match = re.fullmatch(r"([1-9])/([1-9])", text, re.ASCII)
    if match is None or int(match[1]) > int(match[2]):
        raise click.UsageError(f"{option} takes K/N, as in 2/3: K of N keys must sign.")
    return RoleKeys(int(match[1]), int(match[2]))


def _passphrase() -> str:
    given = os.environ.get(PASSPHRASE, "")
    return given or str(click.prompt("Passphrase of the offline keys", hide_input=True, confirmation_prompt=True))
