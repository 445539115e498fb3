"""The entries of the event log: views, and decisions with their outcomes, as bytes in the store.

They are compact: a year of living rooms is millions of decisions. Every entry starts with a version byte and, since
version 2, the day on which it was written, by which it expires (`held_since`). Decisions of one past day are packed
into few records, since a record of its own costs each of them more than twice its content.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from ..context import daypart_of
from ..decision import Decision
from ..errors import StoreDamaged
from ..history import Outcome, OutcomeKind, View

VERSION = 2
_STAMP = struct.Struct("<BH")  # version, day of writing (days since 1970)
_VIEW = struct.Struct("<dhf")
_DECISION = struct.Struct("<dhHdIBBf")
_AT = struct.Struct("<d")
_SIZE = struct.Struct("<H")  # of a text
_LENGTH = struct.Struct("<I")  # of an entry in a pack
_ID_BYTES = 16
_SECONDS_A_DAY = 86_400
MAX_PACK_BYTES = 1 << 24  # unpacked; beyond, it is no pack of this keyart
_LAST_DAY = 0xFFFF
_OUTCOMES: tuple[OutcomeKind | None, ...] = (None, "skipped", "opened", "played")
_EXPLORING, _STICKY, _INTENT, _SEEN = 1, 2, 4, 8


class Entry(NamedTuple):
    """A decision in the event log.

    Attributes:
        decision: The decision.
        at: Time of the decision.
        device: Device class.
        slot: Place on the page.
        with_intent: True if the viewer had asked for something. That is never stored, so training leaves the entry
            out.
        outcome: The outcome, or None if there is none yet.
        seen: True if the app has said that the artwork was on the screen, so that silence means a skip.
        day: Day on which it was written (`day_of`); 0 if it is not written yet.
    """

    decision: Decision
    at: datetime
    device: str
    slot: int
    with_intent: bool = False
    outcome: Outcome | None = None
    seen: bool = False
    day: int = 0

    @property
    def daypart(self) -> str:
        """Return the daypart of the context."""
        return daypart_of(self.at)

    @property
    def artwork_id(self) -> str:
        """Return the id of the artwork; "", which is no artwork's, for a decision that shows none."""
        return self.decision.artwork_id or ""


def day_of(at: datetime) -> int:
    """Return the days since 1970, which entries are stamped with."""
    return min(max(int(at.timestamp() // _SECONDS_A_DAY), 0), _LAST_DAY)


def written_on(data: bytes) -> int:
    """Return the day on which an entry was written.

    Raises:
        StoreDamaged: The bytes are not an entry.
    """
    try:
        version, start = _start(data)
        if version == 1:  # did not say: its own time has to do
            return min(max(int(_AT.unpack_from(data, start)[0] // _SECONDS_A_DAY), 0), _LAST_DAY)
        return int(_STAMP.unpack_from(data)[1])
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise _damaged(error) from None


def held_since(data: bytes, is_view: bool, retention_days: int) -> int:
    """Return the day (`day_of`) from which the retention of an entry counts.

    It is the day of writing, and for a view that was recorded `a` days after it was watched an earlier day: of R days
    of retention, R a / (R + a) are spent at its recording. So the view is kept for R days after it was watched, or
    longer, and never longer than R days after it was recorded; and an imported history of years ends little by
    little, the oldest views first, and not on one day.

    Args:
        data: The entry.
        is_view: True for a view, False for a decision.
        retention_days: R.

    Raises:
        StoreDamaged: The bytes are not an entry.
    """
    written = written_on(data)
    if not is_view:
        return written
    age_days = max(written - day_of(view_from_bytes(data).at), 0)
    return written - retention_days * age_days // (retention_days + age_days)


def view_to_bytes(view: View, day: int) -> bytes:
    """Encode a view that is written on a day (`day_of`)."""
    return _STAMP.pack(VERSION, day) + _VIEW.pack(*_time(view.at), view.seconds) + _texts(view.title_id, view.device)


def view_from_bytes(data: bytes) -> View:
    """Decode a view.

    Raises:
        StoreDamaged: The bytes are not a view.
    """
    try:
        _, start = _start(data)
        stamp, minutes, seconds = _VIEW.unpack_from(data, start)
        title_id, device = _read_texts(data, start + _VIEW.size, 2)
        return View(title_id, _datetime(stamp, minutes), seconds, device)
    except (struct.error, ValueError, IndexError, OverflowError, OSError) as error:
        raise _damaged(error) from None


def entry_to_bytes(entry: Entry) -> bytes:
    """Encode a decision, its day included."""
    decision, outcome = entry.decision, entry.outcome
    flags = (
        _EXPLORING * decision.exploring | _STICKY * decision.sticky | _INTENT * entry.with_intent | _SEEN * entry.seen
    )
    head = _DECISION.pack(
        *_time(entry.at),
        min(entry.slot, 0xFFFF),
        decision.propensity,
        decision.model_version,
        flags,
        _OUTCOMES.index(outcome.kind if outcome else None),
        outcome.seconds if outcome else 0.0,
    )
    return _STAMP.pack(VERSION, entry.day) + head + _texts(decision.title_id, entry.artwork_id, entry.device)


def entry_from_bytes(decision_id: str, data: bytes) -> Entry:
    """Decode a decision.

    Raises:
        StoreDamaged: The bytes are not a decision.
    """
    try:
        _, start = _start(data)
        stamp, minutes, slot, propensity, model, flags, kind, seconds = _DECISION.unpack_from(data, start)
        title_id, artwork_id, device = _read_texts(data, start + _DECISION.size, 3)
        name = _OUTCOMES[kind]
        decision = Decision(
            decision_id,
            title_id,
            artwork_id,
            propensity,
            bool(flags & _EXPLORING),
            model,
            bool(flags & _STICKY),
        )
        outcome = Outcome(name, seconds) if name else None
        at = _datetime(stamp, minutes)
        day = written_on(data)
        return Entry(decision, at, device, slot, bool(flags & _INTENT), outcome, bool(flags & _SEEN), day)
    except (struct.error, ValueError, IndexError, OverflowError, OSError) as error:
        raise _damaged(error) from None


def pack_to_bytes(entries: Sequence[tuple[str, bytes]]) -> bytes:
    """Encode decisions, by their ids, that were written on the same day."""
    content = b"".join(bytes.fromhex(id_) + _LENGTH.pack(len(data)) + data for id_, data in entries)
    return _STAMP.pack(VERSION, written_on(entries[0][1])) + zlib.compress(content, 9)


def pack_from_bytes(data: bytes) -> list[tuple[str, bytes]]:
    """Decode a pack: the id and the bytes of each decision, in the order of learning.

    Raises:
        StoreDamaged: The bytes are not a pack.
    """
    try:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(data[_start(data)[1] :], MAX_PACK_BYTES)
        if not unpacker.eof:
            raise ValueError("a pack is cut off")
        entries, at = [], 0
        while at < len(content):
            start = at + _ID_BYTES + _LENGTH.size
            (size,) = _LENGTH.unpack_from(content, at + _ID_BYTES)
            entries.append((content[at : at + _ID_BYTES].hex(), content[start : start + size]))
            at = start + size
        if at != len(content) or not entries:
            raise ValueError("a pack has no whole entries")
        return entries
    except (struct.error, zlib.error, ValueError, IndexError) as error:
        raise _damaged(error) from None


def _time(at: datetime) -> tuple[float, int]:
    offset = at.utcoffset() or timedelta(0)
    return at.timestamp(), int(offset.total_seconds() // 60)


def _datetime(stamp: float, minutes: int) -> datetime:
    return datetime.fromtimestamp(stamp, timezone(timedelta(minutes=minutes)))


def _texts(*texts: str) -> bytes:
    parts: list[bytes] = []
    for text in texts:
        part = text.encode()
        parts += _SIZE.pack(len(part)), part
    return b"".join(parts)


def _read_texts(data: bytes, at: int, count: int) -> list[str]:
    texts = []
    for _ in range(count):
        (size,) = _SIZE.unpack_from(data, at)
        part = data[at + 2 : at + 2 + size]
        if len(part) != size:
            raise ValueError("a text is cut off")
        texts.append(part.decode())
        at += 2 + size
    return texts


def _start(data: bytes) -> tuple[int, int]:
    """Return the version, and the offset of the fields."""
    version = data[0]
    if version not in (1, VERSION):
        raise ValueError(f"version {version}, this keyart reads 1 to {VERSION}")
    return version, 1 if version == 1 else _STAMP.size


def _damaged(error: Exception) -> StoreDamaged:
    return StoreDamaged(
        f"An entry of the profile cannot be read ({error}). If a newer keyart wrote it, update keyart; otherwise "
        "call forget() or delete the file to begin anew."
    )
