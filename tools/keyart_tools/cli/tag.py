"""`keyart tag`: from a film to stills and a catalogue."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import Progress, json_option, note, one_thread_a_process, print_table, progress, write_json

if TYPE_CHECKING:
    from keyart_tools.tagging import Tagging

MIN_DECODED_SHARE = (
    0.98  # share of the frames that a file says it has, which is all there is: many files say it roughly
)
FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command(short_help="From a film to tagged stills and a catalogue.")
@click.argument("film", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write; unless told, the film's name without its suffix, where the command runs.",
)  # fmt: skip
@click.option("--count", type=click.IntRange(1, 1000), help="Stills to select; as before, or 20.")
@click.option("--title-id", metavar="ID", help="Id in the catalogue; unless told, the film's file name.")
@click.option("--name", metavar="TEXT", help="Name of the title; unless told, the film's file name.")
@click.option("--licence", metavar="TEXT", help="Licence and attribution of the film, kept beside its pictures.")
@click.option("--html", is_flag=True, help="Write sheet.html, a contact sheet to look at and correct.")
@click.option("--corrections", type=FILE, help="Apply the corrections.json that the sheet has saved.")
@click.option("--synopsis", metavar="FILE_OR_TEXT", help="What the film is about: tags of the title.")
@click.option("--reviews", type=FILE, help="A JSON list of texts, or a text with empty lines between reviews.")
@click.option("--cast", type=FILE, help="CSV with the columns actor and character, or a JSON object of lists.")
@click.option("--subtitles", type=FILE, help="An .srt file: each still gets the words of its time, and their tags.")
@json_option
def tag(
    film: Path,
    out: Path | None,
    count: int | None,
    title_id: str | None,
    name: str | None,
    licence: str | None,
    html: bool,
    corrections: Path | None,
    synopsis: str | None,
    reviews: Path | None,
    cast: Path | None,
    subtitles: Path | None,
    as_json: bool,
) -> None:
    """Find the shots of FILM, take the sharpest still of each, tag them, and select those that stand for the film.

    The folder gets stills/, tagging.json with all that was measured, catalog.json with the selection, and sheet.html
    if asked for. A run that was stopped goes on where it was. FILM may also be the folder of an earlier run, to
    select anew, apply corrections or add texts without the film.

    Models find faces, expressions, objects, lettering and unsafe content, and read texts; `keyart models fetch`
    brings them. Without them all else works. Stills that are black, flat, blurred, near-duplicates, lettered or
    unsafe are not selected, unless accepted by hand.

    \b
    Example:
      keyart tag film.mp4 --out build/film --html
      keyart tag build/film --corrections corrections.json
      keyart tag film.mp4 --synopsis "Two friends look for a lost letter." --subtitles film.srt
    """
    one_thread_a_process()
    try:
        from keyart_tools.models import Models
        from keyart_tools.tagging import FilmFile, tag
        from keyart_tools.tagging.film_texts import FilmTexts
        from keyart_tools.text import Subtitles, read_cast, read_reviews, read_synopsis
    except ImportError as error:
        raise click.ClickException(f"{error.name} is not installed; run pip install 'keyart[tagging]'.") from None

    words = FilmTexts(
        synopsis=read_synopsis(synopsis) if synopsis is not None else None,
        reviews=read_reviews(reviews) if reviews is not None else (),
        cast=read_cast(cast) if cast is not None else None,
        subtitles=Subtitles.read(subtitles) if subtitles is not None else None,
    )
    if film.is_dir():
        if out is not None and out.resolve() != film.resolve():
            raise click.UsageError("--out belongs to a film; a folder is written where it is.")
        source, folder = None, film
    else:
        source, folder = FilmFile.open(film), out or Path(film.stem)
    models = Models.open()
    missing = [f"Missing: {', '.join(models.missing)}. `keyart models fetch` brings these models; all else works."]

    def stage(label: str) -> AbstractContextManager[Progress]:
        while models.missing and missing:  # once, and not before all that is given has been read
            note(missing.pop())
        return progress(label)

    tagging = tag(
        source, folder, models, count=count, title_id=title_id, name=name, licence=licence, words=words,
        corrections=corrections, html=html, stage=stage,
    )  # fmt: skip
    seen = tagging.seen.end if tagging.seen else 0
    if seen < MIN_DECODED_SHARE * tagging.film.frames:
        note(f"{tagging.film.path} breaks off: {seen:,} of {tagging.film.frames:,} frames could be decoded.")
    document = _document(folder, tagging, models.missing, html)
    if len(tagging.selected) < tagging.count:
        note(f"{len(tagging.selected)} of {tagging.count} stills: there are no more that differ and can be used.")
    if as_json:
        write_json(document)
    else:
        _show(document, tagging)


def _document(folder: Path, tagging: Tagging, missing: tuple[str, ...], html: bool) -> dict[str, Any]:
    refused = Counter(still.refused.partition(" of ")[0] for still in tagging.stills if still.refused)
    return {
        "folder": str(folder),
        "film": str(tagging.film.path),
        "licence": tagging.licence,
        "title": tagging.title_id,
        "title_tags": dict(tagging.title_tags),
        "seconds": round(tagging.film.seconds, 3),
        "shots": tagging.shots,
        "stills": len(tagging.stills),
        "refused": dict(refused.most_common()),
        "selected": [
            {"id": still.id, "at": still.at, "image": still.image, "tags": still.all_tags}
            for still in tagging.selected
        ],
        "models": dict(tagging.models),
        "missing": list(missing),
        "sheet": str(folder / "sheet.html") if html else None,
    }


def _show(document: dict[str, Any], tagging: Tagging) -> None:
    from rich.table import Table

    refused = ", ".join(f"{count} {reason}" for reason, count in document["refused"].items())
    title = f"{document['film']}: {document['shots']} shots, {document['stills']} stills"
    table = Table(title=f"{title} ({refused})" if refused else title, title_justify="left")
    for column in ("", "still", "at", "tags"):
        table.add_column(column, justify="right" if column in ("", "at") else "left")
    for place, still in enumerate(tagging.selected, 1):
        minutes, seconds = divmod(still.at, 60)
        tags = " ".join(sorted(still.all_tags, key=lambda tag: -still.all_tags[tag]))
        table.add_row(str(place), still.id, f"{minutes:.0f}:{seconds:04.1f}", tags)
    written = ["catalog.json", "tagging.json", "stills/", *(["sheet.html"] if document["sheet"] else [])]
    print_table(table, f"{document['folder']}: {', '.join(written)}")
