"""Signatures of messages, scheme v1 of Standard Webhooks (standardwebhooks.com): HMAC-SHA256 with a shared secret."""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"  # lets scanners for leaked secrets recognise one
KEY_BYTES: Final = 32


def make_key() -> bytes:
    """Return a new key."""
    return os.urandom(KEY_BYTES)


def shown(key: bytes) -> str:
    """Return a key as people copy it to their receiver."""
    return PREFIX + base64.b64encode(key).decode()


def headers(keys: Iterable[bytes], message_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """Return the headers of a message.

    Args:
        keys: keys that sign; while a secret is being replaced, the new and the previous one.
        message_id: id of the message, the same in every attempt.
        at: time of this attempt.
        body: body of the request.
    """
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys]
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}
