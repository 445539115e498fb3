"""`keyart history`: a person's own viewing export into their encrypted profile."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import json_option, note, print_table, progress, write_json

if TYPE_CHECKING:
    from keyart import Catalog, PassphraseKey
    from keyart_tools.history import MatchedViews, ViewingHistory

MAX_SHOWN = 20  # names in a table where there may be thousands
MAX_ZONE_OFFSET = timedelta(hours=14)  # somewhere it is tomorrow already


class _ImportByDefault(click.Group):
    """`keyart history FILE` is `keyart history import FILE`: there is only one thing to do with a file."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None:
            args = ["import", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_ImportByDefault, short_help="A person's own viewing export, into their profile.")
def history() -> None:
    """Take a person's own viewing history, as their streaming service gives it out, into their encrypted profile.

    \b
    Example:
      keyart history import ViewingActivity.csv --catalog catalog.json --dry-run --json
      keyart history import ViewingActivity.csv --catalog catalog.json --profile me.db --consent
    """


@history.command("import", short_help="Add a viewing export to a profile.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--catalog", type=click.Path(path_type=Path), required=True, help="The catalogue to find the titles in."
)
@click.option("--profile", type=click.Path(path_type=Path), help="The profile; it is made if there is none.")
@click.option("--profile-name", metavar="NAME", help="Whose rows, where FILE holds several people's.")
@click.option(
    "--passphrase-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file whose first line is the profile's passphrase; it is asked for otherwise.",
)  # fmt: skip
@click.option(
    "--consent", is_flag=True,
    help="The person agrees to be chosen for: grants \"personalization\", without which nothing may be kept.",
)  # fmt: skip
@click.option(
    "--dates", type=click.Choice(["dmy", "mdy", "ymd"]), help="How FILE writes days, where it is not clear."
)
@click.option("--dry-run", is_flag=True, help="Say what would be imported; no profile is opened.")
@json_option
def import_(
    file: Path,
    catalog: Path,
    profile: Path | None,
    profile_name: str | None,
    passphrase_file: Path | None,
    consent: bool,
    dates: Any,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Add what a person watched, from FILE, to their profile; nothing else is written.

    FILE is what Netflix gives out (ViewingActivity.csv, NetflixViewingHistory.csv), another CSV with the columns
    title (or title_id), at, and perhaps seconds, device and profile, or a JSON list of such objects. Trailers, what
    played by itself and what the person has hidden are left out. Titles are found by name in the catalogue; those
    that are not are listed. Importing the same file again adds nothing.

    \b
    Example:
      keyart history import ViewingActivity.csv --catalog catalog.json --dry-run
      keyart history import ViewingActivity.csv --catalog catalog.json --profile me.db --profile-name Ana --consent
    """
    if profile is None and not dry_run:
        raise click.UsageError("Name the profile with --profile, or look first with --dry-run.")
    from keyart import Catalog
    from keyart_tools.history import match, read_history

    titles = Catalog.load(catalog)
    viewings = read_history(file, (datetime.now(UTC) + MAX_ZONE_OFFSET).date(), dates)
    matched = match(viewings.of_profile(profile_name), titles)
    added = None if dry_run or profile is None else _added(matched, titles, profile, passphrase_file, consent)
    document = _document(file, profile_name, viewings, matched, added)
    if as_json:
        write_json(document)
    else:
        _show(document)
    if added:
        note("A profile keeps a view for 90 days from its import on, unless the app says otherwise.")


def _added(matched: MatchedViews, titles: Catalog, profile: Path, passphrase_file: Path | None, consent: bool) -> int:
    from keyart import Personalizer
    from keyart.errors import HistoryError
    from keyart.profile.consent import TEXTS
    from keyart_tools.history import add

    if not consent and not profile.exists():
        raise HistoryError(
            f"{profile} is not there, and a new profile has no consent; if the person agrees, say --consent."
        )
    with Personalizer.open(profile, catalog=titles, keys=_keys(profile, passphrase_file)) as art:
        if consent and not art.consent.allows("personalization"):
            note(f"Granted: {TEXTS['personalization']}")
            art.consent.grant("personalization")
        if not art.profiled:
            raise HistoryError(f"{profile} has no consent to keep a history; if the person agrees, say --consent.")
        with progress("views") as tell:
            return add(matched.views, art, tell)


def _keys(profile: Path, passphrase_file: Path | None) -> PassphraseKey:
    from keyart import PassphraseKey
    from keyart_tools.text.text_files import read_text

    if passphrase_file is not None:
        return PassphraseKey(read_text(passphrase_file, "passphrase file").partition("\n")[0])
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for the passphrase; give --passphrase-file.")
    new = not profile.exists()
    return PassphraseKey(click.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True))


def _document(
    file: Path, profile_name: str | None, viewings: ViewingHistory, matched: MatchedViews, added: int | None
) -> dict[str, Any]:
    """added: None where nothing was to be written."""
    days = [view.at.date().isoformat() for view in matched.views]
    return {
        "file": click.format_filename(file),
        "form": viewings.form,
        "profiles": {name: rows for name, rows in viewings.profiles().items() if name},
        "profile": profile_name,
        "left_out": dict(viewings.left_out),
        "unreadable": [{"line": line, "what": what} for line, what in viewings.unreadable],
        "matched": len(matched.views),
        "matched_by": dict(matched.by),
        "from": min(days, default=None),
        "to": max(days, default=None),
        "nearly": matched.nearly,
        "unmatched": dict(matched.unmatched.most_common()),
        "added": added,
        "already_there": None if added is None else len(matched.views) - added,
    }


def _show(document: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    def shown(text: str) -> str:
        """A name out of the file: no markup of ours, and no command to the terminal."""
        return escape("".join(letter if letter.isprintable() else "\ufffd" for letter in text))

    rows = document["matched"] + sum(document["unmatched"].values())
    spans = f", {document['from']} to {document['to']}" if document["from"] else ""
    lines = [
        f"{shown(document['file'])} ({document['form']}): {document['matched']:,} of {rows:,} views matched{spans}."
    ]
    if document["left_out"]:
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in document["left_out"].items())
        lines.append(f"Left out: {left_out}.")
    if document["unreadable"]:
        first = document["unreadable"][0]
        lines.append(
            f"Not readable: {len(document['unreadable']):,}, first line {first['line']}: {shown(first['what'])}."
        )
    if document["added"] is None:
        lines.append("Nothing was written (--dry-run).")
    else:
        lines.append(f"Added: {document['added']:,}; already there: {document['already_there']:,}.")
    tables: list[Table | str] = [*lines]
    for name, first, second in (("nearly", "nearly the same name", "taken for"), ("unmatched", "not found", "views")):
        if document[name]:
            table = Table(first, second)
            for key, value in list(document[name].items())[:MAX_SHOWN]:
                table.add_row(shown(key), f"{value:,}" if isinstance(value, int) else shown(value))
            more = len(document[name]) - MAX_SHOWN
            tables += [table, f"and {more:,} more; --json lists all"] if more > 0 else [table]
    print_table(*tables)
