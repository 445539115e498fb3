"""A device's answer, and what becomes of it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keyart.client import sampling_bucket
from keyart.errors import MessageError
from keyart.secagg import Stage
from keyart.secagg.identity import verify_record
from keyart.secagg.messages import REPLY_FLAG, KeysReply, message_body

from .rounds import Known
from .tickets import Ticket

OVER: Final = "This round takes no answer of this device any more."
OTHER: Final = "This device has answered otherwise before; the first answer counts."


@dataclass(frozen=True, slots=True)
class Keys:
    """A device's first answer. key_hash: of its certified key. digest: of the content."""

    round: Known
    key_hash: str
    content: bytes
    digest: bytes

    @property
    def stage(self) -> Stage:
        return Stage.KEYS


@dataclass(frozen=True, slots=True)
class Later:
    """A member's answer at a stage after that. digest: of the content."""

    round: Known
    stage: Stage
    ticket: Ticket
    content: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """status: of HTTP; 204 where the answer is in the database. told: a ticket, or what to do next."""

    status: int
    told: str = ""


def keys(known: Known, content: bytes, issuers: Collection[bytes], at: datetime) -> Keys | Verdict:
    """If they are from a device, and from one that this round asks. issuers: public keys."""
    try:
        record = KeysReply.from_bytes(content, known.terms.round_id).record
        peer = verify_record(record, known.terms.round_id, issuers, int(at.timestamp()))
    except MessageError as error:
        return Verdict(400, str(error))
    if not known.low <= sampling_bucket(peer.device) < known.high:
        return Verdict(403, "This round does not ask this device; wait for another one.")
    return Keys(known, hashlib.sha256(peer.device).hexdigest(), content, hashlib.sha256(content).digest())


def later(known: Known, stage: Stage, ticket: Ticket, content: bytes) -> Later | Verdict:
    """If it is of this round and stage."""
    try:
        message_body(content, stage | REPLY_FLAG, known.terms.round_id)
    except MessageError as error:
        return Verdict(400, str(error))
    return Later(known, stage, ticket, content, hashlib.sha256(content).digest())
