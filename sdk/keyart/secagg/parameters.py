"""Parameters of an aggregation: what devices add up, and how many must be in it. Their digest is the round's id."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from ..errors import MessageError, SettingError
from .key_agreement import LABEL

MODULUS_BITS: Final = (32, 64)
NONCE_BYTES: Final = 32
MAX_COORDINATES: Final = 2**26  # lanes
MAX_DEVICES: Final = 2**24

_LAYOUT = struct.Struct("<IBHIQ32s")
PARAMETERS_BYTES: Final = _LAYOUT.size


@dataclass(frozen=True)
class AggregationParameters:
    """The parameters that all devices of a round agree on.

    Attributes:
        size: Coordinates of a vector.
        bits: 32 or 64; the sum is taken modulo 2^bits.
        bound: Upper bound on the absolute value of an entry.
        threshold_permille: Share of the devices that sent keys that must answer to the end, per mille.
        minimum_devices: Minimum number of those devices.
        nonce: 32 bytes that make the round unique, such as the digest of the campaign's signed offer.

    Raises:
        SettingError: A parameter is out of range.
    """

    size: int
    bits: int
    bound: int
    threshold_permille: int
    minimum_devices: int
    nonce: bytes

    def __post_init__(self) -> None:
        wrong = [
            name
            for name, good in (
                ("size", 1 <= self.size <= MAX_COORDINATES),
                ("bits", self.bits in MODULUS_BITS),
                ("bound", 1 <= self.bound < 2**63),
                ("threshold_permille", 1 <= self.threshold_permille <= 1000),
                ("minimum_devices", 2 <= self.minimum_devices <= MAX_DEVICES),
                ("nonce", len(self.nonce) == NONCE_BYTES),
            )
            if not good
        ]
        if wrong:
            raise SettingError(f"The terms of a sum are out of range in {', '.join(wrong)}; see `Terms`.")

    @cached_property
    def round_id(self) -> bytes:
        """Return the id of the round, 32 bytes."""
        return hashlib.sha256(LABEL + b"terms" + self.to_bytes()).digest()

    @property
    def lane_bytes(self) -> int:
        """Return the size of a coordinate on the wire."""
        return self.bits // 8

    @property
    def vector_bytes(self) -> int:
        """Return the size of a masked vector."""
        return self.size * self.lane_bytes

    def required(self, devices: int) -> int:
        """Return how many devices must answer to the end if `devices` sent keys."""
        return max(self.minimum_devices, -(-self.threshold_permille * devices // 1000))

    def holds(self, devices: int) -> bool:
        """Return True if the sum of so many vectors cannot wrap around."""
        return devices * self.bound < 1 << (self.bits - 1)

    def to_bytes(self) -> bytes:
        """Encode the parameters (`PARAMETERS_BYTES`)."""
        numbers = self.size, self.bits, self.threshold_permille, self.minimum_devices, self.bound
        return _LAYOUT.pack(*numbers, self.nonce)

    @classmethod
    def from_bytes(cls, data: bytes) -> AggregationParameters:
        """Decode parameters.

        Raises:
            MessageError: The bytes are not parameters.
        """
        if len(data) != PARAMETERS_BYTES:
            raise MessageError(f"The terms of a sum are {PARAMETERS_BYTES} bytes, not {len(data)}; update keyart.")
        size, bits, permille, minimum, bound, nonce = _LAYOUT.unpack(data)
        try:
            return cls(size, bits, bound, permille, minimum, nonce)
        except SettingError as error:
            raise MessageError(str(error)) from None


def modulus_bits(devices: int, bound: int) -> int:
    """Return the smallest modulus, in bits, that holds the sum of `devices` entries within ±bound.

    Raises:
        SettingError: The sum does not fit into 64 bits.
    """
    for bits in MODULUS_BITS:
        if devices * bound < 1 << (bits - 1):
            return bits
    raise SettingError(
        f"The sum of {devices} entries up to {bound} does not fit into {MODULUS_BITS[-1]} bits: ask fewer devices, "
        "or clip more."
    )
