"""Plain contributions: protocol 1, for closed test fleets whose host has opened the door (`Limits`).

An offer is JSON in UTF-8, at most 64 kB:
    {"keyart": 1, "kind": "training", "campaign": text, "round": n, "model_version": n, "feature_spec": sha256,
     "masked": bool, "noise_multiplier": number}
A contribution is the length of a JSON header (4 bytes, little-endian), the header, and int64 little-endian entries
in the places of `TrainingLayout`. Whoever gets it can read it.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import MessageError
from ..model.features.spec import FeatureSpec
from .receipts import Contribution

if TYPE_CHECKING:
    from ..model.loaded_model import LoadedModel
    from ..profile.profile import Profile

PROTOCOL = 1
MAX_OFFER_BYTES = 64_000
KINDS = ("training",)
MAX_TEXT, MAX_NUMBER = 256, 2**53 - 1  # characters; the largest whole number that JSON carries to every language


@dataclass(frozen=True, slots=True)
class PlainOffer:
    """A round of a campaign, as the server states it. masked, noise_multiplier: what it says of the sum."""

    kind: str
    campaign: str
    round: int
    model_version: int
    feature_spec: str
    masked: bool
    noise_multiplier: float


_FIELDS: dict[str, type | tuple[type, ...]] = {
    "kind": str,
    "campaign": str,
    "round": int,
    "model_version": int,
    "feature_spec": str,
    "masked": bool,
    "noise_multiplier": (int, float),
}


def read_offer(message: bytes) -> PlainOffer:
    """Raises MessageError for anything but an offer of this protocol."""
    if len(message) > MAX_OFFER_BYTES:
        raise MessageError(f"A plain offer has at most {MAX_OFFER_BYTES:,} bytes.")
    try:
        document: Any = json.loads(message.decode())
    except (ValueError, RecursionError):
        raise MessageError("The message is not JSON: it does not come from a keyart server.") from None
    if not isinstance(document, dict) or document.get("keyart") != PROTOCOL:
        raise MessageError(f"The message is not of keyart's protocol {PROTOCOL}; update keyart, or the server.")
    values: dict[str, Any] = {}
    for name, kind in _FIELDS.items():
        value = document.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise MessageError(f"The offer's {name!r} is missing or of a wrong type.")
        values[name] = value
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise MessageError(f"The offer's {name!r} has more than {MAX_TEXT} characters.")
        if kind is not bool and not isinstance(value, str) and not 0 <= values[name] <= MAX_NUMBER:
            raise MessageError(f"The offer's {name!r} is not a number from 0 to {MAX_NUMBER:,}.")
    return PlainOffer(**values)


def refusal(offer: PlainOffer, model_version: int, spec: FeatureSpec) -> str | None:
    """Why this device declines, in words without personal data; None if it takes part."""
    if offer.kind not in KINDS:
        return f"this keyart knows no plain campaign of kind {offer.kind!r}"
    if offer.model_version != model_version or offer.feature_spec != spec.sha256:
        return "it is for another model than the one installed"
    return None


def contribution(offer: PlainOffer, profile: Profile, installed: LoadedModel) -> bytes:
    """This device's vector for the round."""
    from .training import vector

    entries = vector(profile, installed)
    header = json.dumps({"keyart": PROTOCOL, "campaign": offer.campaign, "round": offer.round}).encode()
    return struct.pack("<I", len(header)) + header + entries.astype("<i8").tobytes()


def contributed(offer: PlainOffer, at: datetime, size: int) -> Contribution:
    """What the log of what left the device keeps of a contribution."""
    return Contribution(
        at.isoformat(), offer.kind, offer.campaign, offer.round, size, offer.masked, float(offer.noise_multiplier)
    )
