"""Consent: what a person allows, by purpose, each change dated and kept (GDPR article 7). Default: none.

Each grant and each withdrawal appends one sealed record, also a repeated one: that renews the date. The last record
of a purpose is in force, a grant until it expires. Each purpose has a text of its own, shown apart from other terms,
and no grant holds for more than two years (Video Privacy Protection Act, 18 U.S.C. 2710(b)(2)(B)).
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal, get_args

from ..context import require_zone
from ..errors import SettingError, StoreDamaged, StoreError
from ..store.database import Store, Table

Purpose = Literal["personalization", "federated", "diagnostics", "advertising"]
ProfilePurpose = Literal["personalization", "advertising"]  # for which a profile may be kept
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
MAX_VALIDITY: Final = timedelta(days=730)

# What a viewer is asked, where the app shows no text of its own.
CONSENT_TEXTS: Final[Mapping[Purpose, str]] = MappingProxyType(
    {
        "personalization": (
            "May this app choose pictures for you? It then keeps a record, on this device only and encrypted, of "
            "what you watch, which pictures you were shown, what you did next, and what you say that you like. It "
            "uses the record to choose the pictures that you see for films and programmes. You can look at the "
            "record, remove a single title from it, or erase all of it, at any time. You can also change your mind "
            "at any time: the app works without this too, with pictures that do not depend on you. Your consent ends "
            "by itself after two years at the latest."
        ),
        "federated": (
            "May this device help to choose better pictures for everybody? It then works out, from the record that "
            "it keeps of you, how the choice could be better, and sends numbers, blurred and hidden so that only "
            "their sum with those of many other devices can be read. The record itself stays here. No title and no "
            "name goes along, but a key that stands for this device, so that nobody can make devices up. You can see "
            "when numbers were sent. You can change your mind at any time and lose nothing by it; what was added to "
            "a sum before cannot be taken out again. Your consent ends by itself after two years at the latest."
        ),
        "diagnostics": (
            "May this app report its own faults? When the choice of pictures fails, it may then tell its makers what "
            "failed and how often. A report says nothing of what you watched. You can change your mind at any time "
            "and lose nothing by it. Your consent ends by itself after two years at the latest."
        ),
        "advertising": (
            "May this app choose the pictures of advertisements for you? It then keeps a record, on this device only "
            "and encrypted, of which advertisements you were shown and what you did next, and uses it for "
            "advertisements alone. What you watch is not part of it, and nobody else gets to see it. You can look at "
            "the record or erase it. You can change your mind at any time: advertisements then depend on the "
            "programme and the time of day alone. Your consent ends by itself after two years at the latest."
        ),
    }
)

_RECORD_ID = struct.Struct(">Q")
_NEVER = -math.inf


@dataclass(frozen=True, slots=True)
class ConsentReceipt:
    """A grant or withdrawal of consent.

    Attributes:
        purpose: The purpose.
        granted: True for a grant.
        at: Time, with a time zone.
        expires: End of a grant; None for a withdrawal.
        text_sha256: Hex digest of the text (UTF-8) that the person was shown; None for a withdrawal, and for a grant
            before keyart kept it.
    """

    purpose: Purpose
    granted: bool
    at: datetime
    expires: datetime | None = None
    text_sha256: str | None = None


class Consent:
    """The consents of one profile. `on_change(purpose, granted)` is called after each change has been stored.

    If the process dies between the two, the owner finds at the next open that the purpose is not allowed any more. A
    grant that expires changes nothing and calls nobody: from then on `allows` answers as if it had been withdrawn.
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
        rows = [(_number(record_id), _decoded(payload)) for record_id, payload in store.scan(Table.CONSENT)]
        self._receipts = tuple(receipt for _, receipt in rows)
        self._next = 1 + max((number for number, _ in rows), default=0)
        # Seconds since 1970, by purpose: every choice asks, so the answer is one look-up and one comparison.
        self._until: dict[str, float] = dict.fromkeys(PURPOSES, _NEVER)
        self._until.update((receipt.purpose, _end(receipt)) for receipt in self._receipts)

    def grant(self, purpose: Purpose, *, text: str | None = None, valid: timedelta = MAX_VALIDITY) -> ConsentReceipt:
        """Allow a purpose from now on.

        Args:
            purpose: The purpose.
            text: Text that the person was shown and agreed to, by default `CONSENT_TEXTS[purpose]`. Only its hash is
                kept: the app keeps its own texts.
            valid: Duration of the consent, at most 730 days.

        Raises:
            SettingError: An argument is out of range.
            StoreFull: The disk is full, read-only or failing.
        """
        _require_known(purpose)
        shown = CONSENT_TEXTS[purpose] if text is None else text
        if not isinstance(shown, str) or not shown.strip():
            raise SettingError("The text of a consent is what the person was shown; pass it, or leave it out.")
        if not isinstance(valid, timedelta) or not timedelta(0) < valid <= MAX_VALIDITY:
            raise SettingError(
                f"A consent cannot be valid for {valid!r}; give a timedelta above 0, of at most {MAX_VALIDITY.days} "
                "days, and ask again when it has expired."
            )
        at = self._now()
        digest = hashlib.sha256(shown.encode("utf-8", "surrogatepass")).hexdigest()
        return self._append(ConsentReceipt(purpose, True, at, at + valid, digest))

    def withdraw(self, purpose: Purpose) -> ConsentReceipt:
        """Forbid a purpose from now on, whether it was granted or not.

        Raises:
            StoreFull: It cannot be stored. It holds until the store is closed: withdraw again before that.
        """
        _require_known(purpose)
        return self._append(ConsentReceipt(purpose, False, self._now()))

    def allows(self, purpose: Purpose) -> bool:
        """Return True if the purpose is granted at this moment, and has not expired."""
        try:
            until = self._until[purpose]
        except (KeyError, TypeError):
            raise _unknown(purpose) from None
        return until != _NEVER and self._clock().timestamp() < until

    def receipts(self) -> tuple[ConsentReceipt, ...]:
        """Return every grant and withdrawal, oldest first."""
        return self._receipts

    def _now(self) -> datetime:
        at = self._clock()
        require_zone(at, "The time of a consent", SettingError)
        return at

    def _append(self, receipt: ConsentReceipt) -> ConsentReceipt:
        # Rolled back with an outer transaction, the record would be gone while this object still goes by it.
        if self._store.in_transaction:
            raise StoreError("Grant or withdraw consent outside of a transaction of the store.")
        with self._lock:
            if not receipt.granted:
                self._until[receipt.purpose] = _NEVER
            self._store.put(Table.CONSENT, _RECORD_ID.pack(self._next), _encoded(receipt))
            self._next += 1
            self._receipts = (*self._receipts, receipt)
            self._until[receipt.purpose] = _end(receipt)
        if self.on_change is not None:
            self.on_change(receipt.purpose, receipt.granted)
        return receipt


def _end(receipt: ConsentReceipt) -> float:
    """Return the Unix seconds until which a receipt allows its purpose."""
    return receipt.expires.timestamp() if receipt.expires is not None else _NEVER


def _unknown(purpose: object) -> SettingError:
    return SettingError(f"There is no purpose {purpose!r}; the purposes are {', '.join(map(repr, PURPOSES))}.")


def _require_known(purpose: object) -> None:
    if purpose not in PURPOSES:
        raise _unknown(purpose)


def _encoded(receipt: ConsentReceipt) -> bytes:
    row: list[object] = [receipt.purpose, receipt.granted, receipt.at.isoformat()]
    if receipt.expires is not None:
        row += [receipt.expires.isoformat(), receipt.text_sha256]
    return json.dumps(row).encode()


def _decoded(payload: bytes) -> ConsentReceipt:
    """Decode a receipt of three entries (a withdrawal, or a grant without text and expiry) or of five (a grant)."""
    try:
        purpose, granted, at, *rest = json.loads(payload)
        since = _time(at)
        if rest:
            until, digest = rest
            receipt = ConsentReceipt(purpose, granted, since, _time(until), digest)
        else:
            receipt = ConsentReceipt(purpose, granted, since, since + MAX_VALIDITY if granted else None)
        _require_known(purpose)
        if not isinstance(granted, bool) or (rest and not granted) or not isinstance(receipt.text_sha256, str | None):
            raise ValueError("an entry of a wrong type")
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise StoreDamaged(f"A consent receipt cannot be read ({type(error).__name__}); update keyart.") from error
    return receipt


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    require_zone(at, "The time of a consent", SettingError)
    return at


def _number(record_id: bytes) -> int:
    try:
        number: int = _RECORD_ID.unpack(record_id)[0]
    except struct.error as error:
        raise StoreDamaged("A consent receipt has a wrong id; update keyart.") from error
    return number
