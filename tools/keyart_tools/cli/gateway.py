"""`keyart gateway`: an HTTP gateway for devices beside the server, and the SuperNode that relays its cohort."""

from __future__ import annotations

import json
from typing import Any

import click

from .console import json_option, one_thread_a_process
from .options import PATH, SectionedCommand, listening_options

SECTIONS = {
    "The server that it belongs to": ("database_url", "name", "issuers", "revocations"),
    "Where it listens": ("host", "port", "tls_cert", "tls_key", "public"),
    "Relay (all three together)": ("superlink", "superlink_ca", "node_key"),
}


@click.command(cls=SectionedCommand, sections=SECTIONS, short_help="Run an additional HTTP gateway for devices.")
@click.option(
    "--database-url", envvar="KEYART_DATABASE_URL", metavar="URL", required=True,
    help="Address of the server's database, also read from KEYART_DATABASE_URL.",
)  # fmt: skip
@click.option("--name", required=True, help="Name of this gateway, unique among the gateways of the server.")
@click.option(
    "--issuer", "issuers", metavar="HEX", multiple=True, required=True,
    help="Public key that certifies devices, as printed by `keyart issuer`; may be repeated.",
)  # fmt: skip
@click.option(
    "--revocations", type=PATH, metavar="FILE",
    help="The issuer's revocation list (revoked.kar); read again when it changes.",
)  # fmt: skip
@listening_options(8081)
@click.option(
    "--superlink", metavar="HOST:PORT",
    help="SuperLink of the server, to which this gateway relays its devices; without it, they join other gateways.",
)  # fmt: skip
@click.option("--superlink-ca", type=PATH, help="CA certificate of the SuperLink, PEM.")
@click.option("--node-key", type=PATH, help="Private key of this gateway, registered at the SuperLink.")
@json_option
def gateway(name: str, as_json: bool, **settings: Any) -> None:
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

    def tell(address: str) -> None:
        click.echo(json.dumps({"address": address, "name": name}) if as_json else f"Gateway {name} is at {address}")

    gateway_settings = GatewaySettings(name=name, **settings)
    logs.install(as_json)
    run(gateway_settings, tell)
