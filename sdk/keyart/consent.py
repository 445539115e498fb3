"""Consent: what a person allows, by purpose, each change dated and kept (GDPR article 7). Default: none.

Each grant and each withdrawal appends one sealed record, also a repeated one: that renews the date. The last
one of a purpose is in force.
"""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from .context import require_zone
from .errors import SettingError, StoreDamaged, StoreError
from .store.database import Store, Table

Purpose = Literal["personalization", "federated", "diagnostics"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

_RECORD_ID = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Receipt:
    """One grant or withdrawal. at: when, with a time zone."""

    purpose: Purpose
    granted: bool
    at: datetime


class Consent:
    """What one profile allows. `on_change(purpose, granted)` is called after each change has been stored.

    If the process dies between the two, the owner finds at the next open that the purpose is not allowed any
    more.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        on_change: Callable[[str, bool], None] | None = None,
    ) -> None:
        self.on_change = on_change
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._withheld: set[str] = set()
        rows = [(_number(record_id), _decoded(payload)) for record_id, payload in store.scan(Table.CONSENT)]
        self._receipts = tuple(receipt for _, receipt in rows)
        self._next = 1 + max((number for number, _ in rows), default=0)

    def grant(self, purpose: Purpose) -> Receipt:
        """Allows a purpose from now on. SettingError if there is no such purpose."""
        return self._append(purpose, True)

    def withdraw(self, purpose: Purpose) -> Receipt:
        """Forbids a purpose from now on, whether it was granted or not.

        Where it cannot be stored (StoreFull), it holds until the store is closed: withdraw again before that.
        """
        return self._append(purpose, False)

    def allows(self, purpose: Purpose) -> bool:
        """Whether the purpose is granted at this moment."""
        _require_known(purpose)
        if purpose in self._withheld:
            return False
        for receipt in reversed(self._receipts):
            if receipt.purpose == purpose:
                return receipt.granted
        return False

    def receipts(self) -> tuple[Receipt, ...]:
        """Every grant and withdrawal, oldest first."""
        return self._receipts

    def _append(self, purpose: Purpose, granted: bool) -> Receipt:
        _require_known(purpose)
        at = self._clock()
        require_zone(at, "The time of a consent", SettingError)
        receipt = Receipt(purpose, granted, at)
        # Rolled back with an outer transaction, the record would be gone while this object still goes by it.
        if self._store.in_transaction:
            raise StoreError("Grant or withdraw consent outside of a transaction of the store.")
        with self._lock:
            if not granted:
                self._withheld.add(purpose)
            self._store.put(Table.CONSENT, _RECORD_ID.pack(self._next), _encoded(receipt))
            self._next += 1
            self._receipts = (*self._receipts, receipt)
            self._withheld.discard(purpose)
        if self.on_change is not None:
            self.on_change(purpose, granted)
        return receipt


def _require_known(purpose: object) -> None:
    if purpose not in PURPOSES:
        raise SettingError(f"There is no purpose {purpose!r}; the purposes are {', '.join(map(repr, PURPOSES))}.")


def _encoded(receipt: Receipt) -> bytes:
    return json.dumps([receipt.purpose, receipt.granted, receipt.at.isoformat()]).encode()


def _decoded(payload: bytes) -> Receipt:
    try:
        purpose, granted, at = json.loads(payload)
        receipt = Receipt(purpose, granted, datetime.fromisoformat(at))
        _require_known(purpose)
        require_zone(receipt.at, "The time of a consent", SettingError)
    except (ValueError, TypeError) as error:
        raise StoreDamaged(f"A consent receipt cannot be read ({type(error).__name__}); update keyart.") from error
    return receipt


def _number(record_id: bytes) -> int:
    try:
        number: int = _RECORD_ID.unpack(record_id)[0]
    except struct.error as error:
        raise StoreDamaged("A consent receipt has a wrong id; update keyart.") from error
    return number
