"""The logbook's entries: views, and decisions with their outcomes, and their bytes in the store.

Compact on purpose: a year of living rooms is millions of decisions. Every entry starts with a version byte.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from .context import daypart_of
from .decision import Decision
from .errors import StoreDamaged
from .history import Outcome, OutcomeKind, View

VERSION = 1
_VIEW = struct.Struct("<Bdhf")
_DECISION = struct.Struct("<BdhHdIBBf")
_OUTCOMES: tuple[OutcomeKind | None, ...] = (None, "skipped", "opened", "played")
_EXPLORING, _STICKY, _INTENT = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Entry:
    """A decision, the context it was made in, and what came of it (None: nothing yet).

    with_intent: the viewer had asked for something; that is never stored, so training leaves the entry out.
    """

    decision: Decision
    at: datetime
    device: str
    slot: int
    with_intent: bool = False
    outcome: Outcome | None = None

    @property
    def daypart(self) -> str:
        return daypart_of(self.at)


def view_to_bytes(view: View) -> bytes:
    return _VIEW.pack(VERSION, *_time(view.at), view.seconds) + _texts(view.title_id, view.device)


def view_from_bytes(data: bytes) -> View:
    """Raises StoreDamaged for bytes that are no view."""
    try:
        version, stamp, minutes, seconds = _VIEW.unpack_from(data)
        title_id, device = _read_texts(data, _VIEW.size, 2)
        _require_version(version)
        return View(title_id, _datetime(stamp, minutes), seconds, device)
    except (struct.error, ValueError, IndexError, OverflowError, OSError) as error:
        raise _damaged(error) from None


def entry_to_bytes(entry: Entry) -> bytes:
    decision, outcome = entry.decision, entry.outcome
    flags = _EXPLORING * decision.exploring | _STICKY * decision.sticky | _INTENT * entry.with_intent
    head = _DECISION.pack(
        VERSION,
        *_time(entry.at),
        min(entry.slot, 0xFFFF),
        decision.propensity,
        decision.model_version,
        flags,
        _OUTCOMES.index(outcome.kind if outcome else None),
        outcome.seconds if outcome else 0.0,
    )
    return head + _texts(decision.title_id, decision.artwork_id, entry.device)


def entry_from_bytes(decision_id: str, data: bytes) -> Entry:
    """Raises StoreDamaged for bytes that are no decision."""
    try:
        version, stamp, minutes, slot, propensity, model, flags, kind, seconds = _DECISION.unpack_from(data)
        title_id, artwork_id, device = _read_texts(data, _DECISION.size, 3)
        _require_version(version)
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
        return Entry(decision, _datetime(stamp, minutes), device, slot, bool(flags & _INTENT), outcome)
    except (struct.error, ValueError, IndexError, OverflowError, OSError) as error:
        raise _damaged(error) from None


def _time(at: datetime) -> tuple[float, int]:
    offset = at.utcoffset() or timedelta(0)
    return at.timestamp(), int(offset.total_seconds() // 60)


def _datetime(stamp: float, minutes: int) -> datetime:
    return datetime.fromtimestamp(stamp, timezone(timedelta(minutes=minutes)))


def _texts(*texts: str) -> bytes:
    parts = [text.encode() for text in texts]
    return b"".join(struct.pack("<H", len(part)) + part for part in parts)


def _read_texts(data: bytes, at: int, count: int) -> list[str]:
    texts = []
    for _ in range(count):
        (size,) = struct.unpack_from("<H", data, at)
        part = data[at + 2 : at + 2 + size]
        if len(part) != size:
            raise ValueError("a text is cut off")
        texts.append(part.decode())
        at += 2 + size
    return texts


def _require_version(version: int) -> None:
    if version != VERSION:
        raise ValueError(f"version {version}, this keyart reads {VERSION}")


def _damaged(error: Exception) -> StoreDamaged:
    return StoreDamaged(
        f"An entry of the profile cannot be read ({error}). If a newer keyart wrote it, update keyart; otherwise "
        "call forget() or delete the file to begin anew."
    )
