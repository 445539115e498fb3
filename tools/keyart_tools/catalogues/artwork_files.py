"""Names of picture files beside a film, as Kodi and Jellyfin document them, and a look at their first bytes."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tbn", ".avif"})  # .tbn: a JPEG of Kodi before version 12
# Name of the file: type of the artwork. With a film's name before it, or without; a number may follow.
TYPES: Mapping[str, str] = MappingProxyType(
    {
        "poster": "poster", "keyart": "keyart", "landscape": "landscape", "thumb": "landscape",
        "fanart": "backdrop", "backdrop": "backdrop", "background": "backdrop", "banner": "banner",
    }
)  # fmt: skip
# Without a film's name only.
PLAIN_TYPES: Mapping[str, str] = MappingProxyType(
    {"folder": "poster", "cover": "poster", "default": "poster", "movie": "poster", "art": "backdrop"}
)
FOLDERS: Mapping[str, str] = MappingProxyType({"extrafanart": "backdrop", "extrathumbs": "still"})
ORDER = ("poster", "keyart", "landscape", "backdrop", "banner", "still")  # of a title's artworks
# Transparent pieces that an app lays over a picture, and art of a season.
PIECES = re.compile(
    r"(?:.*-)?(?:clearlogo|logo|clearart|disc|discart|cdart|characterart)-?\d{0,4}|season.*", re.IGNORECASE
)

_NAME = re.compile(rf"(?:(?P<film>.+)-)?(?P<art>{'|'.join(TYPES)})-?(?P<number>\d{{0,4}})", re.IGNORECASE)
_PLAIN = re.compile(rf"(?P<art>{'|'.join(PLAIN_TYPES)})-?(?P<number>\d{{0,4}})", re.IGNORECASE)
_BYTES = 16


@dataclass(frozen=True, slots=True)
class ArtworkName:
    """The parts of a picture's file name.

    Attributes:
        film: The film's name before the type, or "".
        type: Type of the artwork, as in the vocabulary.
        short: The name without the film's, which becomes the artwork's id: "fanart1".
        number: Number after the type, 0 if there is none.
    """

    film: str
    type: str
    short: str
    number: int


def artwork_name(stem: str) -> ArtworkName | None:
    """Return the parts of a file name without its suffix; None if it is not called as an artwork is."""
    if match := _NAME.fullmatch(stem):
        film, kind = match["film"] or "", TYPES[match["art"].lower()]
    elif match := _PLAIN.fullmatch(stem):
        film, kind = "", PLAIN_TYPES[match["art"].lower()]
    else:
        return None
    short = f"{match['art'].lower()}{match['number']}"
    return ArtworkName(film, kind, short, int(match["number"] or 0))


def picture_problem(path: Path) -> str:
    """Return why a file cannot be a picture, as a sentence, or "" if it begins as one."""
    try:
        with path.open("rb") as file:
            head = file.read(_BYTES)
    except FileNotFoundError:
        return "The picture is missing; the link or the catalogue names a file that is not there."
    except OSError as error:
        return f"The picture cannot be read ({error.strerror or error})."
    if not head:
        return "The picture is empty (0 bytes); export it again."
    known = (
        head.startswith((b"\xff\xd8", b"\x89PNG\r\n\x1a\n"))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or head[4:12] in (b"ftypavif", b"ftypavis")
    )
    return "" if known else "This is no JPEG, PNG, WebP or AVIF picture, whatever its name says."


def picture_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in hex.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def relative_path(path: Path, base: Path) -> str:
    """Return the path from the folder `base`, with slashes; the absolute path if there is none (another drive)."""
    try:
        return Path(os.path.relpath(path, base)).as_posix()
    except ValueError:
        return path.absolute().as_posix()
