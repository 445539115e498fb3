"""A picture: its size, the IPTC digital source type in its metadata, and its Content Credentials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keyart.errors import InputError, KeyartError

from .tables import fields


def document(path: Path) -> dict[str, Any]:
    """Describe the picture.

    Raises:
        InputError: the file is not a picture.
    """
    try:
        from PIL import Image, UnidentifiedImageError

        from keyart_tools.compose.picture_file import stated_source_type
    except ImportError:
        raise KeyartError("Looking into a picture needs pillow: install keyart[tagging].") from None
    try:
        with Image.open(path) as picture:
            width, height, form = *picture.size, picture.format
            picture.verify()
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise InputError(f"{path} is not a picture that can be read ({error}).") from None
    return {
        "kind": "picture",
        "file": str(path),
        "format": form,
        "width": width,
        "height": height,
        "bytes": path.stat().st_size,
        "digital_source_type": stated_source_type(path.read_bytes()) or None,
        "credentials": _credentials(path),
    }


def _credentials(path: Path) -> dict[str, Any] | None:
    """Return the Content Credentials; None if their reader is not installed."""
    try:
        from keyart_tools.compose.credentials import read
    except ImportError:
        return None
    return dict(read(path))


def tables(document: Mapping[str, Any]) -> list[Any]:
    """Return tables of the document."""
    names = [name for name in document if name not in ("kind", "file", "credentials")]
    about = fields(f"Picture {document['file']}", document, *names)
    credentials = document["credentials"]
    if credentials is None:
        return [about, "Content Credentials cannot be read here: install keyart[tagging]."]
    return [about, fields("Content Credentials", credentials)]
