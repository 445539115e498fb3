"""Validation of a device's submission, and its result. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keyart.client import sampling_bucket
from keyart.errors import MessageError
from keyart.secagg import REPLY_FLAG, KeysReply, Stage, message_body, verify_registration

from .round_cache import CachedRound
from .tickets import Ticket

STAGE_CLOSED: Final = "This round accepts no more submissions from this device."
ALREADY_SUBMITTED: Final = "This device has already submitted something else; the first submission counts."


@dataclass(frozen=True, slots=True)
class KeysSubmission:
    """The first submission of a device in a round.

    Attributes:
        key_hash: hash of its certified key.
        digest: sha256 of the content.
    """

    round: CachedRound
    key_hash: str
    content: bytes
    digest: bytes

    @property
    def stage(self) -> Stage:
        """Return the stage of keys."""
        return Stage.KEYS


@dataclass(frozen=True, slots=True)
class StageSubmission:
    """The submission of a member at a later stage; `digest` is the sha256 of the content."""

    round: CachedRound
    stage: Stage
    ticket: Ticket
    content: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class SubmissionResult:
    """The result for one submission.

    Attributes:
        status: HTTP status; 204 once the submission is stored.
        text: a ticket, or what to do next.
    """

    status: int
    text: str = ""


def check_keys(
    cached: CachedRound, content: bytes, issuers: Collection[bytes], at: datetime
) -> KeysSubmission | SubmissionResult:
    """Check that a certified device in the round's sampling range sends its own keys; `issuers` are public keys."""
    round_id = cached.parameters.round_id
    try:
        keys = KeysReply.from_bytes(content, round_id)
        peer = verify_registration(keys.record, keys.registration, round_id, issuers, int(at.timestamp()))
    except MessageError as error:
        return SubmissionResult(400, str(error))
    if not cached.low <= sampling_bucket(peer.device) < cached.high:
        return SubmissionResult(403, "This round does not sample this device; wait for another round.")
    return KeysSubmission(cached, peer.key_hash, content, hashlib.sha256(content).digest())


def check_submission(
    cached: CachedRound, stage: Stage, ticket: Ticket, content: bytes
) -> StageSubmission | SubmissionResult:
    """Check that a submission belongs to this round and stage."""
    try:
        message_body(content, stage | REPLY_FLAG, cached.parameters.round_id)
    except MessageError as error:
        return SubmissionResult(400, str(error))
    return StageSubmission(cached, stage, ticket, content, hashlib.sha256(content).digest())
