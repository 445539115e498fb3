"""`keyart history`: import a user's viewing export into their encrypted profile."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import json_option, note, print_table, progress, write_json
from .options import PATH

if TYPE_CHECKING:
    from keyart import Catalog, PassphraseKey
    from keyart_tools.history import MatchedViews, ViewingHistory

MAX_SHOWN = 20  # names in a table where there may be thousands
MAX_ZONE_OFFSET = timedelta(hours=14)  # the largest offset of a time zone from UTC


class _ImportByDefault(click.Group):
    """A group that reads `keyart history FILE` as `keyart history import FILE`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None:
            args = ["import", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_ImportByDefault, short_help="Import a user's viewing history into their profile.")
def history() -> None:
    """Import a user's viewing history, as exported by their streaming service, into their encrypted profile.

    \b
    Example:
      keyart history import ViewingActivity.csv --catalog catalog.json --dry-run --json
      keyart history import ViewingActivity.csv --catalog catalog.json --profile me.db --consent
    """


@history.command("import", short_help="Import a viewing export into a profile.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--catalog", type=PATH, required=True, help="Catalogue to match the titles against.")
@click.option("--profile", type=PATH, help="Profile file; created if it does not exist.")
@click.option("--profile-name", metavar="NAME", help="Person whose rows to import, if FILE holds several people.")
@click.option(
    "--passphrase-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File whose first line is the profile's passphrase.  [default: ask for it]",
)  # fmt: skip
@click.option(
    "--consent", is_flag=True,
    help="Grant the consent \"personalization\" in the user's name; without it nothing is stored.",
)  # fmt: skip
@click.option(
    "--dates", type=click.Choice(["dmy", "mdy", "ymd"]), help="Order of day, month and year in FILE, if ambiguous."
)
@click.option("--dry-run", is_flag=True, help="Report what would be imported, without opening a profile.")
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
    """Add the views in FILE to a user's profile; nothing else is written.

    FILE is an export of Netflix (ViewingActivity.csv, NetflixViewingHistory.csv), another CSV file with the columns
    title (or title_id) and at, and optionally seconds, device and profile, or a JSON list of such objects. Trailers,
    autoplayed titles and hidden titles are left out. Titles are matched to the catalogue by name; titles without a
    match are listed. Importing the same file again adds nothing.

    \b
    Example:
      keyart history import ViewingActivity.csv --catalog catalog.json --dry-run
      keyart history import ViewingActivity.csv --catalog catalog.json --profile me.db --profile-name Ana --consent
    """
    if profile is None and not dry_run:
        raise click.UsageError("Name the profile with --profile, or use --dry-run to preview the import.")
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
        note("A profile keeps a view for 90 days after its import, unless the app sets another retention.")


def _added(matched: MatchedViews, titles: Catalog, profile: Path, passphrase_file: Path | None, consent: bool) -> int:
    from keyart import Personalizer
    from keyart.errors import HistoryError
    from keyart.profile import CONSENT_TEXTS
    from keyart_tools.history import add

    if not consent and not profile.exists():
        raise HistoryError(
            f"{profile} does not exist, and a new profile has no consent; if the user agrees, add --consent."
        )
    with Personalizer.open(profile, catalog=titles, keys=_keys(profile, passphrase_file)) as art:
        if consent and not art.consent.allows("personalization"):
            note(f"Granted: {CONSENT_TEXTS['personalization']}")
            art.consent.grant("personalization")
        if not art.profiled:
            raise HistoryError(f"{profile} has no consent to store a history; if the user agrees, add --consent.")
        with progress("views") as tell:
            return add(matched.views, art, tell)


def _keys(profile: Path, passphrase_file: Path | None) -> PassphraseKey:
    from keyart import PassphraseKey
    from keyart_tools.text.text_files import read_text

    if passphrase_file is not None:
        return PassphraseKey(read_text(passphrase_file, "passphrase file").partition("\n")[0])
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for the passphrase; use --passphrase-file.")
    new = not profile.exists()
    return PassphraseKey(click.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True))


def _document(
    file: Path, profile_name: str | None, viewings: ViewingHistory, matched: MatchedViews, added: int | None
) -> dict[str, Any]:
    """Return the result as plain values; `added` is None for a dry run."""
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
        """Escape markup and control characters of a name in the file."""
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
            f"Unreadable: {len(document['unreadable']):,}, first line {first['line']}: {shown(first['what'])}."
        )
    if document["added"] is None:
        lines.append("Nothing was written (--dry-run).")
    else:
        lines.append(f"Added: {document['added']:,}; already stored: {document['already_there']:,}.")
    tables: list[Table | str] = [*lines]
    for name, first, second in (("nearly", "similar name", "matched to"), ("unmatched", "not found", "views")):
        if document[name]:
            table = Table(first, second)
            for key, value in list(document[name].items())[:MAX_SHOWN]:
                table.add_row(shown(key), f"{value:,}" if isinstance(value, int) else shown(value))
            more = len(document[name]) - MAX_SHOWN
            tables += [table, f"and {more:,} more; --json lists all"] if more > 0 else [table]
    print_table(*tables)
