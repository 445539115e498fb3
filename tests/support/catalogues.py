"""NFO files, and pictures of a few bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

JPEG = b"\xff\xd8\xff\xe0"


def picture(path: Path) -> Path:
    """Write a file that begins as a JPEG does, and is no other file's twin."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(JPEG + str(path).encode())
    return path


def nfo(**elements: str | Sequence[str]) -> str:
    """Return an NFO file as Kodi exports it."""
    lines = [
        f"  <{name}>{text}</{name}>"
        for name, texts in elements.items()
        for text in ([texts] if isinstance(texts, str) else texts)
    ]
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>'
    return "\n".join([head, "<movie>", *lines, "</movie>", ""])
