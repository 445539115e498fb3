"""The kinds of files that can be inspected; a file's kind is detected by its first bytes, not by its name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keyart.errors import InputError

FIRST_BYTES = 200
PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"RIFF", b"GIF8")


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file; `name` is the module of this package that describes it, imported when needed."""

    name: str

    def document(self, path: Path, **options: str) -> dict[str, Any]:
        """Describe what is at `path` as plain values.

        Raises:
            KeyartError: it cannot be read.
        """
        result: dict[str, Any] = self._module.document(path, **options)
        return result

    def tables(self, document: Mapping[str, Any]) -> list[Any]:
        """Return tables of a document, for `console.print_table`."""
        result: list[Any] = self._module.tables(document)
        return result

    @property
    def _module(self) -> Any:
        return importlib.import_module(f".{self.name}", __package__)


KINDS: Mapping[str, FileKind] = {
    name: FileKind(name) for name in ("bundle", "catalog", "log", "model", "picture", "profile", "tagging")
}


def kind_at(path: Path) -> FileKind:
    """Return the kind of the file or folder at `path`.

    Raises:
        InputError: there is nothing at `path`.
        OSError: it cannot be read.
    """
    if path.is_dir():
        return KINDS["tagging" if (path / "tagging.json").exists() else "bundle"]
    if not path.exists():
        raise InputError(
            f"There is nothing at {path}; name a bundle, catalogue, model, log, profile, picture or tagging."
        )
    with path.open("rb") as file:
        head = file.read(FIRST_BYTES)
    return KINDS[_by_first_bytes(head)]


def _by_first_bytes(head: bytes) -> str:
    if head.startswith(b"PK\x03\x04"):
        return "model"
    if head.startswith(b"SQLite format 3\0"):
        return "profile"
    if head.startswith(PICTURES):
        return "picture"
    first_line = head.split(b"\n", 1)[0]
    if b"keyart-log/" in first_line or b"propensity" in first_line:  # the second one is a table without the header
        return "log"
    return "catalog"
