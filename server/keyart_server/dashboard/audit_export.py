"""The audit log as CSV (RFC 4180). Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC
from typing import Final

from ..audit_log import AuditEntry
from .audit_words import Names, readable

COLUMNS: Final = ("number", "time", "actor", "action", "subject", "subject name", "reason", "details", "digest")
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute a cell that begins with one


def csv_lines(batches: Iterable[tuple[Collection[AuditEntry], Names]]) -> Iterator[str]:
    """Yield the heading and the entries in pieces; `details` is the JSON that the digests cover."""
    yield _lines([COLUMNS])
    for entries, names in batches:
        yield _lines(
            (
                entry.number,
                entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
                _cell(entry.actor),
                entry.action,
                _cell(entry.subject),
                _cell(shown.subject),
                _cell(shown.reason),
                entry.details,
                entry.digest,
            )
            for entry in entries
            for shown in (readable(entry, names),)
        )


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _lines(rows: Iterable[Collection[object]]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
