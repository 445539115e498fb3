"""`keyart tag`: extract stills of a film, tag them, and write a catalogue."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import Progress, json_option, note, one_thread_a_process, print_table, progress, write_json
from .options import FOLDER, PATH

if TYPE_CHECKING:
    from keyart_tools.tagging import Tagging

MIN_DECODED_SHARE = (
    0.98  # share of the frames that a file says it has, which is all there is: many files say it roughly
)
FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command(short_help="Extract, tag and select stills of a film.")
@click.argument("film", type=PATH)
@click.option(
    "--out", type=FOLDER,
    help="Output folder.  [default: the film's name without its suffix, in the working folder]",
)  # fmt: skip
@click.option(
    "--count",
    type=click.IntRange(1, 1000),
    help="Number of stills to select.  [default: as in the earlier run, or 20]",
)
@click.option("--title-id", metavar="ID", help="Title id in the catalogue.  [default: the film's file name]")
@click.option("--name", metavar="TEXT", help="Name of the title.  [default: the film's file name]")
@click.option("--licence", metavar="TEXT", help="Licence and attribution of the film, stored with its stills.")
@click.option("--html", is_flag=True, help="Write sheet.html, a contact sheet for review and corrections.")
@click.option("--corrections", type=FILE, help="Apply a corrections.json that was saved from the sheet.")
@click.option("--synopsis", metavar="FILE_OR_TEXT", help="Synopsis of the film; gives tags of the title.")
@click.option(
    "--reviews", type=FILE, help="Reviews: a JSON list of texts, or a text file with empty lines between reviews."
)
@click.option(
    "--cast", type=FILE, help="Cast: a CSV file with the columns actor and character, or a JSON object of lists."
)
@click.option(
    "--subtitles",
    type=FILE,
    help="Subtitles (.srt): each still gets the dialogue at its time, and the tags of its scene.",
)
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
    """Detect the shots of FILM, tag the sharpest still of each, and select a set that represents the film.

    The folder receives stills/, tagging.json with all measurements, catalog.json with the selection, and sheet.html
    if asked for. An interrupted run continues where it stopped. FILM may also be the folder of an earlier run, to
    select again, apply corrections or add texts without the film.

    Models detect faces, expressions, objects, lettering and unsafe content, and read texts; `keyart models fetch`
    downloads them. Everything else works without them. Stills that are black, flat, blurred, near-duplicates,
    lettered or unsafe are not selected, unless a person accepts them.

    \b
    Example:
      keyart tag film.mp4 --out build/film --html
      keyart tag build/film --corrections corrections.json
      keyart tag film.mp4 --synopsis "Two friends look for a lost letter." --subtitles film.srt
    """
    one_thread_a_process()
    from keyart_tools.models import Models
    from keyart_tools.tagging import FilmFile, tag
    from keyart_tools.tagging.film_texts import FilmTexts
    from keyart_tools.text import Subtitles, read_cast, read_reviews, read_synopsis

    words = FilmTexts(
        synopsis=read_synopsis(synopsis) if synopsis is not None else None,
        reviews=read_reviews(reviews) if reviews is not None else (),
        cast=read_cast(cast) if cast is not None else None,
        subtitles=Subtitles.read(subtitles) if subtitles is not None else None,
    )
    if film.is_dir():
        if out is not None and out.resolve() != film.resolve():
            raise click.UsageError("--out applies to a film; an existing folder is updated in place.")
        source, folder = None, film
    else:
        source, folder = FilmFile.open(film), out or Path(film.stem)
    models = Models.open()
    missing = [
        f"Missing models: {', '.join(models.missing)}. Run `keyart models fetch` to download them; the rest works."
    ]

    def stage(label: str) -> AbstractContextManager[Progress]:
        while models.missing and missing:  # once, and only after all inputs have been read
            note(missing.pop())
        return progress(label)

    tagging = tag(
        source, folder, models, count=count, title_id=title_id, name=name, licence=licence, words=words,
        corrections=corrections, html=html, stage=stage,
    )  # fmt: skip
    seen = tagging.seen.end if tagging.seen else 0
    if seen < MIN_DECODED_SHARE * tagging.film.frames:
        note(f"{tagging.film.path} is incomplete: {seen:,} of {tagging.film.frames:,} frames could be decoded.")
    document = _document(folder, tagging, models.missing, html)
    if len(tagging.selected) < tagging.count:
        note(
            f"Selected {len(tagging.selected)} of {tagging.count} stills: no other still is both distinct and usable."
        )
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
