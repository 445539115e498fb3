"""Rows of a log's file, CSV or JSON Lines, each with the number of its line.

A row is one line. Whatever is wrong with it, the next line is read as if nothing had happened.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from keyart.errors import HistoryError

from .log_schema import FIELDS

FORMAT: Final = "keyart-log/1"
HEADER: Final = f'{{"format": "{FORMAT}", "data": "where these rows come from"}}'
HEADER_HELP: Final = (
    f"A log begins with the first line {HEADER} as JSON Lines, or with # {HEADER} and a second line of column names "
    "as CSV (docs/reference/decision-logs.md)"
)
DELIMITERS: Final = ",;\t"
MAX_LINE_BYTES: Final = 1 << 20
MAX_LISTED: Final = 20  # broken rows that one message lists
MARK: Final = "\ufeff"  # a byte order mark, as spreadsheets write it


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that cannot be read: its line in the file, counted from 1, and what is wrong with it."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class LogRow:
    """A row of the file: its line, counted from 1, and its values by field; absent ones are left out."""

    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LogHeader:
    """The first line of a log.

    Attributes:
        data: description of the data, for the model card.
        evaluation_only: whether the licence forbids deploying a model that was trained on it.
    """

    data: str
    evaluation_only: bool

    def to_json(self) -> str:
        """Return the header as one line of JSON."""
        head = {"format": FORMAT, "data": self.data, "evaluation_only": self.evaluation_only}
        return json.dumps(head, ensure_ascii=False)


@dataclass(frozen=True)
class LogTable:
    """A file that is being read.

    Attributes:
        header: its header; None for a table from elsewhere, which has none.
        columns: names of its columns if it is CSV; None for JSON Lines, whose rows name their fields.
        rows: its rows, in the order of the file; they can be read once.
    """

    header: LogHeader | None
    columns: tuple[str, ...] | None
    rows: Iterator[LogRow | BrokenRow]


@contextmanager
def open_table(path: Path) -> Iterator[LogTable]:
    """Open a file of rows.

    Yields:
        The table; its rows can be read until the block ends.

    Raises:
        HistoryError: it is not a file of rows.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise HistoryError(f"No log at {path}. {HEADER_HELP}.") from None
    except OSError as error:
        raise HistoryError(f"Cannot read {path}: {error.strerror or error}. Name the file of a log.") from error
    with file:
        yield _table(_lines(file), path)


def listed(path: Path, broken: Sequence[BrokenRow]) -> str:
    """Return the first broken rows, each with file and line, as part of a sentence."""
    rows = [f"{path}:{row.line}: {row.reason}" for row in broken[:MAX_LISTED]]
    more = len(broken) - len(rows)
    return "; ".join(rows) + (f"; and {more:,} more" if more else "")


def require_whole(path: Path, broken: Sequence[BrokenRow]) -> None:
    """Require a log without broken rows, since rows seldom break by chance: without them an estimate is biased.

    Raises:
        HistoryError: there are broken rows; the message names the line of each, up to `MAX_LISTED`.
    """
    if broken:
        count = f"{len(broken):,} rows" if len(broken) > 1 else "1 row"
        raise HistoryError(
            f"{count} of {path} cannot be read, and an estimate from the others may be biased: "
            f"{listed(path, broken)}. Correct them, or remove them if you know why they are broken."
        )


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line with its number; None for a line that is too long."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        number += 1
        whole = line.endswith(b"\n") or len(line) < MAX_LINE_BYTES
        rest = line
        while not rest.endswith(b"\n") and (rest := file.readline(MAX_LINE_BYTES)):
            pass
        yield number, line if whole else None


def _table(lines: Iterator[tuple[int, bytes | None]], path: Path) -> LogTable:
    number, first = next(lines, (1, b""))
    try:
        text = (first or b"").decode("utf-8").removeprefix(MARK).strip()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or first is None:
        raise HistoryError(f"{path} is not a text file in UTF-8. {HEADER_HELP}.")
    if not text:
        raise HistoryError(f"{path} is empty, or its first line is. {HEADER_HELP}.")
    if text.startswith('"#'):  # as a spreadsheet saves a cell with commas
        text = next(csv.reader([text.rstrip(DELIMITERS)]))[0]
    if text.startswith("#"):
        header = _header(_object(text.removeprefix("#").strip(DELIMITERS + " ")), path)
        number, second = next(lines, (2, b""))
        return _csv(header, number, second, lines, path)
    if not text.startswith(("{", "[")):
        return _csv(None, number, text.encode(), lines, path)
    row = _object(text)
    if row is not None and "format" in row:
        return LogTable(_header(row, path), None, _json_rows(lines))
    if row is None:
        raise HistoryError(f"The first line of {path} is not a JSON object. {HEADER_HELP}.")
    return LogTable(None, None, _json_rows([(number, text.encode())], lines))


def _header(head: Mapping[str, Any] | None, path: Path) -> LogHeader:
    if head is None or head.get("format") != FORMAT:
        raise HistoryError(f"The first line of {path} is not the header of a log. {HEADER_HELP}.")
    data, evaluation_only = head.get("data"), head.get("evaluation_only", False)
    if not isinstance(data, str) or not data.strip() or not isinstance(evaluation_only, bool):
        raise HistoryError(
            f"{path}:1: 'data' must say in words where these rows come from, for the model card, and "
            "'evaluation_only' must be true or false."
        )
    marked = evaluation_only or "movielens" in data.casefold()  # docs/reference/worlds.md, "Licences"
    return LogHeader(data.strip(), marked)


def _object(text: str) -> dict[str, Any] | None:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _decoded(line: bytes | None) -> str:
    """Return the text of a line. Raises ValueError with what is wrong."""
    if line is None:
        raise ValueError(f"the line is longer than {MAX_LINE_BYTES:,} bytes")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the line is not UTF-8 text") from None
    if "\0" in text:
        raise ValueError("the line has a NUL byte")
    return text.strip("\r\n")


def _json_rows(*parts: Iterable[tuple[int, bytes | None]]) -> Iterator[LogRow | BrokenRow]:
    for lines in parts:
        for number, line in lines:
            try:
                text = _decoded(line)
            except ValueError as error:
                yield BrokenRow(number, str(error))
                continue
            if not text.strip():
                continue
            row = _object(text)
            if row is None:
                yield BrokenRow(number, "the line is not a JSON object")
            else:
                yield LogRow(number, {name: value for name, value in row.items() if value is not None})


def _csv(
    header: LogHeader | None, number: int, line: bytes | None, lines: Iterator[tuple[int, bytes | None]], path: Path
) -> LogTable:
    try:
        text = _decoded(line)
        delimiter = max(DELIMITERS, key=text.count)
        names = tuple(name.strip() for name in _cells(text, delimiter))
    except ValueError as error:
        raise HistoryError(f"{path}:{number}: {error}; the line must name the columns.") from None
    if not any(names):
        raise HistoryError(f"{path}:{number}: the line must name the columns. {HEADER_HELP}.")
    twice = {name for name in names if name and names.count(name) > 1}
    if twice:
        raise HistoryError(f"{path}:{number}: two columns have the name {sorted(twice)[0]!r}; give each its own.")
    return LogTable(header, names, _csv_rows(names, delimiter, lines))


def _csv_rows(
    names: Sequence[str], delimiter: str, lines: Iterator[tuple[int, bytes | None]]
) -> Iterator[LogRow | BrokenRow]:
    for number, line in lines:
        try:
            text = _decoded(line)
            if not text.strip():
                continue
            cells = _cells(text, delimiter)
            if len(cells) != len(names):
                raise ValueError(f"the row has {len(cells)} cells, and there are {len(names)} columns")
        except ValueError as error:
            yield BrokenRow(number, str(error))
            continue
        values = {}
        for name, cell in zip(names, cells, strict=True):
            field = FIELDS.get(name)
            value = field.parse(cell) if field is not None else cell.strip() or None
            if value is not None:
                values[name] = value
        if values:  # else a row of empty cells, as spreadsheets leave at the end
            yield LogRow(number, values)


def _cells(text: str, delimiter: str) -> list[str]:
    """Return the cells of a line; a text in quotes ends on it. Raises ValueError with what is wrong."""
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise ValueError(f"the line is not CSV ({error})") from None
