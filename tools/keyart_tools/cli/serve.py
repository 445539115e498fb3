"""`keyart serve`: the coordinating server, in the foreground."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import json_option, note, one_thread_a_process, write_json

if TYPE_CHECKING:
    from keyart_server.serve import StartupReport
    from keyart_server.settings import ServerSettings
    from keyart_server.state.backup import Backup


@click.command(short_help="The coordinating server: campaigns, bundles, dashboard.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any free one.")
@click.option(
    "--data", type=click.Path(path_type=Path), required=True,
    help="Folder for everything that the server keeps; made if missing.",
)  # fmt: skip
@click.option(
    "--database-url", envvar="KEYART_DATABASE_URL", metavar="URL",
    help="postgresql://USER@HOST/NAME, also in KEYART_DATABASE_URL; without it, SQLite in the folder.",
)  # fmt: skip
@click.option(
    "--bundle", type=click.Path(path_type=Path),
    help="Publish the bundle in this folder, if it is not published yet.",
)  # fmt: skip
@click.option(
    "--catalog", type=click.Path(path_type=Path),
    help="What devices choose from, JSON of Catalog.save; kept for the next start. Nothing is learnt without it.",
)  # fmt: skip
@click.option("--epsilon", type=float, help="The most that the fleet ever gives away of a person.  [default: 8]")
@click.option("--delta", type=float, help="Its delta; for good once something was asked.  [default: 1e-6]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its private key, PEM.")
@click.option("--public", is_flag=True, help="Listen beyond this machine without TLS, behind a proxy that brings it.")
@click.option("--url", metavar="URL", help="How people and devices reach it, such as https://keyart.example.")
@click.option("--superlink", metavar="HOST:PORT", help="Flower's SuperLink; without it, one is started when needed.")
@click.option("--superlink-ca", type=click.Path(path_type=Path), help="Who vouches for that SuperLink, PEM.")
@click.option(
    "--gateways", type=click.IntRange(1), default=1, show_default=True, help="That a round waits for there."
)
@click.option("--no-rounds", is_flag=True, help="Drive no campaigns from here; another server does.")
@click.option("--backup", type=click.Path(path_type=Path), metavar="FILE", help="Copy everything to FILE, and end.")
@click.option(
    "--restore", type=click.Path(path_type=Path), metavar="FILE", help="Fill a new folder from such a copy, and end."
)
@json_option
def serve(
    port: int,
    data: Path,
    database_url: str | None,
    bundle: Path | None,
    catalog: Path | None,
    epsilon: float | None,
    delta: float | None,
    host: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    public: bool,
    url: str | None,
    superlink: str | None,
    superlink_ca: Path | None,
    gateways: int,
    no_rounds: bool,
    backup: Path | None,
    restore: Path | None,
    as_json: bool,
) -> None:
    """Run the coordinating server until Ctrl-C or SIGTERM.

    The first start makes DIR/admin.token, a bearer token for machines, and prints a one-time link that makes the
    administrator. Logs go to stderr. With --json, one line of JSON on stdout once the server listens, and logs as
    JSON.

    --backup works beside a running server. The copy holds no offline key and no admin.token.

    \b
    Example:
      keyart serve --port 8080 --data keyart-data
      keyart serve --data keyart-data --bundle build/demo/bundle --catalog build/demo/catalog.json
      keyart serve --data keyart-data --host 0.0.0.0 --tls-cert chain.pem --tls-key key.pem
      keyart serve --data keyart-data --backup monday.tar
      keyart serve --data new-data --restore monday.tar --database-url postgresql:///keyart
    """
    one_thread_a_process()
    from keyart_server.monitoring import logs
    from keyart_server.serve import serve as run
    from keyart_server.settings import ServerSettings

    settings = ServerSettings(
        data,
        database_url,
        bundle,
        catalog,
        epsilon,
        delta,
        superlink,
        superlink_ca,
        gateways,
        not no_rounds,
        port=port,
        host=host,
        tls_cert=tls_cert,
        tls_key=tls_key,
        public=public,
        url=url,
    )
    if backup is not None and restore is not None:
        raise click.UsageError("--backup and --restore are opposites; give one of them.")
    if backup is not None:
        _tell_copy("Backed up", _back_up(settings, backup), as_json)
        return
    if restore is not None:
        _tell_copy("Restored", _restore(settings, restore), as_json)
        return

    def tell(started: StartupReport) -> None:
        logs.install(as_json)  # until here, a mistake is told as every command tells it
        (_tell_json if as_json else _tell)(started)

    run(settings, tell)


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
        click.echo(f"{done}: {copy.path}, of {copy.at:%d %b %Y, %H:%M} UTC, {sum(copy.rows.values())} rows.")


def _tell(started: StartupReport) -> None:
    click.echo(f"keyart {started.version} serves {started.address} from {started.data}")
    if started.published is not None:
        click.echo(f"Published model {started.published}.")
    click.echo(f"Apps ship the keys of offers {started.offers_key}\n  and of the issuer {started.issuer_key}")
    if started.join is not None:
        click.echo(f"Nobody can sign in yet. This link makes the administrator, once:\n  {started.join}")
    if started.offline_keys:
        names = " and ".join(path.name for path in started.offline_keys)
        folder = started.offline_keys[0].parent
        note(f"Move {names} from {folder} to a machine that is offline: who has them publishes to every device.")


def _tell_json(started: StartupReport) -> None:
    """One line, so that whoever started it can read it while it runs."""
    document = {
        "address": started.address,
        "data": str(started.data),
        "version": started.version,
        "published": started.published,
        "join": started.join,
        "offline_keys": [str(path) for path in started.offline_keys],
        "offers_key": started.offers_key,
        "issuer_key": started.issuer_key,
    }
    click.echo(json.dumps(document, ensure_ascii=False))
