"""`keyart compose`: a title's artwork from its stills, in the shapes of screens."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import json_option, note, print_table, progress, write_json
from .options import FOLDER, PATH

if TYPE_CHECKING:
    from rich.table import Table

    from keyart_tools.compose import Composition

CROPS = ("tv", "poster", "square", "phone")  # as in keyart_tools.compose.SHAPES, which is heavy to import


def _crops(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",")))
    unknown = [name for name in names if name not in CROPS]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is not one of {', '.join(CROPS)}.")
    return names


@click.command(short_help="Compose, crop, title and sign artwork from stills.")
@click.argument("source", type=PATH)
@click.argument("background", type=PATH, required=False)
@click.option(
    "--out",
    type=FOLDER,
    default=Path("build/composed"),
    show_default=True,
    help="Folder for the pictures and composed.json.",
)
@click.option("--title", metavar="TEXT", help="Title text to draw on the picture.")
@click.option(
    "--crops", metavar="A,B", default=",".join(CROPS), show_default=True, callback=_crops, help="Shapes to write."
)
@click.option("--drawn", is_flag=True, help="State that the film is drawn or animated, not photographed.")
@click.option("--rights", metavar="TEXT", default="", help="Attribution that the film's licence requires.")
@click.option(
    "--keys",
    type=FOLDER,
    help="Folder of signing.key and chain.pem; created on first use.  [default: keyart/credentials in your settings]",
)
@json_option
def compose(
    source: Path,
    background: Path | None,
    out: Path,
    title: str | None,
    crops: tuple[str, ...],
    drawn: bool,
    rights: str,
    keys: Path | None,
    as_json: bool,
) -> None:
    """Place the subject of SOURCE in front of BACKGROUND; without BACKGROUND, crop the picture SOURCE.

    SOURCE is a picture or a folder written by `keyart tag`. From a folder, subject and background are chosen among
    the stills, and the result is added to the folder's catalogue, marked as synthetic. No crop cuts a face or
    lettering; a crop that cannot be made is skipped, and stderr says why. Each picture carries Content Credentials
    and its IPTC digital source type.

    \b
    Example:
      keyart compose bunny/ --title "Big Buck Bunny" --drawn --out bunny/composed
      keyart compose hero.jpg forest.jpg --crops tv,poster
      keyart inspect build/composed/tv.jpg
    """
    from keyart import Catalog, __version__
    from keyart_tools import compose as composing
    from keyart_tools.compose import output
    from keyart_tools.models import Models

    clean = None if title is None else composing.checked_title(title)
    output.check_folder(out)
    with progress("Pictures") as shown:
        sources = composing.read_sources(source, background, Models.open(), shown)
    tagging = sources.tagging
    catalog = Catalog.load(source / "catalog.json") if tagging is not None and sources.back is not None else None
    now = datetime.now(UTC)
    key = composing.open_keys(keys or Path(click.get_app_dir("keyart")) / "credentials", now)
    rights = rights or (tagging.licence if tagging is not None else "")
    with progress("Crops") as shown:
        composition = composing.compose(
            sources, crops, clean, drawn, rights, key, ("keyart", __version__), now, shown
        )
    document = output.record(composition, clean, rights)
    output.write(out, composition, document)
    if catalog is not None and tagging is not None:
        image = Path(os.path.relpath(out / composition.made[0].file, source)).as_posix()
        output.with_artwork(catalog, tagging, sources, composition, image).save(source / "catalog.json")
    if tagging is not None and sources.back is None:
        note("No still has a clean cut-out; the best still was cropped instead of composed.")
    for name, reason in composition.skipped.items():
        note(f"No {name}: {reason}")
    if as_json:
        write_json({"folder": str(out), **document})
        return
    print_table(*_lines(out, composition))


def _lines(out: Path, composition: Composition) -> list[Table | str]:
    from rich.table import Table as NewTable

    names = ", ".join(f"{ingredient.part} {ingredient.name}" for ingredient in composition.ingredients)
    table = NewTable()
    for heading in ("file", "pixels", "kB", "contrast of the title"):
        table.add_column(heading)
    for picture in composition.made:
        contrast = "–" if picture.contrast is None else f"{picture.contrast:.1f} : 1"
        table.add_row(
            str(out / picture.file), f"{picture.width}×{picture.height}", f"{len(picture.data) / 1000:.0f}", contrast
        )
    heading = f"{'Composed' if composition.synthetic else 'Cropped'} from {names}"
    return [heading, table, f"source type {composition.source_type}, signed with Content Credentials"]
