"""Hostile bytes from good ones: bits, blocks and numbers changed in any file, values changed in one that is JSON.

All chance comes from the generator that is handed in, so that a run can be repeated and hypothesis can shrink.
"""

from __future__ import annotations

import copy
import functools
import json
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

MOST_BYTES = 200_000
ROUNDS = 4  # changes to one input, at most
BLOCKS = (
    b"\x00",
    b"\xff",
    b"\x80" * 10,
    b"\xff" * 9 + b"\x01",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\r\n",
    b'"',
    b"\\u",
)
NUMBERS = tuple(
    struct.pack(form, value)
    for form, values in {
        "<B": (0, 1, 127, 128, 255),
        "<H": (0, 255, 0x7FFF, 0x8000, 0xFFFF),
        "<I": (0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF),
        "<Q": (0, 2**31, 2**53, 2**63 - 1, 2**63, 2**64 - 1),
        "<f": (float("nan"), float("inf"), -float("inf"), 3e38, 1e-45),
        "<d": (float("nan"), float("inf"), -float("inf"), 1e300, -1e300, 253402300800.0, 5e-324, -1.0),
    }.items()
    for value in values
)


class Raw(str):
    """JSON text that Python's own writer does not write."""


VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1.0, 1e-320, 1e39, 1e308, 2**31, 2**53, 2**63, 2**64, -(2**70)),
    *("", " ", "x", "x" * 300, "9" * 5000, "a\x00b", "\ud800", "genre:drama", "gender:any", "../x", "٣+", "1e999"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z", "2026-01-01"),
    *([], {}, [[]], [{}], {"": {}}, [None], [0.5, "x"], {"x": "x"}, [1] * 300),
    *map(Raw, ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400, "1" * 5000, "1.0", "1E0", "-0")),
    *(Raw("[" * depth + "]" * depth) for depth in (30, 900, 30_000)),
    *(Raw('{"x":' * depth + "1" + "}" * depth) for depth in (30, 900)),
    Raw("[" * 90_000),
    Raw('{"x":1,"x":2}'),
)


def mutated(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One input: a seed after one to four changes."""
    data = rng.choice(seeds)
    if is_json(data) and rng.random() < 0.6:
        data = changed_json(rng, data)
        if rng.random() < 0.7:
            return data
    for _ in range(rng.randrange(1, ROUNDS + 1)):
        data = rng.choice(CHANGES)(rng, data, seeds)
    return data[:MOST_BYTES]


@functools.lru_cache(maxsize=256)
def is_json(seed: bytes) -> bool:
    """Whether a seed is a JSON object or list."""
    try:
        return isinstance(json.loads(seed), dict | list)
    except (ValueError, RecursionError):
        return False


def changed_json(rng: random.Random, seed: bytes) -> bytes:
    """A JSON document with some values replaced, removed, doubled, swapped or renamed."""
    document = [json.loads(seed)]  # in a list, so that the whole of it has a place as well
    raw: list[str] = []

    def value() -> Any:
        chosen = rng.choice(VALUES)
        if isinstance(chosen, Raw):
            raw.append(chosen)
            return f"\x01{len(raw) - 1}\x01"
        return copy.deepcopy(chosen)  # later changes may go into it

    for _ in range(rng.randrange(1, ROUNDS)):
        holder, key = place(rng, document)
        action = rng.randrange(8)
        if action == 0:
            holder[key] = [holder[key]] * rng.randrange(2, 5)
        elif action == 1 and holder is not document:
            del holder[key]
        elif action == 2 and isinstance(holder, dict):
            holder[rng.choice(("", "x", "version", "gender", "digest", "\ud800"))] = holder.pop(key)
        elif action == 3 and isinstance(holder, list):
            holder.insert(key, holder[key])
        elif action == 4:
            other, at = place(rng, document)
            holder[key], other[at] = other[at], holder[key]  # may swap types, or put a value into itself
        elif action == 5 and isinstance(holder, dict):
            holder[rng.choice(("x", "more", ""))] = value()
        else:
            holder[key] = value()
    return written(rng, document[0], raw)


def place(rng: random.Random, document: list[Any]) -> tuple[Any, Any]:
    """A list or an object inside a document, and a key of it."""
    holder: Any = document
    key: Any = 0
    while isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.8:
        holder = holder[key]
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
    return holder, key


def written(rng: random.Random, document: Any, raw: Sequence[str]) -> bytes:
    """The document as bytes, in one of the ways to write JSON."""
    try:
        text = json.dumps(document, indent=1 if rng.random() < 0.5 else None, ensure_ascii=rng.random() < 0.5)
    except (ValueError, RecursionError):  # it holds itself
        return b"[" * 2000
    for i, part in enumerate(raw):
        text = text.replace(f'"\\u0001{i}\\u0001"', part)
    if rng.random() < 0.05:
        text = text.replace("{", '{"twice": 1, "twice": 2, ', 1)
    coding = "utf-16" if rng.random() < 0.02 else "utf-8"
    return text.encode(coding, "surrogatepass")[:MOST_BYTES]


def spot(rng: random.Random, data: bytes) -> int:
    return rng.randrange(len(data) + 1)


def span(rng: random.Random, data: bytes) -> tuple[int, int]:
    start = spot(rng, data)
    return start, min(len(data), start + rng.choice((1, 2, 4, 8, 16, 64, 256, 4096)))


def flip(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    if not data:
        return b"\x00"
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def cut(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    at = spot(rng, data)
    return data[:at] if rng.random() < 0.7 else data[at:]


def remove(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    start, end = span(rng, data)
    return data[:start] + data[end:]


def double(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    start, end = span(rng, data)
    return data[:end] + data[start:end] * rng.choice((1, 1, 2, 100)) + data[end:]


def splice(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    other = rng.choice(seeds)
    return data[: spot(rng, data)] + other[spot(rng, other) :]


def insert(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    at = spot(rng, data)
    return data[:at] + rng.choice(BLOCKS) + data[at:]


def number(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    at, block = spot(rng, data), rng.choice(NUMBERS)
    return data[:at] + block + data[at + len(block) :]


def noise(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    start, end = span(rng, data)
    end = min(end, start + 16)
    return data[:start] + bytes(rng.randrange(256) for _ in range(end - start)) + data[end:]


CHANGES: tuple[Callable[[random.Random, bytes, Sequence[bytes]], bytes], ...] = (
    *(flip, cut, remove, double, splice, insert, number, noise),
)
