"""Snapshot: what follows from an event log, kept beside it so that a profile opens without reading the whole log.

It is a copy and never the truth: it is used only while log and model are those that it was made from, and it is
deleted in the transaction that removes or expires anything. After a kill without one, everything is derived from the
log again.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..types import Floats

RECORD_ID = b"summary"
BASIS_BYTES = 32
_VERSION = 2
_MAX_TEXT_BYTES = 4 * 2**20  # inflated
_START = struct.Struct(f"<B{BASIS_BYTES}sIII")


@dataclass(frozen=True)
class Snapshot:
    """A summary of an event log.

    Attributes:
        basis: Digest of what it was made from.
        titles: Weight of the views of each title (`view_weight`).
        answers: Exposure by title from outcomes of older models (`latents`).
        waiting: Decisions that were seen and have no outcome yet.
        mean: Mean of the head, [Z + 1].
        covariance: Covariance of the head, [Z + 1, Z + 1].
        pictures: Ids of artworks with a bias.
        own: Their mean and Σ w (`ArtworkBias.known`), [pictures, 2].
        updates: Number of outcomes learned from.
    """

    basis: bytes
    titles: Mapping[str, float]
    answers: Mapping[str, float]
    waiting: tuple[str, ...]
    mean: Floats
    covariance: Floats
    pictures: tuple[str, ...]
    own: Floats
    updates: int

    def to_bytes(self) -> bytes:
        """Encode the snapshot. The covariance is symmetric, so half of it is kept."""
        upper = self.covariance[np.triu_indices(len(self.mean))]
        arrays = b"".join(part.astype("<f4").tobytes() for part in (self.mean, upper, self.own))
        texts = zlib.compress(
            json.dumps([dict(self.titles), dict(self.answers), self.waiting, self.pictures]).encode()
        )
        sizes = (len(self.mean), len(self.pictures), self.updates)
        return _START.pack(_VERSION, self.basis, *sizes) + arrays + texts

    @classmethod
    def from_bytes(cls, data: bytes) -> Snapshot | None:
        """Decode a snapshot; None for bytes that this version did not write. Then the event log is read."""
        try:
            version, basis, size, count, updates = _START.unpack_from(data)
            if version != _VERSION:
                return None
            half = size * (size + 1) // 2
            values = np.frombuffer(data, "<f4", size + half + 2 * count, _START.size).astype(np.float32)
            inflating = zlib.decompressobj()
            texts = inflating.decompress(data[_START.size + values.nbytes :], _MAX_TEXT_BYTES)
            *weights, waiting, pictures = json.loads(texts)
            titles, answers = ({one: float(weight) for one, weight in counted.items()} for counted in weights)
            whole = inflating.eof and len(pictures) == count
            whole = whole and all(isinstance(text, str) for text in (*waiting, *pictures))
        except (struct.error, zlib.error, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            return None
        if not whole or not np.isfinite(values).all():
            return None
        mean, upper, own = np.split(values, (size, size + half))
        covariance = np.zeros((size, size), dtype=np.float32)
        covariance[np.triu_indices(size)] = upper
        covariance += np.triu(covariance, 1).T
        known = (mean, covariance, tuple(pictures), own.reshape(count, 2), updates)
        return cls(basis, titles, answers, tuple(waiting), *known)
