"""Masks: streams of AES-128 in counter mode (NIST SP 800-38A), read as unsigned lanes that wrap around."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

Lanes = npt.NDArray[np.unsignedinteger[Any]]  # uint32 or uint64, little-endian

_START = bytes(16)  # the counter: a key makes one stream


def key_stream(key: bytes, size: int) -> bytes:
    """Return `size` bytes of the stream of a 16-byte key; the same key always gives the same bytes."""
    return Cipher(AES(key), CTR(_START)).encryptor().update(bytes(size))


def mask_lanes(key: bytes, size: int, bits: int) -> Lanes:
    """Return a mask of `size` lanes of 32 or 64 bits."""
    return np.frombuffer(key_stream(key, size * bits // 8), f"<u{bits // 8}")


def to_lanes(vector: npt.NDArray[np.int64], bits: int) -> Lanes:
    """Return a copy of the vector in two's complement modulo 2^bits."""
    return vector.astype(np.int64).view(np.uint64).astype(f"<u{bits // 8}")


def to_signed(lanes: Lanes, bits: int) -> npt.NDArray[np.int64]:
    """Invert `to_lanes`, for sums within ±2^(bits − 1)."""
    return lanes.astype(f"<u{bits // 8}").view(f"<i{bits // 8}").astype(np.int64)
