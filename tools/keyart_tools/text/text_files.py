"""Text files in the encodings that users have: UTF-8 with or without BOM, UTF-16 with BOM, or Windows-1252."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import Any

from keyart.errors import InputError, KeyartError

MAX_BYTES = 500_000_000
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def read_text(path: Path, what: str, error: type[KeyartError] = InputError) -> str:
    """Read a text file, with LF line ends; bytes that are not UTF-8 are decoded as Windows-1252.

    Args:
        path: the file.
        what: kind of file, such as "list of reviews", for messages.
        error: class of errors to raise.

    Raises:
        InputError: or the class `error`; the file cannot be read, or is not text.
    """
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise error(f"{path} is too large for a {what}: more than {MAX_BYTES // 1_000_000} MB.")
        data = path.read_bytes()
    except FileNotFoundError:
        raise error(f"No {what} at {path}; check the name.") from None
    except OSError as failure:
        raise error(f"Cannot read {path} as a {what}: {failure.strerror or failure}.") from None
    try:
        text = data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    if _NO_TEXT.search(text):
        raise error(f"{path} is not a {what}: it is not a text file.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse_json(text: str, path: Path, what: str, error: type[KeyartError] = InputError) -> Any:
    """Parse the JSON of a file of the kind `what`.

    Raises:
        InputError: or the class `error`; the text is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as failure:
        raise error(f"{path} is not a {what}: it is not JSON ({failure}).") from None
