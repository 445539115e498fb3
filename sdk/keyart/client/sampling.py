"""Chances that stay the same for a device: which rounds ask it, and which models it takes before others do."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..bundle.durable import locked, replace_file
from .discovery import Model

DRAW, LOCK = "draw", ".draw.lock"
DRAW_BYTES: Final = 16


def draw(device_key: bytes) -> float:
    """[0, 1): a round asks those between two bounds; the server knows it, too. device_key: [32], public."""
    return _fraction(b"keyart/draw" + device_key)


def offered(model: Model | None, metadata_dir: str | Path, random: Callable[[int], bytes] = os.urandom) -> int | None:
    """The version that is this device's to take, for `keyart.bundle.update.update(…, newest=…)`.

    None: none; then do not update, since without `newest` that takes whatever is newest. metadata_dir: the folder of
    this device's metadata. A file in it, `draw`, keeps 16 random bytes that nobody else ever sees: no server can
    choose whom it tries a model on. random: `os.urandom`. Raises OSError where the folder cannot be written.
    """
    if model is None or model.version is None or model.share >= 1:
        return None if model is None else model.version
    mine = _fraction(_drawn(Path(metadata_dir), random) + model.version.to_bytes(8, "little"))
    return model.version if mine < model.share else model.before


def _fraction(data: bytes) -> float:
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "little") / 2**64


def _drawn(folder: Path, random: Callable[[int], bytes]) -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / DRAW
    with locked(folder / LOCK):
        known = file.read_bytes() if file.exists() else b""
        if len(known) != DRAW_BYTES:
            known = random(DRAW_BYTES)
            replace_file(file, known, mode=0o600)
    return known
