"""`keyart doctor`: problems of this machine, and their remedies."""

from __future__ import annotations

import os
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import json_option, note, print_table, write_json
from .options import PATH

if TYPE_CHECKING:
    from keyart_tools.doctor import Finding


@click.command(short_help="Check this machine and suggest remedies.")
@click.option("--profile", type=PATH, help="Profile file to check; no key is needed.")
@click.option("--bundle", type=PATH, help="Bundle folder to verify on both engines.")
@json_option
@click.pass_context
def doctor(ctx: click.Context, profile: Path | None, bundle: Path | None, as_json: bool) -> None:
    """Check versions, engines, telemetry, permissions, clock, disk and Flower, and suggest a remedy for each finding.

    Nothing is written, and no network is used. Exit code 0: no problem, possibly warnings. 1: problems.

    \b
    Example:
      keyart doctor
      keyart doctor --profile profile.db --bundle build/demo/bundle
      keyart doctor --json
    """
    from keyart_tools.doctor import findings, read

    places = Path.home(), Path(click.get_app_dir("keyart")), Path.cwd()
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    results = findings(read(dict(os.environ), *places, datetime.now().astimezone(), encoding, profile, bundle))
    count = Counter(finding.state for finding in results)
    if as_json:
        write_json(document(results))
    else:
        _show(results)
    if count["problem"]:
        note(f"{count['problem']} of {len(results)} checks found a problem.")
        ctx.exit(1)


def document(results: tuple[Finding, ...]) -> dict[str, object]:
    """Return the findings as plain values, with the number of problems and warnings."""
    from dataclasses import asdict

    count = Counter(finding.state for finding in results)
    return {
        "problems": count["problem"],
        "warnings": count["warning"],
        "findings": [asdict(finding) for finding in results],
    }


def _show(results: tuple[Finding, ...]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("")
    table.add_column("check", no_wrap=True)
    table.add_column("observation", overflow="fold")
    style = {"ok": "green", "warning": "yellow", "problem": "bold red"}
    for finding in results:
        seen = escape(finding.seen) + (f"\n→ {escape(finding.remedy)}" if finding.remedy else "")
        table.add_row(
            finding.state, finding.name, seen, style=None if finding.state == "ok" else style[finding.state]
        )
    print_table(table)
