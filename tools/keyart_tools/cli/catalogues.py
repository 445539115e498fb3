"""`keyart catalog`: import, merge, measure, check, show and pack catalogues."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import json_option, note, one_thread_a_process, print_table, progress, write_json
from .options import COUNT, PATH
from .output_path import check_output_path

if TYPE_CHECKING:
    from keyart import Catalog
    from keyart_tools.catalogues import CatalogFinding, ImportIssue, ImportIssues, ImportResult

MAX_SHOWN = 20  # sentences or ids, where there may be thousands
EXISTING = click.Path(exists=True, path_type=Path)
CATALOG_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("catalog", short_help="Import, merge, measure, check, show and pack catalogues.")
def catalog() -> None:
    """Bring a catalogue in from what you have, merge it, tag its pictures, check it, and look at it.

    \b
    Example:
      keyart catalog import Films --out catalog.json
      keyart catalog merge catalog.json build/film/catalog.json --out merged.json
      keyart catalog measure catalog.json
      keyart catalog check catalog.json
      keyart catalog show catalog.json --sheet sheet.html
      keyart catalog pack catalog.json --out catalog.compact
    """


@catalog.command("import", short_help="Make a catalogue of films, tables or JSON.")
@click.argument("sources", metavar="SOURCE ...", type=EXISTING, nargs=-1, required=True)
@click.option(
    "--out", type=PATH, required=True, help="Catalogue to write; an earlier one is replaced when all is read."
)
@click.option(
    "--kind", type=click.Choice(["nfo", "csv", "tmdb"]), help="Kind of the sources.  [default: by name and content]"
)
@click.option(
    "--no-look", is_flag=True,
    help="Take the pictures of a table as the app's own names; do not look for the files.",
)  # fmt: skip
@json_option
def import_(sources: tuple[Path, ...], out: Path, kind: Any, no_look: bool, as_json: bool) -> None:
    """Make a catalogue of each SOURCE.

    SOURCE is a folder of films with NFO files and artwork as Kodi and Jellyfin keep them, a folder that `keyart tag`
    wrote, a CSV file, or details of films as TMDB's API answers them (JSON, JSON lines, or a folder of such files).
    What is broken is named with file and line and left out, everything else is imported; the exit code is then 1.
    Nothing is fetched.

    \b
    Example:
      keyart catalog import Films --out catalog.json
      keyart catalog import titles.csv --out catalog.json --no-look --json
    """
    _check_out(out)
    from keyart_tools.catalogues import import_catalog

    with progress("folders and files") as tell:
        result = import_catalog(sources, out.parent, kind, not no_look, tell)
    if result.catalog is not None:
        result.catalog.save(out)
    broken = result.issues.broken
    if result.catalog is not None or len(broken) > 1:
        _tell_issues(result.issues)
    if as_json:
        write_json(_import_document(sources, out, result))
    elif result.catalog is not None:
        _show_import(out, result)
    if result.catalog is None:
        why = _one_line(broken[0]) if len(broken) == 1 else "each source is broken, or holds no film."
        raise click.ClickException(f"No title was imported, and nothing was written: {why}")
    if broken:
        raise click.exceptions.Exit(1)


def _check_out(out: Path) -> None:
    """Require a file that can be written, or a catalogue that can be replaced."""
    check_output_path(out, "catalogue", "catalog.json", _is_catalog)


def _is_catalog(path: Path) -> bool:
    from keyart import Catalog
    from keyart.errors import CatalogError

    with path.open("rb") as file:
        if b'"keyart-catalog/' in file.read(100):
            return True
    try:
        Catalog.load(path)
    except CatalogError:
        return False
    return True


def _tell_issues(issues: ImportIssues) -> None:
    for issue in issues.broken[:MAX_SHOWN]:
        note(f"Broken: {_one_line(issue)}")
    more = len(issues.broken) - MAX_SHOWN
    if more > 0:
        note(f"and {more:,} more that are broken; --json lists all.")


def _one_line(issue: ImportIssue) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in str(issue)).split())


def _import_document(sources: Sequence[Path], out: Path, result: ImportResult) -> dict[str, Any]:
    def entries(issues: Sequence[ImportIssue]) -> list[dict[str, Any]]:
        return [{"file": issue.file, "line": issue.line, "what": issue.what} for issue in issues]

    imported = result.catalog or ()
    return {
        "sources": [click.format_filename(source) for source in sources],
        "out": click.format_filename(out) if result.catalog is not None else None,
        "titles": len(imported),
        "artworks": sum(len(title.artworks) for title in imported),
        "titles_by_kind": dict(result.by_kind),
        "without_duration": sum(not title.duration for title in imported),
        "unrated_artworks": sum(not artwork.maturity for title in imported for artwork in title.artworks),
        "broken": entries(result.issues.broken),
        "notes": entries(result.issues.notes),
        "left_out": dict(result.issues.left_out),
    }


def _show_import(out: Path, result: ImportResult) -> None:
    document = _import_document((), out, result)
    lines = [
        f"{document['out']}: {document['titles']:,} titles with {document['artworks']:,} artworks; "
        f"{document['without_duration']:,} titles have no duration, {document['unrated_artworks']:,} artworks no age "
        "rating."
    ]
    if document["left_out"]:
        lines.append("Left out: " + ", ".join(f"{n:,} {what}" for what, n in document["left_out"].items()) + ".")
    notes = result.issues.notes
    lines += [f"Note: {_one_line(issue)}" for issue in notes[:5]]
    if len(notes) > 5:
        lines.append(f"and {len(notes) - 5:,} more notes; --json lists all.")
    print_table(*lines)


@catalog.command(short_help="Merge catalogues; the later one holds.")
@click.argument("catalogs", metavar="CATALOG ...", type=CATALOG_FILE, nargs=-1, required=True)
@click.option("--out", type=PATH, required=True, help="Catalogue to write; it may be one of those that are merged.")
@json_option
def merge(catalogs: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Merge each CATALOG into those before it: titles by id, and their artworks by id.

    Where two disagree, the later one holds, and the conflict is named. Of tags, those of a kind come from the later
    title if it has any of that kind.

    \b
    Example:
      keyart catalog merge catalog.json build/film/catalog.json --out merged.json
    """
    if len(catalogs) < 2:
        raise click.UsageError("Name at least two catalogues to merge.")
    _check_out(out)
    from keyart import Catalog
    from keyart_tools.catalogues import merge_catalogs

    merged = merge_catalogs([(path, Catalog.load(path)) for path in catalogs], out.parent)
    merged.catalog.save(out)
    changes = (
        "added_titles", "changed_titles", "missing_titles", "added_artworks", "replaced_artworks", "missing_artworks",
    )  # fmt: skip
    document: dict[str, Any] = {"out": click.format_filename(out), "titles": len(merged.catalog)}
    document |= {name: list(getattr(merged, name)) for name in (*changes, "conflicts")}
    if as_json:
        write_json(document)
        return
    from keyart_tools.inspection.tables import plain, some, table

    shown = table(f"{document['out']}: {document['titles']:,} titles", "", "ids")
    for name in changes:
        shown.add_row(name.replace("_", " "), some(document[name]))
    conflicts = [f"Conflict: {sentence}" for sentence in document["conflicts"][:MAX_SHOWN]]
    more = len(document["conflicts"]) - MAX_SHOWN
    if more > 0:
        conflicts.append(f"and {plain(more)} more conflicts; --json lists all.")
    print_table(shown, *conflicts)


@catalog.command(short_help="Write the compact file that devices load.")
@click.argument("catalog_file", metavar="CATALOG", type=CATALOG_FILE)
@click.option("--out", type=PATH, required=True, help="Compact file to write; it may be CATALOG itself.")
@json_option
def pack(catalog_file: Path, out: Path, as_json: bool) -> None:
    """Write CATALOG as a compact file, which a device maps into memory instead of reading it.

    `keyart.Catalog.load` and all commands read either form. With thousands of titles a device starts twenty times as
    fast from a compact file, and takes a fifth of the memory.

    \b
    Example:
      keyart catalog pack catalog.json --out catalog.compact
    """
    _check_out(out)
    from keyart import Catalog

    loaded = Catalog.load(catalog_file)
    before = catalog_file.stat().st_size
    loaded.save_compact(out)
    document: dict[str, Any] = {
        "out": click.format_filename(out),
        "titles": len(loaded),
        "artworks": len(loaded.artwork_places),
        "bytes_before": before,
        "bytes": out.stat().st_size,
    }
    if as_json:
        write_json(document)
        return
    print_table(
        f"{document['out']}: {document['titles']:,} titles with {document['artworks']:,} artworks in "
        f"{document['bytes'] / 1e6:.1f} MB; {click.format_filename(catalog_file)} had {before / 1e6:.1f} MB."
    )


@catalog.command(short_help="Tag the pictures of a catalogue by what they show.")
@click.argument("catalog_file", metavar="CATALOG", type=CATALOG_FILE)
@click.option("--out", type=PATH, help="Catalogue to write.  [default: CATALOG itself]")
@json_option
def measure(catalog_file: Path, out: Path | None, as_json: bool) -> None:
    """Measure the pictures that CATALOG names, and write their tags; needs keyart[tagging].

    Colours and contrast always; faces, shot sizes, moods, objects and lettering where `keyart models fetch` has
    brought the models. Each title gets the mean of its pictures' looks. Artworks that have such tags stay,
    so a second run measures what is new. The exit code is 1 if a picture cannot be read.

    \b
    Example:
      keyart catalog measure catalog.json
    """
    target = out or catalog_file
    _check_out(target)
    one_thread_a_process()
    from keyart import Catalog
    from keyart.errors import SettingError
    from keyart_tools.catalogues import ImportIssues, merge_catalogs

    try:
        from keyart_tools.catalogues.picture_tags import measure_artworks
        from keyart_tools.models import Models
    except ImportError as error:
        raise SettingError(
            f"Measuring pictures needs {error.name}, which comes with keyart[tagging]; install it."
        ) from None
    titles, models, issues = Catalog.load(catalog_file), Models.open(), ImportIssues()
    if models.missing:
        note(f"Missing models: {', '.join(models.missing)}. Run `keyart models fetch` to download them.")
    with progress("titles") as tell:
        measured = measure_artworks(titles, catalog_file.parent, models, issues, tell)
    moved = merge_catalogs([(catalog_file, measured)], target.parent).catalog
    moved.save(target)
    _tell_issues(issues)
    before = [artwork for title in titles for artwork in title.artworks]
    after = [artwork for title in measured for artwork in title.artworks]
    document = {
        "out": click.format_filename(target),
        "titles": len(measured),
        "artworks": len(after),
        "measured": sum(old.tags != new.tags for old, new in zip(before, after, strict=True)),
        "missing_models": list(models.missing),
        "broken": [{"file": issue.file, "what": issue.what} for issue in issues.broken],
    }
    if as_json:
        write_json(document)
    else:
        print_table(
            f"{document['out']}: {document['measured']:,} of {document['artworks']:,} artworks were measured."
        )
    if issues.broken:
        raise click.exceptions.Exit(1)


@catalog.command(short_help="Say what a catalogue lacks, or has broken.")
@click.argument("catalog_file", metavar="CATALOG", type=CATALOG_FILE)
@json_option
def check(catalog_file: Path, as_json: bool) -> None:
    """Check CATALOG and the pictures that it names, relative to its own folder.

    The exit code is 1 if something is broken: a file of a picture that is missing or is no picture. All else is a
    note: titles without tags, genre or duration, or with one artwork; artworks without tags or rating; the same
    picture twice; kinds of tags that only titles or only artworks have.

    \b
    Example:
      keyart catalog check catalog.json
    """
    from keyart import Catalog
    from keyart_tools.catalogues import check_catalog

    titles = Catalog.load(catalog_file)
    with progress("titles") as tell:
        findings = check_catalog(titles, catalog_file.parent, tell)
    broken = any(finding.broken for finding in findings)
    if as_json:
        write_json(_check_document(catalog_file, titles, findings))
    else:
        _show_findings(catalog_file, titles, findings)
    if broken:
        raise click.exceptions.Exit(1)


def _check_document(path: Path, titles: Catalog, findings: Sequence[CatalogFinding]) -> dict[str, Any]:
    return {
        "catalog": click.format_filename(path),
        "titles": len(titles),
        "artworks": sum(len(title.artworks) for title in titles),
        "whole": not any(finding.broken for finding in findings),
        "findings": [{"check": f.check, "broken": f.broken, "what": f.what, "ids": list(f.ids)} for f in findings],
    }


def _show_findings(path: Path, titles: Catalog, findings: Sequence[CatalogFinding]) -> None:
    from keyart_tools.inspection.tables import some, table

    document = _check_document(path, titles, findings)
    about = f"{document['catalog']}: {document['titles']:,} titles, {document['artworks']:,} artworks"
    if not findings:
        print_table(f"{about}; nothing is missing.")
        return
    shown = table(about, "", "check", "what", "ids")
    for finding in findings:
        level = "[red]broken[/red]" if finding.broken else "note"
        shown.add_row(level, finding.check, finding.what.replace("[", r"\["), some(list(finding.ids)))
    print_table(shown)


@catalog.command(short_help="Show titles and tags, or a contact sheet.")
@click.argument("catalog_file", metavar="CATALOG", type=CATALOG_FILE)
@click.option("--title", "title_id", metavar="ID", help="Show one title with its artworks and tags.")
@click.option(
    "--sheet", type=PATH, help="Also write a contact sheet: sheet.html, or sheet.jpg, which needs keyart[tagging]."
)
@click.option(
    "--limit", type=COUNT, default=60, show_default=True, help="Number of titles in the table and on the sheet."
)
@json_option
def show(catalog_file: Path, title_id: str | None, sheet: Path | None, limit: int, as_json: bool) -> None:
    """Show the titles of CATALOG, its kinds of tags, and how many there are of each.

    \b
    Example:
      keyart catalog show catalog.json
      keyart catalog show catalog.json --title imdb:tt1254207
      keyart catalog show catalog.json --sheet sheet.html --limit 200
    """
    from keyart import Catalog
    from keyart_tools.inspection import KINDS

    titles = Catalog.load(catalog_file)
    selected = [titles[title_id]] if title_id is not None else list(titles.titles[:limit])
    if sheet is not None:
        _write_sheet(selected, catalog_file, sheet, len(titles))
    kind = KINDS["catalog"]
    options = {} if title_id is None else {"title_id": title_id}
    document = kind.document(catalog_file, **options)
    if title_id is None:
        document["listed"] = [
            {
                "id": title.id,
                "name": title.name,
                "duration": title.duration,
                "genres": [tag.removeprefix("genre:") for tag in title.tags if tag.startswith("genre:")],
                "artworks": len(title.artworks),
                "maturity": sorted({artwork.maturity for artwork in title.artworks}),
            }
            for title in selected
        ]
    if as_json:
        write_json({**document, "sheet": None if sheet is None else click.format_filename(sheet)})
        return
    more = len(titles) - len(selected) if title_id is None else 0
    last = [f"and {more:,} more titles; --limit shows them."] if more > 0 else []
    print_table(*kind.tables(document), *([] if title_id else [_titles_table(document["listed"])]), *last)
    if sheet is not None:
        note(f"Contact sheet: {click.format_filename(sheet)}")


def _write_sheet(selected: Sequence[Any], catalog_file: Path, sheet: Path, count: int) -> None:
    from keyart_tools.catalogues.artwork_sheet import SUFFIXES, write_artwork_sheet

    if sheet.suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"{sheet} is neither HTML nor JPEG; call it sheet.html or sheet.jpg.")
    if not sheet.parent.is_dir():
        raise click.UsageError(f"The folder {sheet.parent} for the sheet does not exist; create it first.")
    of = f"{len(selected):,} of {count:,} titles" if len(selected) < count else f"{count:,} titles"
    write_artwork_sheet(selected, catalog_file.parent, sheet, f"{catalog_file.name}: {of}")


def _titles_table(listed: Sequence[dict[str, Any]]) -> Any:
    from keyart_tools.inspection.tables import plain, table

    shown = table("Titles", "id", "name", "minutes", "genres", "artworks", "ratings")
    for entry in listed:
        minutes = f"{entry['duration'] / 60:.0f}" if entry["duration"] else "–"
        ratings = [rating or "unrated" for rating in entry["maturity"]]
        cells = (entry["id"], entry["name"], minutes, entry["genres"], entry["artworks"], ratings)
        shown.add_row(*map(plain, cells))
    return shown
