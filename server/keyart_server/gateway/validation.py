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

from .round_cache import CachedRound
from .tickets import Ticket

STAGE_CLOSED: Final = "This round takes no answer of this device any more."
ALREADY_SUBMITTED: Final = "This device has answered otherwise before; the first answer counts."


@dataclass(frozen=True, slots=True)
class KeysSubmission:
    """A device's first answer. key_hash: of its certified key. digest: of the content."""

    round: CachedRound
    key_hash: str
    content: bytes
    digest: bytes

    @property
    def stage(self) -> Stage:
        return Stage.KEYS


@dataclass(frozen=True, slots=True)
class StageSubmission:
    """A member's answer at a stage after that. digest: of the content."""

    round: CachedRound
    stage: Stage
    ticket: Ticket
    content: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class SubmissionResult:
    """status: of HTTP; 204 where the answer is in the database. told: a ticket, or what to do next."""

    status: int
    text: str = ""


def check_keys(
    cached: CachedRound, content: bytes, issuers: Collection[bytes], at: datetime
) -> KeysSubmission | SubmissionResult:
    """If they are from a device, and from one that this round asks. issuers: public keys."""
    try:
        record = KeysReply.from_bytes(content, cached.terms.round_id).record
        peer = verify_record(record, cached.terms.round_id, issuers, int(at.timestamp()))
    except MessageError as error:
        return SubmissionResult(400, str(error))
    if not cached.low <= sampling_bucket(peer.device) < cached.high:
        return SubmissionResult(403, "This round does not ask this device; wait for another one.")
    return KeysSubmission(cached, hashlib.sha256(peer.device).hexdigest(), content, hashlib.sha256(content).digest())


def check_submission(
    cached: CachedRound, stage: Stage, ticket: Ticket, content: bytes
) -> StageSubmission | SubmissionResult:
    """If it is of this round and stage."""
    try:
        message_body(content, stage | REPLY_FLAG, cached.terms.round_id)
    except MessageError as error:
        return SubmissionResult(400, str(error))
    return StageSubmission(cached, stage, ticket, content, hashlib.sha256(content).digest())
