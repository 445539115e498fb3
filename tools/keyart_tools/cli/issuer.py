"""`keyart issuer`: certifies device keys, in a process apart from the server of rounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyart.errors import SettingError

from .console import json_option, one_thread_a_process, write_json
from .options import COUNT, PATH, SectionedCommand, listening_options

if TYPE_CHECKING:
    from keyart_server.issuer.issuer_process import IssuerSettings

SECTIONS = {
    "What it stores and verifies": ("data", "attestation"),
    "Where it listens": ("host", "port", "url", "tls_cert", "tls_key", "public"),
    "Instead of serving": ("vouchers", "revoke"),
}


@click.command(cls=SectionedCommand, sections=SECTIONS, short_help="Run the issuer, which certifies devices.")
@click.option("--data", type=PATH, required=True, help="Folder for everything that the issuer stores.")
@click.option(
    "--attestation", metavar="MODULE:FACTORY",
    help="Verifier of Android Key Attestation or App Attest evidence.  [default: vouchers only]",
)  # fmt: skip
@listening_options(8090)
@click.option("--url", metavar="URL", help="Address that devices use, if a proxy makes it another one.")
@click.option(
    "--vouchers", type=COUNT, metavar="N", help="Print N one-use vouchers and exit; an issuer may be running."
)
@click.option("--revoke", metavar="HEX", help="Revoke a device's public key and exit; an issuer may be running.")
@json_option
def issuer(
    data: Path,
    attestation: str | None,
    vouchers: int | None,
    revoke: str | None,
    as_json: bool,
    **address: object,
) -> None:
    """Run the issuer until Ctrl-C or SIGTERM. Apps ship its public key, and devices get their certificates from it.

    Run it on another machine than `keyart serve`, and by other people: who has both keys can invent devices and read
    the vector of a real one. The app's account service makes vouchers with the token in DIR/issuer.token.

    \b
    Example:
      keyart issuer --data issuer-data --port 8090
      keyart issuer --data issuer-data --vouchers 30
      keyart issuer --data issuer-data --revoke 3b6a…
    """
    one_thread_a_process()
    from keyart_server.issuer.issuer_process import IssuerSettings, serve
    from keyart_server.monitoring import logs

    settings = IssuerSettings(data=data, attestation=attestation, **address)  # type: ignore[arg-type]
    if vouchers is not None and revoke is not None:
        raise click.UsageError("--vouchers and --revoke exclude each other; give one of them.")
    if vouchers is not None or revoke is not None:
        made = _at_rest(settings, vouchers, revoke)
        if as_json:
            write_json({"vouchers": made, "revoked": revoke})
        else:
            click.echo("\n".join(made) if made else f"Revoked: {revoke}")
        return

    def tell(place: str, key: str) -> None:
        if as_json:
            click.echo(json.dumps({"address": place, "data": str(data), "issuer_key": key}))
        else:
            click.echo(f"The issuer is at {place}\nPublic key to ship in apps and to give to servers: {key}")

    logs.install(as_json)
    serve(settings, tell)


def _at_rest(settings: IssuerSettings, count: int | None, revoke: str | None) -> list[str]:
    """Make vouchers, or revoke a key; return the vouchers."""
    from keyart_server.issuer.issuer_process import open_issuer

    with open_issuer(settings.data, attestation=settings.attestation) as opened:
        if revoke is not None:
            try:
                key = bytes.fromhex(revoke)
            except ValueError:
                key = b""
            if len(key) != 32:
                raise SettingError("--revoke is not a device's public key of 64 hexadecimal digits.")
            opened.authority.revoke(key)
        return [] if count is None else opened.authority.vouchers(count)
