"""`keyart inspect`: what is in a file or folder of keyart's, and how two of them differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .console import json_option, one_thread_a_process, print_table, progress, write_json
from .evaluation_options import evaluation_options, read_evaluation_set

COMPARED = ("bundle", "catalog")


@click.command(short_help="What is in a bundle, catalogue, model, log, profile or picture.")
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path), required=False)
@click.option("--title", "title_id", metavar="ID", help="One title of a catalogue, with its artworks.")
@click.option(
    "--passphrase-file", type=click.Path(path_type=Path),
    help="Of a profile: file with its passphrase on the first line. Counts are shown, and no title and no key.",
)  # fmt: skip
@click.option("--profile", default="default", show_default=True, metavar="NAME", help="Which profile of the file.")
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
    """Show what is at PATH: a bundle's folder, a folder of installed bundles, a catalogue, a model file, a log, a
    profile, a tagging folder, or a picture.

    With OTHER, a second bundle or catalogue, show how they differ; with --world or --log, how two bundles do on the
    same slates.

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
        raise click.UsageError("--title belongs to a catalogue's file, and PATH is none.")
    if passphrase_file is not None and kind.name != "profile":
        raise click.UsageError("--passphrase-file belongs to a profile, and PATH is none.")
    if other is None and (judged_on["world"] is not None or judged_on["log"] is not None):
        raise click.UsageError("--world and --log are for two bundles; give the second one, too.")
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


def _compared(path: Path, other: Path, kind: str, judged_on: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    from datetime import timedelta

    from keyart import Policy
    from keyart_tools.inspection import differences, kind_at

    of_other = kind_at(other).name
    if kind != of_other or kind not in COMPARED:
        raise click.UsageError(f"Two bundles or two catalogues can be compared, not a {kind} and a {of_other}.")
    occasions = read_evaluation_set(**judged_on)
    if kind == "catalog":
        if occasions is not None:
            raise click.UsageError("--world and --log judge bundles, and these are catalogues.")
        document = differences.catalogs(path, other)
    else:
        with progress("slates") as tell:
            document = differences.bundles(path, other, occasions, Policy(stickiness=timedelta(0)), tell)
    return document, differences.tables(document)


def _passphrase(path: Path) -> str:
    """The first line; a passphrase on the command line would stand in the shell's history."""
    from keyart.errors import SettingError

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise SettingError(f"{path} is no text; write the passphrase on its first line.") from None
    if not lines or not lines[0]:
        raise SettingError(f"{path} is empty; write the passphrase on its first line.")
    return lines[0]
