"""Logs that a command reads, and what it says of rows that cannot be read (docs/reference/decision-logs.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .console import note

if TYPE_CHECKING:
    from keyart_tools.logs import Log

MAX_NOTED_ROWS = 100


def read_whole(path: Path) -> Log:
    """Read a log for an estimate.

    Raises:
        HistoryError: the file is not a log, or a row of it is broken.
    """
    from keyart_tools.logs import Log, require_whole

    log = Log.read(path)
    require_whole(path, log.broken)
    note_unknown_fields(path, log)
    return log


def note_unknown_fields(path: Path, log: Log) -> None:
    """Name fields that the schema does not have, since they may be misspelt."""
    if log.unknown_fields:
        names = ", ".join(map(repr, log.unknown_fields[:12]))
        note(f"{path}: fields that the format does not have are ignored: {names}.")


def note_broken_rows(path: Path, log: Log, use: str) -> None:
    """Name the line of each broken row, and how the others are used."""
    for row in log.broken[:MAX_NOTED_ROWS]:
        note(f"{path}:{row.line}: {row.reason}.")
    if len(log.broken) > MAX_NOTED_ROWS:
        note(f"{path}: {len(log.broken) - MAX_NOTED_ROWS:,} more rows are broken.")
    if log.broken:
        note(f"{len(log.broken):,} of {log.rows:,} rows of {path} were left out. {use}")
