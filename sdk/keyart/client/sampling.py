"""Sampling: stable random numbers that decide which rounds ask a device, and which models it takes early."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..bundle.durable import locked_file, replace_file
from .discovery import ModelOffer

SEED_FILE, LOCK_FILE = "draw", ".draw.lock"
DEVICE_SEED_BYTES: Final = 16


def sampling_bucket(device_key: bytes) -> float:
    """Return the sampling bucket of a device in [0, 1). The server knows it, too.

    Args:
        device_key: The public key, 32 bytes.
    """
    return _fraction(b"keyart/draw" + device_key)


def offered_version(
    model: ModelOffer | None, metadata_dir: str | Path, random: Callable[[int], bytes] = os.urandom
) -> int | None:
    """Return the version that this device should take, for `keyart.bundle.install_update(…, newest=…)`.

    Args:
        model: The announced model.
        metadata_dir: Folder of this device's metadata. A file in it, `draw`, keeps 16 random bytes that never leave
            the device, so that no server can choose which devices it tries a model on.
        random: `os.urandom`, except in tests.

    Returns:
        The version, or None. Then do not update, since without `newest` an update takes the newest version.

    Raises:
        OSError: The folder cannot be written.
    """
    if model is None or model.version is None or model.share >= 1:
        return None if model is None else model.version
    fraction = _fraction(_drawn(Path(metadata_dir), random) + model.version.to_bytes(8, "little"))
    return model.version if fraction < model.share else model.before


def _fraction(data: bytes) -> float:
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "little") / 2**64


def _drawn(folder: Path, random: Callable[[int], bytes]) -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / SEED_FILE
    with locked_file(folder / LOCK_FILE):
        seed = file.read_bytes() if file.exists() else b""
        if len(seed) != DEVICE_SEED_BYTES:
            seed = random(DEVICE_SEED_BYTES)
            replace_file(file, seed, mode=0o600)
    return seed
