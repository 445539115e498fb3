"""`keyart gateway`: an HTTP gateway for devices beside the server, and the SuperNode that relays its cohort."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .console import json_option, one_thread_a_process


@click.command(short_help="Run an additional HTTP gateway for devices.")
@click.option(
    "--database-url", envvar="KEYART_DATABASE_URL", metavar="URL", required=True,
    help="URL of the server's database, also read from KEYART_DATABASE_URL.",
)  # fmt: skip
@click.option("--name", required=True, help="Name of this gateway; unique among the gateways of a server.")
@click.option(
    "--issuer", "issuers", metavar="HEX", multiple=True, required=True,
    help="Public key that certifies devices, as printed by `keyart serve`; may be repeated.",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="TCP port; 0 takes any free port."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="TLS certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Private key of the certificate, PEM.")
@click.option(
    "--public",
    is_flag=True,
    help="Allow connections from other machines without TLS, behind a proxy that terminates TLS.",
)
@click.option(
    "--superlink",
    metavar="HOST:PORT",
    help="SuperLink to relay the cohort to; without it, only the HTTP gateway runs.",
)
@click.option("--superlink-ca", type=click.Path(path_type=Path), help="CA certificate of the SuperLink, PEM.")
@click.option(
    "--node-key", type=click.Path(path_type=Path), help="Private key of this node, registered at the SuperLink."
)
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
    """Run a gateway until Ctrl-C or SIGTERM. It serves the addresses under /device and no other part of the server.

    A gateway is stateless: any number of gateways can serve the same devices behind a load balancer, as long as each
    has a unique name. `keyart serve` includes a gateway named main.

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
