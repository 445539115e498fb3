"""Sentences with file and line about what an import could not use, or left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ImportIssue:
    """A sentence about a file.

    Attributes:
        file: Path of the file or folder, as it is shown.
        line: Line in the file, from 1; None if it concerns the whole file.
        what: The sentence.
    """

    file: str
    line: int | None
    what: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{where}: {self.what}"


@dataclass(slots=True)
class ImportIssues:
    """Collector of issues, handed to every reader.

    Attributes:
        broken: What somebody has to repair; the command exits with 1.
        notes: What was left out or read differently on purpose.
        left_out: Number of files that are of no use here, by reason.
    """

    broken: list[ImportIssue] = field(default_factory=list)
    notes: list[ImportIssue] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def of(self, path: str | Path) -> FileIssues:
        """Return a collector of issues of one file."""
        return FileIssues(self, path)


@dataclass(frozen=True, slots=True)
class FileIssues:
    """Collector of issues of one file."""

    collector: ImportIssues
    path: str | Path

    def broken(self, what: str, line: int | None = None) -> None:
        """Add what somebody has to repair."""
        self.collector.broken.append(ImportIssue(shown(self.path), line, what))

    def note(self, what: str, line: int | None = None) -> None:
        """Add what was left out, or read differently, on purpose."""
        self.collector.notes.append(ImportIssue(shown(self.path), line, what))


def shown(path: str | Path) -> str:
    """Return a path for a message; bytes that are not UTF-8, and control characters, become "\ufffd"."""
    text = os.fsencode(path).decode(errors="replace")
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def listed(names: Iterable[str], limit: int = 5) -> str:
    """Return the first names, and how many more there are."""
    all_names = list(names)
    more = len(all_names) - limit
    return ", ".join(all_names[:limit]) + (f" and {more:,} more" if more > 0 else "")
