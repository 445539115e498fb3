"""The compact file of a catalogue, `keyart-catalog-columns/1`: columns that are mapped into memory, not read.

A file is the magic, the length of the header (u4), the header (JSON: lengths of the columns and a CRC-32 of all
bytes behind it), and the columns of `COLUMNS` in their order, each at a multiple of eight bytes, little-endian. A
column of texts is two: the texts in UTF-8, and where each begins and the last ends.

Whoever reads a file checks all of it once, so that no later look at a title can fail.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import CatalogError
from .artwork import Artwork
from .checks import MAX_EMBEDDING_SIZE, MAX_FINITE_NUMBER
from .file_magic import MAGIC
from .ratings import rating_of
from .title import MAX_DURATION_SECONDS, Title
from .whole_file import write_whole

Column = npt.NDArray[Any]
Columns = Mapping[str, Column]

FORMAT: Final = "keyart-catalog-columns/1"
MAX_HEADER_BYTES: Final = 65536
ALIGNMENT: Final = 8
SYNTHETIC, SPOILER = 1, 2  # bits of `artwork.flags`
TEXTS: Final = ("title.id", "title.name", "artwork.id", "artwork.image", "tag", "rating")
COLUMNS: Final[dict[str, str]] = {
    **{f"{name}.{part}": dtype for name in TEXTS for part, dtype in (("ends", "<u8"), ("bytes", "u1"))},
    "title.hash": "<u8",  # first eight bytes of the SHA-256 of each id, ascending
    "title.by_hash": "<u4",  # the title of each
    "title.duration": "<f8",
    "title.artworks": "<u4",  # title i has the artworks from number i up to number i + 1
    "title.tags": "<u4",  # and the entries of the next two columns likewise
    "title.tag": "<u4",
    "title.weight": "<f8",
    "title.embedding": "<i4",  # row among the embeddings, or −1
    "artwork.hash": "<u8",
    "artwork.by_hash": "<u4",
    "artwork.rating": "<u4",
    "artwork.flags": "u1",
    "artwork.tags": "<u4",
    "artwork.tag": "<u4",
    "artwork.weight": "<f8",
    "artwork.embedding": "<i4",
    "embedding": "<f4",  # [rows, size], flat
}


def id_hash(text: str) -> int:
    """Return the number by which an id is found."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def write_compact(titles: Sequence[Title], path: str | Path) -> None:
    """Write titles as a compact file, either completely or not at all.

    Raises:
        CatalogError: The file cannot be written.
    """
    columns = _columns_of(titles)
    body, lengths = bytearray(), {}
    for name, dtype in COLUMNS.items():
        column = np.asarray(columns[name]).astype(dtype)
        lengths[name] = len(column)
        body += column.tobytes()
        body += bytes(-len(body) % ALIGNMENT)
    header = json.dumps({"format": FORMAT, "crc32": zlib.crc32(body), "lengths": lengths}).encode()
    header += b" " * (-(len(MAGIC) + 4 + len(header)) % ALIGNMENT)
    write_whole(path, MAGIC, len(header).to_bytes(4, "little"), header, body)


def read_compact(path: str | Path) -> Columns:
    """Map a compact file into memory, and check all of it.

    Raises:
        CatalogError: The file is damaged, cut short, or of another version.
    """
    source = Path(path)
    try:
        with source.open("rb") as file:
            header, start = _header(file.read(len(MAGIC) + 4 + MAX_HEADER_BYTES))
            file.seek(start)
            crc = 0
            while part := file.read(1 << 20):
                crc = zlib.crc32(part, crc)
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if crc != header["crc32"]:
            raise ValueError("its check sum is another")
        columns, at = {}, start
        for name, dtype in COLUMNS.items():
            length = header["lengths"][name]
            columns[name] = np.frombuffer(mapped, dtype=dtype, count=length, offset=at)
            at += -(-columns[name].nbytes // ALIGNMENT) * ALIGNMENT
        if at != len(mapped):
            raise ValueError("it has another length than its header says")
        _check(columns)
    except OSError as error:
        raise CatalogError(f"Cannot read {source}: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CatalogError(
            f"{source} is a damaged catalogue ({error}). Write it again with Catalog.save_compact(path)."
        ) from None
    return columns


def text_at(columns: Columns, name: str, place: int) -> str:
    """Return one text of a column of texts."""
    ends = columns[f"{name}.ends"]
    return columns[f"{name}.bytes"][int(ends[place]) : int(ends[place + 1])].tobytes().decode()


def all_texts(columns: Columns, name: str) -> list[str]:
    """Return all texts of a column."""
    data, ends = columns[f"{name}.bytes"].tobytes(), columns[f"{name}.ends"].tolist()
    return [data[a:b].decode() for a, b in pairwise(ends)]


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    """Return the header of a file, and where its columns begin."""
    begin = len(MAGIC) + 4
    length = int.from_bytes(data[len(MAGIC) : begin], "little")
    if length > MAX_HEADER_BYTES or len(data) < begin + length:
        raise ValueError("its header is cut short")
    header = json.loads(data[begin : begin + length])
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT!r}, which this keyart reads")
    if sorted(header["lengths"]) != sorted(COLUMNS):
        raise ValueError("it has other columns")
    if not all(type(length) is int and length >= 0 for length in header["lengths"].values()):
        raise ValueError("a column has no length")
    return header, begin + length


def _columns_of(titles: Sequence[Title]) -> dict[str, Any]:
    artworks = [artwork for title in titles for artwork in title.artworks]
    names = {tag for title in titles for tag in title.tags} | {tag for artwork in artworks for tag in artwork.tags}
    tags = {tag: n for n, tag in enumerate(sorted(names))}
    ratings = {rating: n for n, rating in enumerate(sorted({artwork.maturity for artwork in artworks}))}
    rows: list[Sequence[float]] = []
    columns: dict[str, Any] = {}
    entries: Sequence[Title] | Sequence[Artwork]
    for owner, entries in (("title", titles), ("artwork", artworks)):
        ids = [entry.id for entry in entries]
        hashes = np.array([id_hash(text) for text in ids], dtype="<u8")
        order = np.argsort(hashes, kind="stable")
        columns |= _text_columns(f"{owner}.id", ids)
        columns |= {f"{owner}.hash": hashes[order], f"{owner}.by_hash": order}
        columns[f"{owner}.tags"] = _ends(len(entry.tags) for entry in entries)
        columns[f"{owner}.tag"] = [tags[tag] for entry in entries for tag in entry.tags]
        columns[f"{owner}.weight"] = [weight for entry in entries for weight in entry.tags.values()]
        numbers = []
        for entry in entries:
            numbers.append(-1 if entry.embedding is None else len(rows))
            if entry.embedding is not None:
                rows.append(entry.embedding)
        columns[f"{owner}.embedding"] = numbers
    columns |= _text_columns("title.name", [title.name for title in titles])
    columns |= _text_columns("artwork.image", [artwork.image for artwork in artworks])
    columns |= _text_columns("tag", list(tags))
    columns |= _text_columns("rating", list(ratings))
    columns["title.duration"] = [title.duration for title in titles]
    columns["title.artworks"] = _ends(len(title.artworks) for title in titles)
    columns["artwork.rating"] = [ratings[artwork.maturity] for artwork in artworks]
    columns["artwork.flags"] = [SYNTHETIC * a.synthetic + SPOILER * a.spoiler for a in artworks]
    columns["embedding"] = np.array(rows, dtype="<f4").ravel()
    return columns


def _text_columns(name: str, texts: Sequence[str]) -> dict[str, Any]:
    encoded = [text.encode() for text in texts]
    return {
        f"{name}.ends": _ends(map(len, encoded)),
        f"{name}.bytes": np.frombuffer(b"".join(encoded), dtype="u1"),
    }


def _ends(lengths: Iterable[int]) -> Column:
    return np.concatenate([[0], np.cumsum(np.fromiter(lengths, dtype=np.int64))])


def _check(columns: Columns) -> None:
    """Raise a `ValueError` unless the columns hold a catalogue."""
    titles, artworks = len(columns["title.duration"]), len(columns["artwork.flags"])
    counts = {"title.id": titles, "title.name": titles, "artwork.id": artworks, "artwork.image": artworks}
    for name in TEXTS:
        _check_text(columns, name, counts.get(name))
    _check_ends(columns["title.artworks"], titles, artworks)
    if not titles or (columns["title.artworks"][1:] == columns["title.artworks"][:-1]).any():
        raise ValueError("a title has no artwork")
    durations = columns["title.duration"]
    if not ((durations >= 0) & (durations <= MAX_DURATION_SECONDS)).all():
        raise ValueError("a duration is out of range")
    tags, ratings = len(columns["tag.ends"]) - 1, len(columns["rating.ends"]) - 1
    for owner, count in (("title", titles), ("artwork", artworks)):
        _check_ends(columns[f"{owner}.tags"], count, len(columns[f"{owner}.tag"]))
        weights = columns[f"{owner}.weight"]
        if (
            len(weights) != len(columns[f"{owner}.tag"])
            or not ((weights >= 0) & (weights <= MAX_FINITE_NUMBER)).all()
        ):
            raise ValueError("a weight is out of range")
        _check_places(columns[f"{owner}.tag"], tags)
        _check_lookup(columns, owner, count)
    if len(columns["artwork.rating"]) != artworks or (columns["artwork.flags"] > (SYNTHETIC | SPOILER)).any():
        raise ValueError("an artwork has no rating, or unknown flags")
    _check_places(columns["artwork.rating"], ratings)
    if any(rating and rating_of(rating) is None for rating in all_texts(columns, "rating")):
        raise ValueError("a rating is unknown")
    if not all(tag.strip() for tag in all_texts(columns, "tag")):
        raise ValueError("a tag is empty")
    _check_embeddings(columns, titles, artworks)


def _check_text(columns: Columns, name: str, count: int | None) -> None:
    ends, data = columns[f"{name}.ends"], columns[f"{name}.bytes"]
    _check_ends(ends, len(ends) - 1 if count is None else count, len(data))
    data.tobytes().decode()  # raises a UnicodeDecodeError, which is a ValueError
    begins = ends[:-1][ends[1:] > ends[:-1]].astype(np.int64)
    if (data[begins] & 0xC0 == 0x80).any():
        raise ValueError("a text is cut within a character")
    if name.endswith(".id") and len(begins) != len(ends) - 1:
        raise ValueError("an id is empty")


def _check_ends(ends: Column, count: int, last: int) -> None:
    if len(ends) != count + 1 or int(ends[0]) != 0 or int(ends[-1]) != last or (ends[1:] < ends[:-1]).any():
        raise ValueError("a column does not fit the others")


def _check_places(places: Column, count: int) -> None:
    if len(places) and int(places.max()) >= count:
        raise ValueError("a number points beyond its column")


def _check_lookup(columns: Columns, owner: str, count: int) -> None:
    hashes, order = columns[f"{owner}.hash"], columns[f"{owner}.by_hash"]
    if len(hashes) != count or len(order) != count or (hashes[1:] < hashes[:-1]).any():
        raise ValueError("the ids are not in the order of their hashes")
    _check_places(order, count)
    if len(np.unique(order)) != count:
        raise ValueError("an id is found at two places")
    for n in np.flatnonzero(hashes[1:] == hashes[:-1]).tolist():
        if text_at(columns, f"{owner}.id", int(order[n])) == text_at(columns, f"{owner}.id", int(order[n + 1])):
            raise ValueError("an id occurs twice")


def _check_embeddings(columns: Columns, titles: int, artworks: int) -> None:
    rows = np.concatenate([columns["title.embedding"], columns["artwork.embedding"]])
    used = rows[rows >= 0]
    if len(columns["title.embedding"]) != titles or len(columns["artwork.embedding"]) != artworks:
        raise ValueError("the embeddings do not fit")
    if (rows < -1).any() or len(np.unique(used)) != len(used) or (len(used) and int(used.max()) != len(used) - 1):
        raise ValueError("an embedding is missing, or has two owners")
    numbers = columns["embedding"]
    size = embedding_size(columns)
    if len(numbers) != len(used) * size or not 0 <= size <= MAX_EMBEDDING_SIZE or (len(used) and not size):
        raise ValueError("embeddings have different lengths")
    if not (np.abs(numbers) <= MAX_FINITE_NUMBER).all():
        raise ValueError("an embedding has a number out of range")


def embedding_size(columns: Columns) -> int:
    """Return how many numbers an embedding has, 0 if there are none."""
    rows = int((columns["title.embedding"] >= 0).sum() + (columns["artwork.embedding"] >= 0).sum())
    return len(columns["embedding"]) // rows if rows else 0
