"""`keyart top`: a live overview of a coordinating server and its fleet."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from .console import styled, write_json
from .server_connection import connected

if TYPE_CHECKING:
    from keyart_tools.remote import ApiClient
    from keyart_tools.remote.fleet_overview import Overview

TERMINAL = (80, 24)  # columns and lines, if stdout is none


@click.command(short_help="Show a live overview of a server and its fleet.")
@click.option(
    "--every", type=click.FloatRange(0.5, 3600), default=5.0, show_default=True, metavar="SECONDS",
    help="Pause between two looks at the server.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Print one frame and end; so it is without a terminal, too.")
@connected
def top(api: ApiClient, every: float, once: bool, as_json: bool) -> None:
    """Show campaigns with their active rounds, releases, devices, gateways and the privacy budget until Ctrl-C.

    \b
    Example:
      keyart top
      keyart top --once
    """
    overview = _read(api)
    if as_json:
        write_json(overview.document())
    elif once or not sys.stdout.isatty():
        click.echo("\n".join(_frame(overview)))
    else:
        with suppress(KeyboardInterrupt):  # the way to end it
            _live(api, overview, every)


def _live(api: ApiClient, overview: Overview, every: float) -> None:
    from rich.live import Live

    from keyart.errors import ServerUnreachable

    remark = ""
    with Live(screen=True, auto_refresh=False) as live:
        while True:
            live.update(styled(_frame(overview, remark)), refresh=True)
            time.sleep(every)
            try:
                overview, remark = _read(api), ""
            except ServerUnreachable as error:
                remark = f"Since {overview.at:%H:%M:%S} UTC: {error}"


def _frame(overview: Overview, remark: str = "") -> list[str]:
    from keyart_tools.remote.fleet_overview import frame

    width, height = shutil.get_terminal_size(TERMINAL)
    return frame(overview, width, height - 1, remark)


def _read(api: ApiClient) -> Overview:
    from keyart_tools.remote.observation import read_overview

    return read_overview(api, datetime.now(UTC))
