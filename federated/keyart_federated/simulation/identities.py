"""Keys of a simulation: its server, the issuer of its devices' certificates, and the devices. They are no secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from keyart.secagg import AggregationParameters, DeviceSession, Identity, certify

from .randomness import Stream

FOR_EVER: Final = 2**40  # Unix seconds


def keys_of(seed: int) -> tuple[bytes, Identity]:
    """Return the simulated server's private key and the issuer of simulated devices."""
    server, issuer = (
        hashlib.sha256(f"keyart simulated {role} {seed}".encode()).digest() for role in ("server", "issuer")
    )
    return server, Identity(issuer)


def sessions_of(terms: AggregationParameters, seed: int, numbers: Iterable[int]) -> dict[int, DeviceSession]:
    """Return the session of each device in a masked round, before its first stage.

    Secrets are drawn from the seed, so that a process that is killed, or asked again, says the same thing.
    """
    _, issuer = keys_of(seed)
    sessions = {}
    for number in numbers:
        random = Stream(f"keyart simulated session {seed} {number} {terms.round_id.hex()} ")
        new = Identity.create(random)
        identity = Identity(new.private, certify(issuer.private, new.public, FOR_EVER))
        sessions[number] = DeviceSession.start(terms, identity, [issuer.public], 0, random)
    return sessions
