"""`keyart gateway`: a door for devices beside the server, with the SuperNode that relays its cohort."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .console import json_option, one_thread_a_process


@click.command(short_help="A door for devices beside the server, for more of them.")
@click.option(
    "--database-url", envvar="KEYART_DATABASE_URL", metavar="URL", required=True,
    help="The server's database, also in KEYART_DATABASE_URL.",
)  # fmt: skip
@click.option("--name", required=True, help="Of this gateway; each has its own.")
@click.option(
    "--issuer", "issuers", metavar="HEX", multiple=True, required=True,
    help="Public key that certifies devices; `keyart serve` says which. May be given again.",
)  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="0: any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its private key, PEM.")
@click.option("--public", is_flag=True, help="Listen beyond this machine without TLS, behind a proxy that brings it.")
@click.option("--superlink", metavar="HOST:PORT", help="Relay for this SuperLink; without it, only the door is open.")
@click.option("--superlink-ca", type=click.Path(path_type=Path), help="Who vouches for the SuperLink, PEM.")
@click.option("--node-key", type=click.Path(path_type=Path), help="Private key that the SuperLink knows.")
@json_option
def gateway(
    database_url: str,
    name: str,
    issuers: tuple[str, ...],
    port: int,
    host: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    public: bool,
    superlink: str | None,
    superlink_ca: Path | None,
    node_key: Path | None,
    as_json: bool,
) -> None:
    """Run a gateway until Ctrl-C or SIGTERM: the addresses under /device, and nothing else of the server.

    It keeps nothing that counts: any number of gateways can serve the same devices behind a load balancer, as long as
    each has a name of its own. `keyart serve` is a gateway itself, named main.

    \b
    Example:
      keyart gateway --database-url postgresql:///keyart --name west --issuer 3b6a… --port 8081
    """
    one_thread_a_process()
    from keyart_server.gateway.standalone import GatewaySettings
    from keyart_server.gateway.standalone import serve as run
    from keyart_server.monitoring import logs

    settings = GatewaySettings(
        database_url,
        name,
        issuers,
        superlink,
        superlink_ca,
        node_key,
        port=port,
        host=host,
        tls_cert=tls_cert,
        tls_key=tls_key,
        public=public,
    )

    def tell(address: str) -> None:
        logs.install(as_json)
        click.echo(json.dumps({"address": address, "name": name}) if as_json else f"Gateway {name} is at {address}")

    run(settings, tell)
