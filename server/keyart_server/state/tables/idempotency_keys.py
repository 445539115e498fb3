"""The table of idempotency keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import DIGEST_HEX, TableBase


class IdempotencyKeyRow(TableBase):
    """A request that was answered, see `idempotency`; `answer` is encrypted with a key that the client has.

    `key_hash` covers the key and the credential that sent it, `request_hash` what was asked for.
    """

    __tablename__ = "idempotency_keys"

    key_hash: Mapped[str] = mapped_column(String(DIGEST_HEX), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(DIGEST_HEX))
    answer: Mapped[bytes]
    at: Mapped[datetime] = mapped_column(index=True)
