"""`keyart inspect`: contents of a file or folder of keyart, and differences of two of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .console import json_option, one_thread_a_process, print_table, progress, write_json
from .evaluation_options import evaluation_options, read_evaluation_set
from .options import PATH

COMPARED = ("bundle", "catalog")


@click.command(short_help="Show what a bundle, catalogue, log or other file contains.")
@click.argument("path", type=PATH)
@click.argument("other", type=PATH, required=False)
@click.option("--title", "title_id", metavar="ID", help="Show one title of a catalogue, with its artworks.")
@click.option(
    "--passphrase-file", type=PATH,
    help="File whose first line is a profile's passphrase; adds counts, never titles or keys.",
)  # fmt: skip
@click.option(
    "--profile", default="default", show_default=True, metavar="NAME", help="Name of the profile within the file."
)
@evaluation_options
@json_option
def inspect(
    path: Path,
    other: Path | None,
    title_id: str | None,
    passphrase_file: Path | None,
    profile: str,
    as_json: bool,
    **judged_on: Any,
) -> None:
    """Show the contents of PATH.

    PATH is a bundle folder, a folder of installed bundles, a catalogue, a model file, a log, a profile, a tagging
    folder, or a picture.

    A log with rows that cannot be read is described without them, and the exit code is 1.

    With OTHER, a second bundle or catalogue, show how they differ; with --world or --log, also compare two bundles on
    the same slates.

    \b
    Example:
      keyart inspect build/demo/bundle
      keyart inspect catalog.json --title t1 --json
      keyart inspect profile.db --passphrase-file passphrase.txt
      keyart inspect old/bundle new/bundle --world synthetic --slates 2000
    """
    one_thread_a_process()
    from keyart_tools.inspection import kind_at

    kind = kind_at(path)
    if title_id is not None and (kind.name != "catalog" or other is not None):
        raise click.UsageError("--title applies to a catalogue, and PATH is not one.")
    if passphrase_file is not None and kind.name != "profile":
        raise click.UsageError("--passphrase-file applies to a profile, and PATH is not one.")
    if other is None and (judged_on["world"] is not None or judged_on["log"] is not None):
        raise click.UsageError("--world and --log compare two bundles; give a second bundle.")
    if other is not None:
        document, tables = _compared(path, other, kind.name, judged_on)
    else:
        options: dict[str, Any] = {}
        if title_id is not None:
            options = {"title_id": title_id}
        elif passphrase_file is not None:
            options = {"passphrase": _passphrase(passphrase_file), "profile": profile}
        document = kind.document(path, **options)
        tables = kind.tables(document)
    if as_json:
        write_json(document)
    else:
        print_table(*tables)
    if document.get("broken_rows"):
        raise click.exceptions.Exit(1)


def _compared(path: Path, other: Path, kind: str, judged_on: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    from datetime import timedelta

    from keyart import Policy
    from keyart_tools.inspection import differences, kind_at

    other_kind = kind_at(other).name
    if kind != other_kind or kind not in COMPARED:
        raise click.UsageError(
            f"Only two bundles or two catalogues can be compared, not a {kind} and a {other_kind}."
        )
    evaluation_set = read_evaluation_set(**judged_on)
    if kind == "catalog":
        if evaluation_set is not None:
            raise click.UsageError("--world and --log compare bundles, not catalogues.")
        document = differences.catalogs(path, other)
    else:
        with progress("slates") as tell:
            document = differences.bundles(path, other, evaluation_set, Policy(stickiness=timedelta(0)), tell)
    return document, differences.tables(document)


def _passphrase(path: Path) -> str:
    """Return the first line of the file; a passphrase on the command line would stay in the shell's history."""
    from keyart.errors import SettingError

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise SettingError(f"{path} is not a text file; write the passphrase on its first line.") from None
    if not lines or not lines[0]:
        raise SettingError(f"{path} is empty; write the passphrase on its first line.")
    return lines[0]
