"""A table with a row an artwork, or a row a title; the titles' columns are repeated or stay empty in further rows.

Columns are found by name (`COLUMNS`), in any order; the delimiter is the one of comma, semicolon and tab that the
header has most of. Several values of a cell are separated by "|" or ";".
"""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from keyart.catalog import MAX_FINITE_NUMBER, Artwork, Title, quoted
from keyart.errors import CatalogError
from keyart_tools.text.folding import folded

from .artwork_files import picture_problem
from .certification import maturity_of
from .import_issues import FileIssues, ImportIssues
from .tagged_folder import is_local, moved
from .title_facts import MAX_NAME_CHARACTERS, MAX_SECONDS, TitleFacts, seconds_of_runtime, year_of

# Meaning: folded names of the column, the first is the documented one.
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "title_id": ("title id", "id"),
        "name": ("title", "name"),
        "duration": ("duration", "seconds"),
        "runtime": ("runtime", "minutes"),
        "year": ("year",),
        "genres": ("genres", "genre"),
        "cast": ("cast", "actors"),
        "directors": ("directors", "director"),
        "tags": ("tags", "title tags"),
        "artwork_id": ("artwork id",),
        "image": ("image", "artwork", "picture"),
        "artwork_tags": ("artwork tags",),
        "maturity": ("maturity", "rating", "certification"),
        "synthetic": ("synthetic",),
        "spoiler": ("spoiler",),
    }
)
DELIMITERS = ",;\t"
MAX_ROW_LINES = 50  # of a cell with line breaks; a longer one is a quote that was not closed
YES = frozenset({"1", "yes", "true", "y", "x"})
NO = frozenset({"", "0", "no", "false", "n"})
_TITLE_FIELDS = ("name", "duration", "runtime", "year", "genres", "cast", "directors", "tags")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_SEPARATORS = re.compile(r"\s*[|;]\s*")

Row = Mapping[str, str]


@dataclass(slots=True)
class _TitleRows:
    """The rows of a title: the fields of the title, and its artworks."""

    line: int
    fields: dict[str, str] = field(default_factory=dict)
    artworks: dict[str, Artwork] = field(default_factory=dict)
    named: bool = False  # a sentence says why a row was left out


def read_csv(path: Path, base: Path, look: bool, issues: ImportIssues) -> Iterator[tuple[Path, Title]]:
    """Yield the titles of a table, each with the table's path.

    Args:
        path: The file.
        base: Folder that the paths of pictures are relative to in the catalogue; in the table, it is the table's own.
        look: False to take the pictures' names as they are, without looking for the files.
        issues: Collector of what cannot be used.

    Raises:
        CatalogError: The file cannot be read, or its header has not the columns that are needed.
    """
    own = issues.of(path)
    text = _decoded(path, own)
    lines = list(io.StringIO(text, newline=None))
    names, first = _header(path, lines)
    titles: dict[str, _TitleRows] = {}
    for line, cells in _rows(lines, first, names.delimiter, own):
        if len(cells) > len(names.columns) and any(cell.strip() for cell in cells[len(names.columns) :]):
            own.broken(f"The row has {len(cells)} cells, and the header {len(names.columns)}; it was left out.", line)
            continue
        row = {name: cell.strip() for name, cell in zip(names.columns, cells, strict=False) if name}
        try:
            _add(titles, line, row, path.parent, base, look, own)
        except CatalogError as error:
            own.broken(str(error), line)
            if entry := titles.get(_id_of(row)):
                entry.named = True
    yield from _titles(titles, path, own)


def _decoded(path: Path, issues: FileIssues) -> str:
    """Return the text of a table: UTF-8, or UTF-16 by its first bytes, or else Windows-1252, which is named."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CatalogError(f"{path} cannot be read ({error.strerror or error}).") from None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        issues.broken("A letter is not UTF-8; the table was read as Windows-1252. Save it as UTF-8.", line)
        return data.decode("cp1252", errors="replace")


@dataclass(frozen=True, slots=True)
class _Header:
    columns: Sequence[str]  # meaning of each column, "" if it is unknown
    delimiter: str


def _header(path: Path, lines: list[str]) -> tuple[_Header, int]:
    """Return the header, and the index of the line after it."""
    first = next((n for n, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise CatalogError(f"{path} is empty; its first row names the columns, such as title_id,title,image.")
    delimiter = max(DELIMITERS, key=lines[first].count)
    try:
        cells = next(csv.reader([lines[first]], delimiter=delimiter, skipinitialspace=True))
    except csv.Error as error:
        raise CatalogError(f"{path}, line {first + 1}: {error}.") from None
    meanings = {name: meaning for meaning, names in COLUMNS.items() for name in names}
    columns = [meanings.get(folded(cell), "") for cell in cells]
    if not {"title_id", "name"} & set(columns):
        raise CatalogError(
            f"{path} is not a catalogue table: its first row names no column title_id or title. "
            "The columns are " + ", ".join(COLUMNS) + "."
        )
    return _Header(columns, delimiter), first + 1


def _rows(lines: list[str], first: int, delimiter: str, issues: FileIssues) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the cells of each row; after a quote that is not closed, go on with the next line."""
    start = first
    while start < len(lines):
        window = lines[start : start + MAX_ROW_LINES]
        reader = csv.reader(window, delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = str(error)
            if "end of data" in problem:
                problem = "a quote is not closed"
            issues.broken(f"The row cannot be read ({problem}); it was left out.", start + 1)
            start += 1
            continue
        if any(map(_CONTROL.search, cells)):
            issues.broken("The row holds control characters, which are no text; it was left out.", start + 1)
        elif any(cell.strip() for cell in cells):
            yield start + 1, cells
        start += reader.line_num


def _add(
    titles: dict[str, _TitleRows], line: int, row: Row, folder: Path, base: Path, look: bool, issues: FileIssues
) -> None:
    for name, cell in row.items():
        if len(cell) > MAX_NAME_CHARACTERS and name not in ("tags", "artwork_tags", "cast"):
            raise CatalogError(f"The cell of {name} has more than {MAX_NAME_CHARACTERS:,} characters.")
    title_id = _id_of(row)
    if not title_id:
        raise CatalogError("The row has neither title_id nor title; it was left out.")
    entry = titles.setdefault(title_id, _TitleRows(line))
    for name in _TITLE_FIELDS:
        value = row.get(name, "")
        known = entry.fields.setdefault(name, value)
        if not known:
            entry.fields[name] = value
        elif value and value != known:
            issues.broken(
                f"{name} {quoted(value)} of title {quoted(title_id)} contradicts {quoted(known)} of an earlier row, "
                "which holds.",
                line,
            )
    if row.get("image") or row.get("artwork_id"):
        artwork = _artwork(title_id, len(entry.artworks), row, folder, look, issues, line)
        if artwork.id in entry.artworks and not row.get("artwork_id") and "/" in artwork.image:
            artwork = replace(artwork, id=f"{title_id}/{artwork.image}")  # the same name in another folder
        if artwork.id in entry.artworks:
            raise CatalogError(f"A second artwork has the id {quoted(artwork.id)}; give each its own.")
        entry.artworks[artwork.id] = moved(artwork, folder, base)


def _id_of(row: Row) -> str:
    return row.get("title_id") or row.get("name", "")


def _artwork(title_id: str, count: int, row: Row, folder: Path, look: bool, issues: FileIssues, line: int) -> Artwork:
    image = row.get("image", "").replace("\\", "/")
    if look and is_local(image) and (problem := picture_problem(folder / image)):
        raise CatalogError(f"{quoted(image)}: {problem}")
    maturity = maturity_of(row.get("maturity", ""))
    if maturity is None:
        issues.note(f"keyart does not know the rating {quoted(row['maturity'])}; the artwork stays unrated.", line)
    return Artwork(
        row.get("artwork_id") or f"{title_id}/{Path(image).stem or count + 1}",
        tags=_weights(row.get("artwork_tags", "")),
        image=image,
        maturity=maturity or "",
        synthetic=_flag(row, "synthetic"),
        spoiler=_flag(row, "spoiler"),
    )


def _flag(row: Row, name: str) -> bool:
    value = row.get(name, "").casefold()
    if value not in YES | NO:
        raise CatalogError(f"{name} is {quoted(value)}; write yes or no.")
    return value in YES


def _weights(cell: str) -> dict[str, float]:
    """Return the tags of "genre:drama=0.7 | faces=0.5"; a tag without a weight has the weight 1."""
    weights: dict[str, float] = {}
    for entry in _SEPARATORS.split(cell):
        if not entry.strip():
            continue
        tag, sign, text = entry.partition("=")
        try:
            weight = float(text) if sign else 1.0
        except ValueError:
            weight = math.nan
        if not 0 <= weight <= MAX_FINITE_NUMBER:
            raise CatalogError(f"{quoted(entry)} is no tag with a weight, such as genre:drama=0.7.")
        weights[tag.strip()] = weight
    return weights


def _titles(titles: Mapping[str, _TitleRows], path: Path, issues: FileIssues) -> Iterator[tuple[Path, Title]]:
    owners: dict[str, str] = {}
    for title_id, entry in titles.items():
        artworks = []
        for artwork in entry.artworks.values():
            owner = owners.setdefault(artwork.id, title_id)
            if owner == title_id:
                artworks.append(artwork)
            else:
                issues.broken(f"Artwork {quoted(artwork.id)} belongs to {quoted(owner)} already.", entry.line)
        if not artworks and entry.named:
            continue
        if not artworks:
            issues.broken(f"Title {quoted(title_id)} has no artwork that can be used, and needs one.", entry.line)
            continue
        try:
            facts = _facts(entry.fields)
            tags = facts.tags() | _weights(entry.fields.get("tags", ""))
            yield path, Title(title_id, facts.name or title_id, facts.seconds, tags, artworks)
        except CatalogError as error:
            issues.broken(str(error), entry.line)


def _facts(fields: Row) -> TitleFacts:
    def several(name: str) -> tuple[str, ...]:
        return tuple(part for part in _SEPARATORS.split(fields.get(name, "")) if part)

    return TitleFacts(
        name=fields.get("name", ""),
        seconds=_seconds(fields),
        year=year_of(fields.get("year", "")),
        genres=several("genres"),
        cast=several("cast"),
        directors=several("directors"),
    )


def _seconds(fields: Row) -> float:
    if text := fields.get("duration", ""):
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds <= MAX_SECONDS:
            raise CatalogError(f"duration {quoted(text)} is no number of seconds; the title was left out.")
        return seconds
    if text := fields.get("runtime", ""):
        minutes = seconds_of_runtime(text)
        if minutes is None:
            raise CatalogError(f"runtime {quoted(text)} is no number of minutes; the title was left out.")
        return minutes
    return 0.0
