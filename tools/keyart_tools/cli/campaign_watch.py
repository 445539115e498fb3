"""`keyart campaign watch`: the progress of a campaign, live, until it ends."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from .console import styled
from .server_connection import campaign_id, connected

if TYPE_CHECKING:
    from keyart_tools.remote import ApiClient
    from keyart_tools.remote.observation import Observation

every_option = click.option(
    "--every", type=click.FloatRange(0.1, 3600), default=2.0, show_default=True, metavar="SECONDS",
    help="Pause between two looks at the server.",
)  # fmt: skip


@click.command(short_help="Follow a campaign until it ends.")
@campaign_id
@every_option
@connected
def watch(api: ApiClient, campaign_id: str, every: float, as_json: bool) -> None:
    """Follow the campaign ID until it ends: devices at each stage of the round against the minimum, ε, and waiting.

    The exit code is 0 if the campaign has completed, 1 if it was stopped, and 130 after Ctrl-C, which does not affect
    the campaign. A server that restarts is waited for. Without a terminal, each change is a line; with --json, a line
    of JSON.

    \b
    Example:
      keyart campaign watch 0f3c9a51d2b84e67
      keyart campaign watch 0f3c9a51d2b84e67 --every 10 --json > progress.jsonl
    """
    from keyart_tools.remote.observation import observe

    observations = observe(api, campaign_id, lambda: time.sleep(every))
    show = _show_json if as_json else _show_live if sys.stdout.isatty() else _show_lines
    last = show(observations)
    if not last.progress.succeeded:
        raise click.ClickException(f"Campaign {campaign_id} was {last.progress.state} before its last round.")


def _show_json(observations: Iterator[Observation]) -> Observation:
    for observation in observations:
        document = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **observation.document()}
        click.echo(json.dumps(document, ensure_ascii=False, allow_nan=False))
    return observation


def _show_lines(observations: Iterator[Observation]) -> Observation:
    from keyart_tools.remote.campaign_progress import summary

    shown: dict[str, str] = {}
    for observation in observations:
        progress = observation.progress
        lines = {"progress": summary(progress), "waiting": progress.waiting, "silence": observation.silence}
        for name, text in lines.items():
            if text and text != shown.get(name):
                click.echo(f"{datetime.now(UTC):%H:%M:%S} {text}")
        shown = lines
    return observation


def _show_live(observations: Iterator[Observation]) -> Observation:
    from rich.live import Live

    from keyart_tools.remote.campaign_progress import lines

    with Live(auto_refresh=False) as live:
        for observation in observations:
            shown = lines(observation.progress) + (["", observation.silence] if observation.silence else [])
            live.update(styled(shown), refresh=True)
    return observation
