"""`keyart campaign rounds | results | export`: what the rounds of a campaign were and gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import write_json
from .output_path import check_output_path
from .server_connection import campaign_id, connected, limit_option, show_list

if TYPE_CHECKING:
    from keyart_tools.remote import ApiClient

NO_RESULTS = "No round of this campaign has a result yet."
FORMATS = ("csv", "json")
format_option = click.option(
    "--format", "form", type=click.Choice(FORMATS), default="csv", show_default=True, help="Form of the file."
)
table_option = click.option(
    "--table", type=click.Choice(["results", "rounds"]), default="results", show_default=True,
    help="Rows of the CSV file; JSON holds both.",
)  # fmt: skip
out_option = click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE", help="File to write."
)


@click.command(short_help="List the rounds of a campaign.")
@campaign_id
@limit_option
@connected
def rounds(api: ApiClient, campaign_id: str, limit: int | None, as_json: bool) -> None:
    """List the rounds of the campaign ID, newest first: status, devices at each stage, ε and failures.

    \b
    Example:
      keyart campaign rounds 0f3c9a51d2b84e67 --limit 10
    """
    from keyart_tools.remote.object_tables import ROUNDS

    show_list(
        api.items(f"campaigns/{campaign_id}/rounds", limit), ROUNDS, as_json, "This campaign has had no round yet."
    )


@click.command(short_help="Show the results of a campaign.")
@campaign_id
@limit_option
@connected
def results(api: ApiClient, campaign_id: str, limit: int | None, as_json: bool) -> None:
    """Show the results of the campaign ID, newest round first: rates, differences and verdicts with their intervals.

    Results that noise drowns are shown as such, with their interval.

    \b
    Example:
      keyart campaign results 0f3c9a51d2b84e67 --limit 1
      keyart campaign results 0f3c9a51d2b84e67 --json
    """
    show_results(api, campaign_id, limit, as_json)


@click.command(short_help="Export rounds and results as CSV or JSON.")
@campaign_id
@format_option
@table_option
@out_option
@connected
def export(api: ApiClient, campaign_id: str, form: str, table: str, out: Path, as_json: bool) -> None:
    """Export the campaign ID to a file: its results or its rounds as CSV, or everything as JSON.

    An existing file is replaced if it is of the same format.

    \b
    Example:
      keyart campaign export 0f3c9a51d2b84e67 --out spring.csv
      keyart campaign export 0f3c9a51d2b84e67 --format csv --table rounds --out rounds.csv
      keyart campaign export 0f3c9a51d2b84e67 --format json --out spring.json
    """
    export_campaign(api, campaign_id, form, table, out, as_json)


def show_results(api: ApiClient, campaign_id: str, limit: int | None, as_json: bool) -> None:
    """Write the results of a campaign: as JSON objects a round, or as a table with a row a number."""
    from keyart_tools.remote.result_rows import RESULT_COLUMNS, result_rows

    found = api.items(f"campaigns/{campaign_id}/results", limit)
    if as_json:
        show_list(found, (), True, NO_RESULTS)
    else:
        show_list(result_rows(found), RESULT_COLUMNS, False, NO_RESULTS)


def export_campaign(api: ApiClient, campaign_id: str, form: str, table: str, out: Path, as_json: bool) -> None:
    """Write the rounds and results of a campaign to a file, as a whole or not at all."""
    from keyart.bundle import replace_file
    from keyart_tools.remote.result_rows import RESULT_FIELDS, ROUND_FIELDS, csv_text, result_rows, round_rows

    check_output_path(out, f"{form} file", f"export.{form}", lambda path: path.suffix.lower() == f".{form}")
    path = f"campaigns/{campaign_id}"
    campaign = api.get(path)
    if form == "json":
        document = {
            "campaign": campaign,
            "rounds": list(api.items(f"{path}/rounds")),
            "results": list(api.items(f"{path}/results")),
        }
        text, count = json.dumps(document, ensure_ascii=False, indent=1) + "\n", len(document["results"])
    elif table == "rounds":
        rows = list(round_rows(api.items(f"{path}/rounds")))
        text, count = csv_text(rows, ROUND_FIELDS), len(rows)
    else:
        rows = list(result_rows(api.items(f"{path}/results")))
        text, count = csv_text(rows, RESULT_FIELDS), len(rows)
    replace_file(out, text.encode())
    what = "results" if form == "json" else f"rows of {table}"
    if as_json:
        write_json({"campaign": campaign_id, "out": str(out), "format": form, "entries": count})
    else:
        click.echo(f"Wrote {count:,} {what} to {out}.")
