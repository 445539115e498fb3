"""A file of a catalogue that is written either completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import CatalogError


def write_whole(path: str | Path, *parts: bytes | bytearray) -> None:
    """Write a file in the place of the one that is there, if any.

    Raises:
        CatalogError: The file cannot be written. What was there stays.
    """
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    try:
        with partial.open("wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CatalogError(f"Cannot write the catalogue to {target}: {error.strerror or error}.") from error
