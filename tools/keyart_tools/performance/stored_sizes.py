"""Storage on a device: a profile of 90 days, its personal head, and the model."""

from __future__ import annotations

from math import prod
from pathlib import Path

import keyart
from keyart.store import Store, Table

from .measurement import Measurement
from .sample_profile import IMPRESSIONS_PER_DAY, keys

MAX_PROFILE_BYTES, MAX_HEAD_BYTES, MAX_RANKER_BYTES = 256_000, 32_000, 16_000  # bytes


def rows(profile: Path, bundle: Path, days: int) -> list[Measurement]:
    """Return the sizes of a closed profile, which is alone in the folder `profile`, and of a bundle."""
    stored = sum(path.stat().st_size for path in profile.iterdir())
    ranker = sum((bundle / name).stat().st_size for name in ("ranker.onnx", "ranker.bin"))
    parameters = sum(prod(shape) for shape in keyart.Manifest.read(bundle).parameters.values())
    return [
        Measurement(
            "size",
            f"profile, {days} days × {IMPRESSIONS_PER_DAY} impressions",
            stored,
            "bytes",
            reach=MAX_PROFILE_BYTES,
            note="all files, closed",
        ),
        Measurement(
            "size",
            "the head in it",
            _head(profile / "profile.db"),
            "bytes",
            reach=MAX_HEAD_BYTES,
            note="derived from the event log; 0 if no copy of it is stored",
        ),
        Measurement(
            "size",
            "ranker.onnx + ranker.bin",
            ranker,
            "bytes",
            reach=MAX_RANKER_BYTES,
            note=f"{parameters:,} parameters",
        ),
    ]


def _head(profile: Path) -> int:
    with Store.open(profile, keys()) as store:
        return sum(len(payload) for _, payload in store.scan(Table.HEAD))
