"""Readers of viewing histories: the two exports of Netflix, and generic tables and JSON lists.

`ViewingActivity.csv` (from "Download your personal information"; its cover sheet explains the columns) holds Profile
Name, Start Time (UTC), Duration, Attributes, Title, Supplemental Video Type, Device Type, Bookmark, Latest Bookmark
and Country. `NetflixViewingHistory.csv` (from a profile's "Viewing activity") holds Title and Date in the format of
the country, newest first. Other tables and JSON lists name their columns; see `_COLUMNS`.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from keyart.catalog import is_text, quoted
from keyart.errors import HistoryError
from keyart_tools.text.folding import folded
from keyart_tools.text.text_files import parse_json, read_text

from .date_parsing import ORDERS, Order, day_of, order_of
from .device_class import device_class
from .viewing_history import HistoryRow, ViewingHistory

DETAILED, SIMPLE, TABLE, LIST = "Netflix, detailed", "Netflix, titles and dates", "table", "JSON list"
NOON = time(12, tzinfo=UTC)  # of a day without a time

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "title": ("title id", "title", "name"),
    "at": ("at", "start time", "watched at", "time", "date"),
    "seconds": ("seconds", "duration", "minutes"),
    "device": ("device", "device type"),
    "profile": ("profile", "profile name"),
}

Fields = tuple[int, Mapping[str, Any]]  # line, and the row's cells by the folded name of their column


def read_history(path: Path, today: date, dates: Order | None = None) -> ViewingHistory:
    """Read the rows of a viewing history.

    Args:
        path: the file.
        today: no view may be later.
        dates: order of day, month and year; None to infer it from the file.

    Raises:
        HistoryError: the file holds no row that can be read.
    """
    text = read_text(path, "viewing history", HistoryError)
    form: str | None = LIST
    if text.lstrip()[:1] in ("{", "["):
        rows = _from_json(path, text)
    else:
        columns, rows = _from_csv(path, text)
        form = _form(columns)
    if form is None:
        raise HistoryError(
            f"{path} is not a viewing history: its first row has no columns for title and time. Netflix's files "
            "begin with 'Title,Date' or 'Profile Name,Start Time,…'; others need columns title (or title_id) and at."
        )
    history = _read(form, list(rows), today, dates)
    if not history.rows and not history.left_out:
        first = f": line {history.unreadable[0][0]}: {history.unreadable[0][1]}" if history.unreadable else ""
        raise HistoryError(f"{path} holds no view that can be read{first}. Export it again, or correct that line.")
    return history


def _form(columns: list[str]) -> str | None:
    if {"start time", "title", "supplemental video type"} <= set(columns):
        return DETAILED
    column_names = {name for names in _COLUMNS.values() for name in names}
    if columns == ["title", "date"] or (len(columns) == 2 and not column_names & set(columns)):
        return SIMPLE  # in German it is Titel, Datum
    return TABLE if all(set(_COLUMNS[name]) & set(columns) for name in ("title", "at")) else None


def _read(form: str, rows: list[Fields], today: date, dates: Order | None) -> ViewingHistory:
    if form == SIMPLE:
        rows = [(line, dict(zip(("title", "date"), row.values(), strict=False))) for line, row in rows]
    moment = _moments([_cell(row, "at") for _, row in rows], today, dates)
    watched, left_out, unreadable = [], Counter[str](), []
    for line, row in rows:
        reason = _no_view(row) if form == DETAILED else None
        if reason is not None:
            left_out[reason] += 1
            continue
        try:
            watched.append(_watched(line, row, moment))
        except HistoryError as error:
            unreadable.append((line, str(error)))
    return ViewingHistory(form, tuple(watched), left_out, tuple(unreadable))


def _no_view(row: Mapping[str, Any]) -> str | None:
    """Return why a row of the detailed export is not a view that the person chose and kept; None if it is one."""
    kind, attributes = str(row.get("supplemental video type") or ""), str(row.get("attributes") or "")
    if kind.strip() not in ("", "N/A"):
        return "trailers, previews and recaps"
    if "Autoplayed: user action: None" in attributes:
        return "started by themselves and not touched"
    return "hidden by the person" if "View was hidden" in attributes else None


def _watched(line: int, row: Mapping[str, Any], moment: Callable[[Any], datetime]) -> HistoryRow:
    title = _cell(row, "title")
    if not isinstance(title, str | int) or not is_text(str(title).strip()):
        raise HistoryError("no title")
    return HistoryRow(
        line,
        str(title).strip(),
        moment(_cell(row, "at")),
        _seconds(row),
        device_class(str(_cell(row, "device") or "")),
        str(_cell(row, "profile") or "").strip().encode(errors="replace").decode(),
    )


def _cell(row: Mapping[str, Any], name: str) -> Any:
    """Return the first filled cell among the columns with that meaning."""
    return next((row[column] for column in _COLUMNS[name] if row.get(column) not in (None, "")), None)


def _moments(values: Iterable[Any], today: date, dates: Order | None) -> Callable[[Any], datetime]:
    """Return a parser of times: ISO 8601 (UTC without a zone), seconds since 1970, or a date (its noon)."""
    days = [value for value in values if isinstance(value, str) and any(day_of(value, order) for order in ORDERS)]
    order = dates or (order_of(days, today) if days else None)

    def moment(value: Any) -> datetime:
        try:
            if isinstance(value, int | float) and not isinstance(value, bool):
                at = datetime.fromtimestamp(value, UTC)
            elif order is not None and (day := day_of(str(value), order)):
                at = datetime.combine(day, NOON)
            else:
                at = datetime.fromisoformat(str(value).strip())
                at = at if at.tzinfo else at.replace(tzinfo=UTC)
            if at.year >= 1970 and at.date() <= today:
                return at
        except (ValueError, OverflowError, OSError):
            pass
        raise HistoryError(f"{quoted(value)} is not a time in the past, such as 2026-03-14 20:15:00")

    return moment


def _seconds(row: Mapping[str, Any]) -> float | None:
    """Parse "01:32:10", a number of seconds, or a number in a column called minutes."""
    value = _cell(row, "seconds")
    if value is None:
        return None
    try:
        seconds = 0.0
        for part in str(value).split(":"):
            seconds = 60 * seconds + float(part)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise HistoryError(f"{quoted(value)} is not a duration such as 01:32:10")
    return seconds * 60 if value == row.get("minutes") and ":" not in str(value) else seconds


def _from_csv(path: Path, text: str) -> tuple[list[str], Iterator[Fields]]:
    first = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count), skipinitialspace=True)
    try:
        columns = [folded(cell) for cell in next(rows, [])]
    except csv.Error as error:
        raise HistoryError(f"{path}, line 1: {error}.") from None

    def fields() -> Iterator[Fields]:
        try:
            for row in rows:
                if any(row):
                    yield rows.line_num, dict(zip(columns, row, strict=False))
        except csv.Error as error:
            raise HistoryError(f"{path}, line {rows.line_num}: {error}.") from None

    return columns, fields()


def _from_json(path: Path, text: str) -> Iterator[Fields]:
    document = parse_json(text, path, "viewing history", HistoryError)
    entries = document.get("views") if isinstance(document, dict) else document
    if not isinstance(entries, list):
        raise HistoryError(f"{path} is not a viewing history: it must be a list, or an object with a list 'views'.")
    for number, entry in enumerate(entries, 1):
        yield number, {folded(key): value for key, value in entry.items()} if isinstance(entry, dict) else {}
