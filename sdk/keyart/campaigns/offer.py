"""Offers: one round of a campaign, as the server states and signs it. The same class serves both sides.

    "KAO2" | length (4, little-endian) | JSON (UTF-8) | length (4) | payload | Ed25519 signature of all before (64)

The JSON is an object with exactly the fields of `Offer` but for the payload, and "protocol": 2. The payload is
float32 numbers, little-endian. The SHA-256 of the whole message is the nonce of the round's `AggregationParameters`
(`keyart.secagg`), so that a masked vector belongs to exactly this offer. Nothing of a message is read before its
signature is verified.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..dp.clip import integer_norm
from ..dp.skellam import MAX_DRAWS, MAX_VARIANCE, noise_draws
from ..errors import MessageError, SettingError
from ..secagg import AggregationParameters
from ..types import Doubles
from .budget import HONEST_FRACTION, Charge

OFFER_MAGIC: Final = b"KAO2"
PROTOCOL: Final = 2
MAX_JSON_BYTES: Final = 64_000
MAX_ENTRIES: Final = 1 << 20
MAX_PAYLOAD_BYTES: Final = 4 * MAX_ENTRIES
MAX_TEXT_CHARACTERS: Final = 256  # characters
MAX_NUMBER: Final = 2**53 - 1  # the largest whole number that JSON carries to every language
MAX_UNITS: Final = 1 << 32
MAX_ARMS: Final = 64
MAX_EPSILON: Final = 1e9  # a larger one, or none, is no promise at all
SIGNATURE_BYTES: Final = 64
# Noise reaches no farther from 0: beyond 64 + 15 deviations a Skellam variable has less than 2⁻¹²⁸ (`dp.skellam`).
NOISE_REACH: Final = (64, 15)

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Offer:
    """A request to devices: what they are asked for, how their vectors are protected, and what that costs.

    Attributes:
        kind: `training`, `statistics`, `evaluation` or `experiment`.
        topic: `population`, `trending`, `together` or `rates` for statistics; "" or `compare` for evaluation; the
            name of an experiment.
        campaign: Name of the campaign.
        purpose: A sentence for the person.
        round: Number of the round.
        rounds: Number of rounds of the campaign.
        model_version: Version of the bundle that it is about.
        feature_spec: Digest of that bundle's feature spec.
        size: Entries of the vector.
        clip: Clipping norm, before the vector is scaled to 1.
        units: Integers that a norm of 1 becomes.
        noise_multiplier: Standard deviation of the noise in the sum of the `counted_devices`, divided by `l2`.
        minimum_devices: As in `AggregationParameters`.
        threshold_permille: As in `AggregationParameters`.
        bits: As in `AggregationParameters`.
        epsilon: Privacy loss of the whole campaign by the server's accounting.
        delta: δ of `epsilon`.
        not_after: End of the round in Unix seconds.
        most_decisions: Maximum number of decisions that count.
        arms: Number of arms of an experiment, else 0.
        since: Unix seconds; earlier decisions are not asked for.
        honest_fraction: Share of `minimum_devices` whose noise counts. The others may be made up by the server, or
            collude with it.
        payload: float32 numbers, as the kind needs them.

    Raises:
        SettingError: A field is missing or out of range.
    """

    kind: str
    topic: str
    campaign: str
    purpose: str
    round: int
    rounds: int
    model_version: int
    feature_spec: str
    size: int
    clip: float
    units: int
    noise_multiplier: float
    minimum_devices: int
    threshold_permille: int
    bits: int
    epsilon: float
    delta: float
    not_after: int
    most_decisions: int = 1
    arms: int = 0
    since: int = 0
    honest_fraction: float = HONEST_FRACTION
    payload: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        for name, kind in _TYPES.items():
            value = getattr(self, name)
            if type(value) is not kind and not (kind is float and type(value) is int):
                raise SettingError(f"The offer's {name!r} is missing or of a wrong type.")
        wrong = [
            *(n for n, kind in _TYPES.items() if kind is str and not _is_text(getattr(self, n), n == "topic")),
            *(n for n, (least, most) in _RANGES.items() if not least <= getattr(self, n) <= most),
        ]
        if wrong:
            raise SettingError(f"The offer is out of range in {', '.join(wrong)}; see `Offer`.")
        if self.round > self.rounds:
            raise SettingError(f"The offer is for round {self.round} of {self.rounds}.")
        if len(self.payload) > MAX_PAYLOAD_BYTES or len(self.payload) % 4:
            raise SettingError(f"The payload is float32 numbers, at most {MAX_PAYLOAD_BYTES:,} bytes of them.")
        if not np.isfinite(np.frombuffer(self.payload, "<f4")).all():
            raise SettingError("The payload holds a number that is not finite.")
        if self.variance > MAX_VARIANCE or noise_draws(self.size, self.variance) > MAX_DRAWS:
            raise SettingError(
                f"The noise of one device would take more than {MAX_DRAWS:,} draws, seconds of its CPU; ask for "
                "fewer units, more devices, fewer rounds, or a larger ε."
            )
        if not self.terms(b"").holds(self.minimum_devices):
            raise SettingError(f"The sum does not fit into {self.bits} bits; take 64, or fewer units.")

    @property
    def l2(self) -> float:
        """Return the upper bound on the norm of a device's integer vector, without noise."""
        return integer_norm(self.units, self.size)

    @property
    def counted_devices(self) -> float:
        """Return the number of devices whose noise makes up the whole."""
        return self.honest_fraction * self.minimum_devices

    @property
    def variance(self) -> int:
        """Return the variance of the noise that each device adds; the `counted_devices` add up to the whole."""
        return math.ceil((self.noise_multiplier * self.l2) ** 2 / self.counted_devices)

    @property
    def own_noise(self) -> float:
        """Return the standard deviation of the noise that a device adds itself, divided by `l2`."""
        return self.noise_multiplier / math.sqrt(self.counted_devices)

    @property
    def charge(self) -> Charge:
        """Return the charge of taking part."""
        return Charge(self.noise_multiplier, self.l2, self.size)

    @property
    def numbers(self) -> Doubles:
        """Return the payload as numbers."""
        return np.frombuffer(self.payload, "<f4").astype(np.float64)

    def terms(self, message: bytes) -> AggregationParameters:
        """Return the parameters of the round's secure aggregation. `message` is the signed offer."""
        constant, deviations = NOISE_REACH
        bound = math.ceil(self.l2) + constant + math.ceil(deviations * math.sqrt(self.variance))
        nonce = hashlib.sha256(message).digest()
        return AggregationParameters(
            self.size, self.bits, bound, self.threshold_permille, self.minimum_devices, nonce
        )

    def sign(self, key: bytes) -> bytes:
        """Return the signed message. `key` is the server's private key (Ed25519, 32 bytes)."""
        document = {"protocol": PROTOCOL, **{name: getattr(self, name) for name in _TYPES}}
        text = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
        body = b"".join((OFFER_MAGIC, _LENGTH.pack(len(text)), text, _LENGTH.pack(len(self.payload)), self.payload))
        return body + Ed25519PrivateKey.from_private_bytes(key).sign(body)

    @classmethod
    def read(cls, message: bytes, servers: Iterable[bytes]) -> Offer | None:
        """Return the offer that one of the servers (public keys) has signed, or None if none of them has.

        Raises:
            MessageError: No server of this protocol would send the message.
        """
        text, payload = _split(message)
        if not any(_has_signed(server, message) for server in servers):
            return None
        try:
            document: Any = json.loads(text.decode(), object_pairs_hook=_without_twins)
        except (ValueError, RecursionError):
            raise MessageError("The offer is not JSON in UTF-8; report it to the server's operator.") from None
        if not isinstance(document, dict) or document.pop("protocol", None) != PROTOCOL:
            raise MessageError(f"The offer is not of keyart's protocol {PROTOCOL}; update keyart, or the server.")
        if document.keys() != _TYPES.keys():
            raise MessageError("The offer lacks a field, or has one that this keyart does not know; update keyart.")
        try:
            return cls(**document, payload=payload)
        except (SettingError, OverflowError) as error:
            raise MessageError(str(error)) from None


_WORDS = {"str": str, "int": int, "float": float}
_TYPES: Final = {one.name: _WORDS[str(one.type)] for one in fields(Offer) if one.name != "payload"}
_RANGES: Final[dict[str, tuple[float, float]]] = {
    "round": (1, MAX_NUMBER),
    "rounds": (1, MAX_NUMBER),
    "model_version": (0, MAX_NUMBER),
    "size": (1, MAX_ENTRIES),
    "clip": (1e-9, 1e9),
    "units": (1, MAX_UNITS),
    "noise_multiplier": (0, 1e6),
    "minimum_devices": (2, 1 << 24),
    "threshold_permille": (1, 1000),
    "bits": (32, 64),
    "epsilon": (0, MAX_EPSILON),
    "delta": (0, 1),
    "not_after": (0, MAX_NUMBER),
    "most_decisions": (1, MAX_NUMBER),
    "arms": (0, MAX_ARMS),
    "since": (0, MAX_NUMBER),
    "honest_fraction": (1e-3, 1),
}


def _split(message: bytes) -> tuple[bytes, bytes]:
    """Return JSON and payload by their lengths alone."""
    parts, start = [], len(OFFER_MAGIC)
    for most in (MAX_JSON_BYTES, MAX_PAYLOAD_BYTES):
        length = _LENGTH.unpack_from(message, start)[0] if start + _LENGTH.size <= len(message) else most + 1
        if length > most:
            raise MessageError("The offer is cut short, or too long.")
        start += _LENGTH.size
        parts.append(message[start : start + length])
        start += length
    if message[: len(OFFER_MAGIC)] != OFFER_MAGIC or len(message) != start + SIGNATURE_BYTES:
        raise MessageError("The lengths in the offer are not those of its parts.")
    return parts[0], parts[1]


def _has_signed(server: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(server).verify(message[-SIGNATURE_BYTES:], message[:-SIGNATURE_BYTES])
    except (InvalidSignature, ValueError):
        return False
    return True


def _is_text(text: str, may_be_empty: bool) -> bool:
    return len(text) <= MAX_TEXT_CHARACTERS and text.isprintable() and (may_be_empty or bool(text))


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a field twice")
    return document
