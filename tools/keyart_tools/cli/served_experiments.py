"""`keyart experiment list | show | export`: the A/B tests that a coordinating server runs on the fleet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .campaign_results import export_campaign, format_option, out_option, show_results, table_option
from .console import write_json
from .server_connection import campaign_id, connected, limit_option, show_list, show_object

if TYPE_CHECKING:
    from keyart_tools.remote import ApiClient


@click.command("list", short_help="List the experiments of a server.")
@limit_option
@connected
def list_experiments(api: ApiClient, limit: int | None, as_json: bool) -> None:
    """List the experiments that a coordinating server runs or has run, with their verdicts.

    `keyart campaign create --kind experiment` creates one.

    \b
    Example:
      keyart experiment list
      keyart experiment list --json
    """
    from keyart_tools.remote.object_tables import EXPERIMENTS

    show_list(api.items("experiments", limit), EXPERIMENTS, as_json, "There is no experiment.")


@click.command(short_help="Show one experiment of a server.")
@campaign_id
@connected
def show(api: ApiClient, campaign_id: str, as_json: bool) -> None:
    """Show the experiment ID of a coordinating server: its settings, and the effects at its last interim analysis.

    \b
    Example:
      keyart experiment show 0f3c9a51d2b84e67
    """
    campaign = api.get(f"campaigns/{campaign_id}")
    if campaign.get("kind") != "experiment":
        raise click.ClickException(
            f"Campaign {campaign_id} is of kind {campaign.get('kind')}; see `keyart campaign show {campaign_id}`."
        )
    if as_json:
        newest = list(api.items(f"campaigns/{campaign_id}/results", 1))
        write_json({**campaign, "result": newest[0] if newest else None})
        return
    show_object(campaign, f"Experiment {campaign_id}")
    show_results(api, campaign_id, 1, False)


@click.command(short_help="Export an experiment as CSV or JSON.")
@campaign_id
@format_option
@table_option
@out_option
@connected
def export(api: ApiClient, campaign_id: str, form: str, table: str, out: Path, as_json: bool) -> None:
    """Export the experiment ID of a coordinating server to a file: effects of all interim analyses, or its rounds.

    \b
    Example:
      keyart experiment export 0f3c9a51d2b84e67 --out warm.csv
    """
    export_campaign(api, campaign_id, form, table, out, as_json)
