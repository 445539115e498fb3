"""`keyart serve`: the coordinating server, in the foreground."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import json_option, note, one_thread_a_process, write_json
from .identity_options import SECTIONS as IDENTITY_SECTIONS
from .identity_options import identity_options, taken_identity_settings
from .options import COUNT, PATH, SectionedCommand, listening_options

if TYPE_CHECKING:
    from keyart_server.serve import StartupReport
    from keyart_server.settings import ServerSettings
    from keyart_server.state.backup import Backup


SECTIONS = {
    "What it stores and offers": ("data", "database_url", "bundle", "catalog"),
    "Where it listens": ("host", "port", "url", "proxy", "tls_cert", "tls_key", "public"),
    **IDENTITY_SECTIONS,
    "Who certifies devices (one of the first two is required)": ("issuers", "insecure_issuer", "revocations"),
    "Privacy budget": ("epsilon", "delta"),
    "Rounds (the defaults suit one machine)": ("superlink", "superlink_ca", "gateways", "no_rounds"),
    "Backup (instead of serving)": ("backup", "restore"),
}


@click.command(cls=SectionedCommand, sections=SECTIONS, short_help="Run the coordinating server.")
@click.option("--data", type=PATH, required=True, help="Folder for everything that the server stores.")
@click.option(
    "--database-url", envvar="KEYART_DATABASE_URL", metavar="URL",
    help="postgresql://USER@HOST/NAME, also read from KEYART_DATABASE_URL.  [default: SQLite in the data folder]",
)  # fmt: skip
@click.option("--bundle", type=PATH, help="Bundle folder to publish to all devices, unless it is published already.")
@click.option(
    "--catalog", type=PATH,
    help="Catalogue to upload at start, unless it was uploaded before. The dashboard takes others without a restart.",
)  # fmt: skip
@click.option("--epsilon", type=float, help="ε limit per user, over the lifetime of the fleet.  [default: 8]")
@click.option("--delta", type=float, help="δ of that limit; fixed once the first round was charged.  [default: 1e-6]")
@listening_options(8080)
@click.option("--url", metavar="URL", help="Address that people and devices use, if a proxy makes it another one.")
@click.option(
    "--proxy", metavar="ADDRESS",
    help="IP address of the proxy in front: X-Forwarded-For from there, and from nowhere else, is the client's.",
)  # fmt: skip
@identity_options
@click.option(
    "--issuer", "issuers", metavar="HEX", multiple=True,
    help="Public key that certifies devices, as printed by `keyart issuer`; may be repeated.",
)  # fmt: skip
@click.option(
    "--insecure-issuer", is_flag=True,
    help="Certify devices in this process, too, which must then be trusted not to invent any: for trials.",
)  # fmt: skip
@click.option(
    "--revocations", type=PATH, metavar="FILE",
    help="The issuer's revocation list (revoked.kar); read again when it changes.",
)  # fmt: skip
@click.option(
    "--superlink", metavar="HOST:PORT", help="An existing SuperLink of Flower.  [default: start one when needed]"
)
@click.option("--superlink-ca", type=PATH, help="CA certificate of that SuperLink, PEM; required with --superlink.")
@click.option(
    "--gateways", type=COUNT, default=1, show_default=True,
    help="Number of gateways at that SuperLink that a round waits for.",
)  # fmt: skip
@click.option("--no-rounds", is_flag=True, help="Run no campaigns: another server on the same database does.")
@click.option("--backup", type=PATH, metavar="FILE", help="Write a backup to FILE and exit; a server may be running.")
@click.option("--restore", type=PATH, metavar="FILE", help="Restore a backup into a new data folder and exit.")
@json_option
def serve(no_rounds: bool, backup: Path | None, restore: Path | None, as_json: bool, **settings: Any) -> None:
    """Run the coordinating server until Ctrl-C or SIGTERM.

    The first start creates DIR/admin.token, a bearer token for scripts, and prints a one-time link for creating the
    administrator. If keyart keys create has made no keys that sign bundles, the first --bundle creates all of them in
    DIR/keys, which suits tests. Logs go to stderr. With --json, one line of JSON on stdout reports that the server
    listens, and logs are JSON.

    A backup holds neither the offline keys nor admin.token.

    \b
    Example:
      keyart serve --port 8080 --data keyart-data --issuer 3b6a…
      keyart serve --data keyart-data --bundle build/demo/bundle --catalog build/demo/catalog.json --insecure-issuer
      keyart serve --data keyart-data --host 0.0.0.0 --tls-cert chain.pem --tls-key key.pem --issuer 3b6a…
      keyart serve --data keyart-data --oidc-issuer https://login.example --oidc-client-id keyart --oidc-operators ml
      keyart serve --data keyart-data --backup monday.tar
      keyart serve --data new-data --restore monday.tar --database-url postgresql:///keyart
    """
    one_thread_a_process()
    from keyart_server.monitoring import logs
    from keyart_server.serve import serve as run
    from keyart_server.settings import ServerSettings

    identity = taken_identity_settings(settings)
    server = ServerSettings(rounds=not no_rounds, identity=identity, **settings)
    if backup is not None and restore is not None:
        raise click.UsageError("--backup and --restore exclude each other; give one of them.")
    if backup is not None:
        _tell_copy("Backed up", _back_up(server, backup), as_json)
        return
    if restore is not None:
        _tell_copy("Restored", _restore(server, restore), as_json)
        return

    logs.install(as_json)
    run(server, _tell_json if as_json else _tell)


def _back_up(settings: ServerSettings, path: Path) -> Backup:
    from contextlib import closing

    from keyart_server.clock import now
    from keyart_server.data_folder import DataFolder
    from keyart_server.state import ServerState
    from keyart_server.state.backup import back_up

    data = DataFolder(settings.data)
    with closing(ServerState.open(settings.database_url or data.database, upgrade=False)) as state:
        return back_up(state, data, path, now())


def _restore(settings: ServerSettings, path: Path) -> Backup:
    from keyart_server.clock import now
    from keyart_server.data_folder import DataFolder
    from keyart_server.state.backup import restore

    return restore(path, DataFolder(settings.data), settings.database_url, now())


def _tell_copy(done: str, copy: Backup, as_json: bool) -> None:
    if as_json:
        write_json({"backup": str(copy.path), "at": copy.at.isoformat(), "rows": copy.rows})
    else:
        click.echo(f"{done}: {copy.path}, from {copy.at:%d %b %Y, %H:%M} UTC, {sum(copy.rows.values())} rows.")


def _tell(started: StartupReport) -> None:
    click.echo(f"keyart {started.version} serves {started.address} from {started.data}")
    if started.published is not None:
        click.echo(f"Published model {started.published}.")
    if started.insecure_issuer:
        note("Server trusted: this server certifies devices itself, so it could invent some and read single vectors.")
    click.echo(f"Public keys to ship in apps: offers {started.offers_key}\n  and issuer {started.issuer_key}")
    if started.join is not None:
        click.echo(f"No account exists yet. Open this one-time link to create the administrator:\n  {started.join}")
    if started.offline_keys:
        names = " and ".join(path.name for path in started.offline_keys)
        folder = started.offline_keys[0].parent
        note(f"Move {names} from {folder} to an offline machine: whoever holds them can publish to every device.")
        note("For a fleet, create them offline before the first start: keyart keys create --offline FOLDER.")


def _tell_json(started: StartupReport) -> None:
    """Write one line of JSON, so that a parent process can read it while the server runs."""
    document = {
        "address": started.address,
        "data": str(started.data),
        "version": started.version,
        "published": started.published,
        "join": started.join,
        "offline_keys": [str(path) for path in started.offline_keys],
        "offers_key": started.offers_key,
        "issuer_key": started.issuer_key,
        "insecure_issuer": started.insecure_issuer,
    }
    click.echo(json.dumps(document, ensure_ascii=False))
