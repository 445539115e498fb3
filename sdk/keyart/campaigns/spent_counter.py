"""A counter of the privacy loss in the host's key store, by which a file that was rolled back is noticed.

An older copy of the profile's file opens as that, and has forgotten receipts. The key store is no part of the file,
so what it holds shows how much is missing. The order of an answer is: its receipt in the file, the file on the disk,
the counter, the answer. A process that dies in between leaves a counter that is behind the file, never ahead of it,
and nothing has left; the next answer brings the counter up. A counter that is ahead therefore means that receipts are
missing. They are made up for by one receipt of the same cost: the history opens, and nothing is spent twice.

The cost of a round is the smallest c such that its Rényi divergence at each order α is at most c α. Costs add up, as
divergences do.

    "keyart counter 1" (16) | cost, big-endian double (8) | first 8 bytes of SHA-256 of these
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import numpy as np

from ..store.database import Store, Table
from ..store.keys import COUNTER_BYTES, COUNTER_MAGIC
from .budget import MAX_ORDER, Charge, skellam_divergences
from .receipts import Contribution

ROLLED_BACK: Final = "rolled back"  # kind of the receipt that stands for those that are missing
_VALUE: Final = struct.Struct(">16sd")
_TOLERANCE: Final = 1e-9  # of a sum in another order
_LARGE_UNITS: Final = 1 << 20  # at which the noise is as good as normal
_ROUND_ID_BYTES: Final = 32


def cost_of(charges: Iterable[Charge | None]) -> float:
    """Return the cost of charges together; infinite if one of them has no bound."""
    orders = np.arange(2, MAX_ORDER + 1)
    total = 0.0
    for charge in charges:
        if charge is None:
            return math.inf
        variance = (charge.noise_multiplier * charge.l2) ** 2
        total += float((skellam_divergences(variance, charge.l2, charge.dimension) / orders).max())
    return total


def notice_rollback(store: Store, spent: float, at: datetime) -> float:
    """Compare the cost of all receipts with the counter, and make up for receipts that are missing.

    Args:
        store: Store of the profile.
        spent: Cost of all its receipts.
        at: Time of the receipt.

    Returns:
        The missing cost, for which a receipt was stored and rounds in progress were dropped; 0 for none.

    Raises:
        StoreError: The key store failed.
    """
    counted = _decoded(store.read_counter())
    missing = counted - spent if counted > spent * (1 + _TOLERANCE) else 0.0
    if missing:
        receipt = _receipt_of(missing, at)
        with store.transaction():
            for round_id in [round_id for round_id, _ in store.scan(Table.ROUND)]:
                store.delete(Table.ROUND, round_id)
            store.put(Table.RECEIPT, os.urandom(_ROUND_ID_BYTES), receipt.to_bytes())
        store.flush()
    return missing


def raise_counter(store: Store, spent: float) -> None:
    """Bring the counter up to the cost of all receipts, which are on the disk.

    Raises:
        StoreError: The key store failed.
    """
    if spent > _decoded(store.read_counter()):
        content = _VALUE.pack(COUNTER_MAGIC, spent)
        store.write_counter(content + hashlib.sha256(content).digest()[: COUNTER_BYTES - len(content)])


def _decoded(value: bytes | None) -> float:
    """Return the cost; 0 for a value that a process left unfinished, since the file is then up to date."""
    if value is None or len(value) != COUNTER_BYTES:
        return 0.0
    content, check = value[: _VALUE.size], value[_VALUE.size :]
    magic, spent = _VALUE.unpack(content)
    sound = magic == COUNTER_MAGIC and check == hashlib.sha256(content).digest()[: len(check)] and spent >= 0
    return float(spent) if sound else 0.0


def _receipt_of(cost: float, at: datetime) -> Contribution:
    """Return a receipt that costs at least `cost`: α c is the divergence of normal noise of multiplier √(1 / 2c)."""
    return Contribution(
        at=at.isoformat(),
        kind=ROLLED_BACK,
        campaign="",
        round=0,
        size_bytes=0,
        masked=True,
        noise_multiplier=math.sqrt(1 / (2 * cost)),
        units=_LARGE_UNITS,
        entries=1,
        # Without an id a receipt counts as unprotected, which is what an infinite cost means.
        round_id="" if math.isinf(cost) else bytes(_ROUND_ID_BYTES).hex(),
    )
