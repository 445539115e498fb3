"""The audit log as CSV (RFC 4180). Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC
from typing import Final

from keyart_federated.csv_cells import plain_cell

from ..audit_log import AuditEntry
from .audit_words import Names, readable

COLUMNS: Final = ("number", "time", "actor", "action", "subject", "subject name", "reason", "details", "digest")


def csv_lines(batches: Iterable[tuple[Collection[AuditEntry], Names]]) -> Iterator[str]:
    """Yield the heading and the entries in pieces; `details` is the JSON that the digests cover."""
    yield _lines([COLUMNS])
    for entries, names in batches:
        yield _lines(
            (
                entry.number,
                entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
                plain_cell(entry.actor),
                entry.action,
                plain_cell(entry.subject),
                plain_cell(shown.subject),
                plain_cell(shown.reason),
                entry.details,
                entry.digest,
            )
            for entry in entries
            for shown in (readable(entry, names),)
        )


def _lines(rows: Iterable[Collection[object]]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
