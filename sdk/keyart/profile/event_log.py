"""Event log: the views and decisions of one profile in its store, in the order in which they were learned from.

Decisions of past days lie in packs, and later ones in records of their own: so packs come first.

A decision is buffered when it is made and written in the background: with its outcome at the latest, or by
`write_batch`. All methods but `remember` and `pending` read or write the store, which its owner lets one thread at a
time do. The buffer has a lock of its own, so that choosing never waits for the disk.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime

from ..history import Outcome, View
from ..store.database import Store, Table
from .event_codec import (
    Entry,
    day_of,
    entry_from_bytes,
    entry_to_bytes,
    held_since,
    pack_from_bytes,
    pack_to_bytes,
    view_from_bytes,
    view_to_bytes,
    written_on,
)

log = logging.getLogger("keyart")

MAX_BUFFERED = 16_384  # decisions that may wait to be written; beyond, the oldest is dropped
URGENT_PENDING = 4_096  # so many that they should be written now
MAX_DAY = 0xFFFF
FUTURE_DAYS = 1  # by so much a clock may have been ahead without being wrong
BATCH_DECISIONS = 256  # how many are written in one transaction
PACK_AFTER_DAYS = 2  # until then most decisions have their outcome, and change no more
PACK_DECISIONS = 16  # of which six packs fill a page of the file


class EventLog:
    """The event log of one profile. `today` returns the day (`day_of`) that new entries are stamped with."""

    def __init__(self, store: Store, today: Callable[[], int]) -> None:
        self._store, self._today = store, today
        self._pending: dict[str, Entry] = {}
        self._oldest_view: int | None = None  # its day; None: not known
        self._lock = threading.Lock()

    def remember(self, entry: Entry) -> None:
        """Buffer a decision that was just made, or changed, unless it can never be written."""
        if self._store.read_only:
            return
        with self._lock:
            self._pending[entry.decision.id] = entry
            if len(self._pending) <= MAX_BUFFERED:
                return
            del self._pending[next(iter(self._pending))]
        log.warning("A decision was dropped: they come faster than the profile can be written")

    @property
    def pending(self) -> int:
        """Return the number of decisions that wait to be written."""
        return len(self._pending)

    def drop_pending(self) -> None:
        """Drop the decisions that were not written yet."""
        with self._lock:
            self._pending.clear()

    def views(self) -> Iterator[View]:
        """Return every view, in the order of recording."""
        return (view_from_bytes(data) for _, data in self._store.scan(Table.VIEW))

    def entries(self) -> Iterator[Entry]:
        """Return every decision in the order of learning, those not yet written last."""
        with self._lock:
            waiting = dict(self._pending)
        for decision_id, data in self._stored():
            newer = waiting.pop(decision_id) if decision_id in waiting else None
            yield newer or entry_from_bytes(decision_id, data)
        yield from waiting.values()

    def written_since(self, day: int) -> Iterator[Entry]:
        """Return decisions on the disk that were written on `day` or later, newest first."""
        for decision_id, data in self._stored(newest_first=True):
            if written_on(data) < day:
                return
            yield entry_from_bytes(decision_id, data)

    def find(self, decision_id: str) -> Entry | None:
        """Return the decision of an id, or None."""
        with self._lock:
            entry = self._pending.get(decision_id)
        if entry is not None:
            return entry
        try:
            record_id = bytes.fromhex(decision_id)
        except (ValueError, TypeError):
            return None
        data = self._store.get(Table.DECISION, record_id)
        if data is None:
            data = next((packed for id_, packed in self._packed() if id_ == decision_id), None)
        return None if data is None else entry_from_bytes(decision_id, data)

    def record(self, views: list[View]) -> None:
        """Store views, all or none."""
        day = self._today()
        with self._store.transaction():
            for view in views:
                self._store.put(Table.VIEW, os.urandom(16), view_to_bytes(view, day), group=view.title_id)
        self._oldest_view = None if any(day_of(view.at) < day for view in views) else self._oldest_view

    def answer(self, entry: Entry, outcome: Outcome) -> Entry:
        """Store the outcome of a decision with the decision, and return the entry as it is now."""
        first = entry.outcome is None
        day = self._today() if first or not entry.day else entry.day
        answered = entry._replace(outcome=outcome, day=day)
        if not entry.day:
            self._put(answered)
        elif first:  # to the end: the journal is in the order of learning, and of its days
            with self._store.transaction():
                self._delete(entry.decision.id)
                self._put(answered)
        else:
            self._put_again(answered)
        with self._lock:
            self._pending.pop(entry.decision.id, None)
        return answered

    def write_batch(self) -> int:
        """Write the oldest buffered decisions, and return how many; 0 if there are none."""
        with self._lock:
            batch = list(itertools.islice(self._pending.values(), BATCH_DECISIONS))
        if not batch:
            return 0
        day = self._today()
        with self._store.transaction():
            for entry in batch:
                if entry.day:
                    self._put_again(entry)
                else:
                    self._put(entry._replace(day=day))
        with self._lock:
            for entry in batch:
                if self._pending.get(entry.decision.id) is entry:
                    del self._pending[entry.decision.id]
        return len(batch)

    def remove_title(self, title_id: str) -> int:
        """Delete the views and decisions of a title, and return how many there were."""
        with self._lock:
            pending_ids = [
                entry.decision.id for entry in self._pending.values() if entry.decision.title_id == title_id
            ]
        with self._store.transaction():
            stored = {decision_id for decision_id, _ in self._stored()} if pending_ids else set()
            written = sum(decision_id in stored for decision_id in pending_ids)
            removed = self._store.delete_group(Table.VIEW, title_id)
            removed += self._store.delete_group(Table.DECISION, title_id)
            removed += self._remove_packed(
                lambda id_, data: entry_from_bytes(id_, data).decision.title_id == title_id
            )
        self._forget(pending_ids)
        return removed + len(pending_ids) - written

    def remove_view(self, title_id: str, at: datetime) -> int:
        """Delete the views of a title that began at a moment (to the millisecond), and return how many."""
        with self._store.transaction():
            record_ids = [
                record_id
                for record_id, data in self._store.scan(Table.VIEW)
                if (view := view_from_bytes(data)).title_id == title_id
                and abs((view.at - at).total_seconds()) < 0.001
            ]
            return sum(self._store.delete(Table.VIEW, record_id) for record_id in record_ids)

    def remove_decision(self, decision_id: str) -> int:
        """Delete one decision and its outcome, and return how many there were, 0 or 1."""
        if self.find(decision_id) is None:
            return 0
        self._delete(decision_id)
        self._forget([decision_id])
        return 1

    def holds_older(self, retention_days: int) -> bool:
        """Return True if an entry is held longer than `retention_days` (`held_since`)."""
        if self._oldest_view is None:  # an imported history is not in the order of viewing: all are read, once
            views = (data for _, data in self._store.scan(Table.VIEW))
            self._oldest_view = min((held_since(data, True, retention_days) for data in views), default=MAX_DAY)
        first_day = self._today() - retention_days
        over = (next(self._over(table, retention_days), None) for table in (Table.PACK, Table.DECISION))
        return self._oldest_view < first_day or any(record_id is not None for record_id in over)

    def expire(self, retention_days: int) -> int:
        """Delete entries that were held for `retention_days` (`held_since`), and return how many."""
        with self._store.transaction():
            packs = {id_: len(pack_from_bytes(data)) for id_, data in self._store.scan(Table.PACK)}
            over = [
                (table, id_)
                for table in (Table.VIEW, Table.PACK, Table.DECISION)
                for id_ in self._over(table, retention_days)
            ]
            removed = sum(packs.get(id_, 1) for table, id_ in over if self._store.delete(table, id_))
        self._oldest_view = None
        return removed

    def _over(self, table: Table, retention_days: int) -> Iterator[bytes]:
        """Yield the ids of entries that are held too long.

        Decisions are in the order of writing, so the first that may stay ends the search. An entry from the future
        was written before the clock was set back, nobody knows when: it goes with the first later one that is over.
        Nothing goes because the clock is behind.
        """
        today = self._today()
        first_day, undated = today - retention_days, []
        for record_id, data in self._store.scan(table):
            day = held_since(data, table is Table.VIEW, retention_days)
            if day > today + FUTURE_DAYS:
                undated.append(record_id)
            elif day < first_day:
                if written_on(data) < first_day:
                    yield from undated
                    undated = []
                yield record_id
            elif table is not Table.VIEW:
                return

    @property
    def empty(self) -> bool:
        """Return True if no view and no decision is stored."""
        return not any(self._store.count(table) for table in (Table.VIEW, Table.PACK, Table.DECISION))

    def digest(self) -> bytes:
        """Return bytes that differ after any change of what is stored."""
        return b"".join(self._store.digest(table) for table in (Table.VIEW, Table.PACK, Table.DECISION))

    def pack(self) -> None:
        """Pack the decisions of past days, up to the first that is not past. Their order stays."""
        before, days = (
            self._today() - PACK_AFTER_DAYS,
            itertools.groupby(
                ((id_.hex(), data) for id_, data in self._store.scan(Table.DECISION)),
                lambda item: written_on(item[1]),
            ),
        )
        past = [list(entries) for day, entries in itertools.takewhile(lambda item: item[0] < before, days)]
        if not past:
            return
        with self._store.transaction():
            for entries in past:
                for start in range(0, len(entries), PACK_DECISIONS):
                    packed = entries[start : start + PACK_DECISIONS]
                    self._store.put(Table.PACK, os.urandom(16), pack_to_bytes(packed))
                    for decision_id, _ in packed:
                        self._store.delete(Table.DECISION, bytes.fromhex(decision_id))

    def _stored(self, newest_first: bool = False) -> Iterator[tuple[str, bytes]]:
        """Yield the id and the bytes of each stored decision, in the order of learning or backwards."""
        single = ((id_.hex(), data) for id_, data in self._store.scan(Table.DECISION, newest_first=newest_first))
        packed = self._packed(newest_first)
        return itertools.chain(single, packed) if newest_first else itertools.chain(packed, single)

    def _packed(self, newest_first: bool = False) -> Iterator[tuple[str, bytes]]:
        for _, data in self._store.scan(Table.PACK, newest_first=newest_first):
            entries = pack_from_bytes(data)
            yield from reversed(entries) if newest_first else entries

    def _delete(self, decision_id: str) -> None:
        """Delete a decision, wherever it is stored."""
        if not self._store.delete(Table.DECISION, bytes.fromhex(decision_id)):
            self._remove_packed(lambda id_, _: id_ == decision_id)

    def _remove_packed(self, gone: Callable[[str, bytes], bool]) -> int:
        """Remove decisions from their packs, and return how many there were."""
        removed = 0
        with self._store.transaction():
            for pack_id, data in self._store.scan(Table.PACK):
                entries = pack_from_bytes(data)
                left = [item for item in entries if not gone(*item)]
                removed += len(entries) - len(left)
                if not left:
                    self._store.delete(Table.PACK, pack_id)
                elif len(left) < len(entries):
                    self._store.put(Table.PACK, pack_id, pack_to_bytes(left))
        return removed

    def _put_again(self, entry: Entry) -> None:
        """Store a decision that was stored before, in its place."""
        decision_id = entry.decision.id
        if self._store.get(Table.DECISION, bytes.fromhex(decision_id)) is None:
            for pack_id, data in self._store.scan(Table.PACK):
                entries = dict(pack_from_bytes(data))
                if decision_id in entries:
                    entries[decision_id] = entry_to_bytes(entry)
                    self._store.put(Table.PACK, pack_id, pack_to_bytes(list(entries.items())))
                    return
        self._put(entry)

    def _put(self, entry: Entry) -> None:
        decision = entry.decision
        self._store.put(Table.DECISION, bytes.fromhex(decision.id), entry_to_bytes(entry), group=decision.title_id)

    def _forget(self, decision_ids: list[str]) -> None:
        with self._lock:
            for decision_id in decision_ids:
                self._pending.pop(decision_id, None)
