"""The server's privacy ledger: what the fleet's budget was spent on, on the disk before anything is released.

A file of lines, oldest first; the first names the budget, each other one release. A line is JSON without its end: a
digest that also covers all lines before it, so that a line cannot be changed, dropped or moved unseen. Its newline is
written only once the line itself is durable, and a charge is acknowledged only once the newline is. So a tail without
newline was never acknowledged: whole, it counts all the same (a budget errs on the safe side); torn, it is cut off.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from keyart.bundle import sync_folder
from keyart.errors import BudgetSpent, LedgerError, SettingError

from . import Gaussian, Mechanism, Skellam, composed
from .banded import Banded

FORMAT: Final = 1
MECHANISMS: Final[dict[str, type]] = {"gaussian": Gaussian, "skellam": Skellam, "banded": Banded}
DIGEST_HEX: Final = 32  # 128 bits: against disks and editors, not against an operator who writes a ledger anew


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receipt of a release that is charged.

    Attributes:
        campaign: Name of the campaign.
        round: Round of the campaign.
        event: Mechanism that was charged.
        spent: ε of the fleet so far.
        repeated: Whether the round had been charged before.
    """

    campaign: str
    round: int
    event: Mechanism
    spent: float
    repeated: bool


class Ledger:
    """The budget for all campaigns of a fleet. Open it with `Ledger.open`; one process at a time.

    Charges compose by their Rényi divergences, so that many rounds cost much less than the sum of their ε.
    """

    def __init__(self, handle: int, path: Path, epsilon: float, delta: float) -> None:
        self.path, self.epsilon, self.delta = path, epsilon, delta
        self._handle = handle
        self._chain = ""
        self._charges: dict[tuple[str, int], Mechanism] = {}

    @classmethod
    def open(cls, path: str | os.PathLike[str], epsilon: float, delta: float) -> Ledger:
        """Open the ledger of this budget, or start one. Raises LedgerError, SettingError, OSError."""
        if not (math.isfinite(epsilon) and epsilon > 0 and 0 < delta < 1):
            raise SettingError(f"A budget needs ε > 0 and 0 < δ < 1, and is ({epsilon}, {delta}).")
        place = Path(path)
        handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ledger = cls(handle, place, epsilon, delta)
            ledger._load()
        except BlockingIOError:
            os.close(handle)
            raise LedgerError(f"{place}: another process has this ledger open. Stop it, then open again.") from None
        except BaseException:
            os.close(handle)
            raise
        return ledger

    def charge(self, campaign: str, round: int, event: Mechanism) -> Receipt:
        """Charge the release of a round; it is durable when this returns. Release only with the receipt in hand.

        A round charged before with the same event is not charged again. If the disk fails the ledger is closed:
        open it again to see what it holds.

        Raises:
            BudgetSpent: The round would exceed the budget; nothing has changed.
            LedgerError: The round was charged for something else, in which case nothing has changed, or the
                disk fails.
        """
        self._check_open()
        if not campaign or round < 0:
            raise SettingError(f"A charge needs a campaign's name and a round from 0 on, not {campaign!r}, {round}.")
        before = self._charges.get((campaign, round))
        if before is not None:
            if before != event:
                raise LedgerError(
                    f"Round {round} of campaign {campaign!r} was charged for {before}, not for {event}. "
                    "Resume it as it was, or go on with the next round."
                )
            return Receipt(campaign, round, event, self.spent(), repeated=True)
        entry = {"campaign": campaign, "round": round, **event_json(event)}
        spent = self._spent_with(event)
        if spent > self.epsilon:
            raise BudgetSpent(
                f"Round {round} of campaign {campaign!r} would bring the fleet to ε = {spent:.4g} at "
                f"δ = {self.delta}; its budget is {self.epsilon:g}, and {self.spent():.4g} is spent. End the "
                "campaign here, or plan more noise."
            )
        self._append(entry)
        self._charges[campaign, round] = event
        return Receipt(campaign, round, event, spent, repeated=False)

    def spent(self) -> float:
        """Return the ε of all charges, at the budget's δ."""
        return self._spent_with(None)

    @property
    def charges(self) -> dict[tuple[str, int], Mechanism]:
        """The charges by campaign and round, oldest first."""
        return dict(self._charges)

    def close(self) -> None:
        """Close the ledger, so that another process can open it."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._handle < 0:
            raise LedgerError(f"{self.path}: this ledger is closed. Open it again.")

    def _spent_with(self, event: Mechanism | None) -> float:
        counts = Counter(self._charges.values())
        if event is not None:
            counts[event] += 1
        return composed(counts.items(), self.delta)

    def _append(self, entry: dict[str, Any]) -> None:
        line, chain = _line(entry, self._chain)
        try:
            _write(self._handle, line)
            self._seal()
        except OSError as error:
            self.close()  # what is on the disk now, only a new look at it can tell
            raise LedgerError(
                f"{self.path}: the charge could not be written ({error.strerror}). Release nothing; see to the disk, "
                "then open the ledger again."
            ) from error
        self._chain = chain

    def _load(self) -> None:
        header = {"ledger": FORMAT, "epsilon": self.epsilon, "delta": self.delta}
        *lines, tail = self.path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, start=1):
            self._take(line, number)
        if tail and _torn(tail, within=None if lines else _line(header, "")[0]):
            os.ftruncate(self._handle, sum(len(line) + 1 for line in lines))
        elif tail:
            self._take(tail, len(lines) + 1)
            self._seal()
        if not self._chain:
            self._append(header)
            sync_folder(self.path.parent)

    def _seal(self) -> None:
        """Write the newline, after all before it is durable."""
        os.fsync(self._handle)
        _write(self._handle, b"\n")
        os.fsync(self._handle)

    def _take(self, line: bytes, number: int) -> None:
        """Take in the content of one line. Raises LedgerError."""
        try:
            entry = json.loads(line)
            digest = entry.pop("digest")
            expected, chain = _line(entry, self._chain)
            if expected != line or digest != chain:
                raise ValueError("its digest does not fit")
            if number == 1:
                budget = (entry["epsilon"], entry["delta"])
                if entry["ledger"] != FORMAT:
                    raise ValueError(f"format {entry['ledger']} is not {FORMAT}")
            else:
                key, event = (str(entry.pop("campaign")), int(entry.pop("round"))), event_from(entry)
                if key in self._charges:
                    raise ValueError(f"round {key[1]} of campaign {key[0]!r} is there twice")
                self._charges[key] = event
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise LedgerError(
                f"{self.path}, line {number}: damaged ({error}). Put back a whole copy, and release nothing before."
            ) from error
        if number == 1 and budget != (self.epsilon, self.delta):
            raise LedgerError(
                f"{self.path} is the ledger of ε = {budget[0]}, δ = {budget[1]}, not of ε = {self.epsilon}, "
                f"δ = {self.delta}. Open it with its own budget; for another one start another ledger and fleet."
            )
        self._chain = chain


def _line(entry: dict[str, Any], chain: str) -> tuple[bytes, str]:
    """Return a line's bytes without newline, and its digest, which covers the digest of the line before."""
    body = json.dumps(entry, sort_keys=True, ensure_ascii=True, allow_nan=False, default=_plain)
    digest = hashlib.sha256(f"{chain}\n{body}".encode()).hexdigest()[:DIGEST_HEX]
    return f'{body[:-1]}, "digest": "{digest}"}}'.encode(), digest


def _torn(tail: bytes, within: bytes | None) -> bool:
    """Return whether `tail` is the beginning of a line.

    A whole object whose digest does not fit is damage, and no tear.
    `within` is the line that it must begin, if known, so that no file of another program is cut.
    """
    if within is not None and not within.startswith(tail):
        return False
    try:
        json.JSONDecoder().raw_decode(tail.decode("ascii", "replace"))
    except (ValueError, RecursionError):
        return True
    return False


def event_json(event: Mechanism) -> dict[str, Any]:
    """Return a mechanism as a ledger writes it. Raises SettingError."""
    for name, kind in MECHANISMS.items():
        if type(event) is kind:
            return {"mechanism": name, **asdict(event)}  # type: ignore[call-overload]
    raise SettingError(f"A ledger charges {', '.join(MECHANISMS)}, and not {event!r}.")


def event_from(entry: dict[str, Any]) -> Mechanism:
    """Return the mechanism of an entry, which is used up. Inverse of `event_json`."""
    event: Mechanism = MECHANISMS[entry.pop("mechanism")](**entry)
    return event


def _plain(number: Any) -> Any:
    """Return numpy's integers, which JSON does not know, as Python's."""
    return number.item()


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]
