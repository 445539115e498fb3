"""The bytes by which a compact catalogue is told from one in JSON, before anything is imported to read it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MAGIC: Final = b"KEYARTC1"


def begins_compact(path: str | Path) -> bool:
    """Return True for a file that begins as a compact one does."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False  # whoever reads it as JSON says what is wrong
