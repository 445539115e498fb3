"""Shares of secrets (Shamir 1979, "How to share a secret"), over the prime field of 2^31 − 1, for all holders.

A secret of 16 bytes is five limbs of 26 bits, each the value at 0 of a random polynomial of degree t − 1; the share
of holder i (0, 1, …) is the values at i + 1, as five uint32.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from .key_agreement import SEED_BYTES

Values = npt.NDArray[np.uint64]

PRIME: Final = 2**31 - 1
LIMBS: Final = 5
LIMB_BITS: Final = 26
SHARE_BYTES: Final = 4 * LIMBS


def random_bytes_needed(secrets: int, threshold: int) -> int:
    """Return the number of random bytes that `split_secrets` takes."""
    return 8 * LIMBS * secrets * (threshold - 1)


def split_secrets(secrets: list[bytes], threshold: int, holders: int, random: bytes) -> npt.NDArray[np.uint8]:
    """Split secrets into shares: any `threshold` of a secret's shares rebuild it, fewer reveal nothing.

    Args:
        secrets: Secrets of 16 bytes.
        threshold: Number of shares that rebuild a secret.
        holders: Number of holders.
        random: `random_bytes_needed` bytes; 8 for a coefficient, so that its bias is below 2⁻³².

    Returns:
        Shares [holders, secrets, `SHARE_BYTES`].
    """
    limbs = np.array([[_limb(secret, i) for i in range(LIMBS)] for secret in secrets], dtype=np.uint64).ravel()
    coefficients = np.frombuffer(random, "<u8").reshape(threshold - 1, len(limbs)) % np.uint64(PRIME)
    x = np.arange(1, holders + 1, dtype=np.uint64)[:, None]
    values = np.zeros((holders, len(limbs)), dtype=np.uint64)
    for row in (*coefficients, limbs):  # Horner's rule, the highest power first
        values = (values * x + row) % np.uint64(PRIME)
    return values.astype("<u4").view(np.uint8).reshape(holders, len(secrets), SHARE_BYTES)


def join_shares(holders: tuple[int, ...], shares: list[bytes]) -> bytes | None:
    """Return the secret of exactly `threshold` shares, or None if they do not lie on one polynomial of a secret."""
    limbs = [int(limb) for limb in interpolate_share(holders, shares, -1)]
    number = sum(limb << LIMB_BITS * i for i, limb in enumerate(limbs))
    if max(limbs) >> LIMB_BITS or number >> 8 * SEED_BYTES:
        return None
    return number.to_bytes(SEED_BYTES, "little")


def interpolate_share(holders: tuple[int, ...], shares: list[bytes], holder: int) -> npt.NDArray[np.uint64]:
    """Return the share of another holder that these shares imply, [`LIMBS`]; for holder −1 the secret's limbs."""
    values = np.frombuffer(b"".join(shares), "<u4").reshape(len(holders), LIMBS).astype(np.uint64)
    weights = _lagrange(holders, holder)[:, None]
    return np.asarray((weights * (values % np.uint64(PRIME)) % np.uint64(PRIME)).sum(axis=0) % np.uint64(PRIME))


@lru_cache(maxsize=4096)
def _lagrange(holders: tuple[int, ...], holder: int) -> Values:
    """Return the weight of each share in the value at `holder`, [t]: Π (x − x_j) / (x_i − x_j) over j ≠ i."""
    xs = np.array(holders, dtype=np.int64)
    above, below = np.ones(len(xs), dtype=np.int64), np.ones(len(xs), dtype=np.int64)
    for j, x in enumerate(xs):
        factor_above, factor_below = np.full(len(xs), (holder - x) % PRIME), (xs - x) % PRIME
        factor_above[j] = factor_below[j] = 1
        above, below = above * factor_above % PRIME, below * factor_below % PRIME
    inverse = [pow(int(b), -1, PRIME) for b in below]
    return np.asarray((above * np.array(inverse, dtype=np.int64) % PRIME).astype(np.uint64))


def _limb(secret: bytes, i: int) -> int:
    return (int.from_bytes(secret, "little") >> LIMB_BITS * i) & (1 << LIMB_BITS) - 1
