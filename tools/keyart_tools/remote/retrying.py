"""Rules for repeating a request: which failures, how often, and after which pause. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

ATTEMPTS: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.5  # doubled after each attempt: 0.5, 1, 2, 4
MAX_PAUSE_SECONDS: Final = 30.0  # a server that asks for more is reported instead
REFUSED_UNREAD: Final = frozenset({429})  # the request was not carried out, so that any request may be repeated
TEMPORARY: Final = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that failed.

    Attributes:
        number: 1 for the first.
        repeatable: whether carrying the request out twice is the same as once: it only reads, or has an
            Idempotency-Key.
        jitter: a random number in [0, 1), so that many clients do not come back together.
    """

    number: int
    repeatable: bool
    jitter: float = 0.0

    @property
    def pause(self) -> float:
        """Return the pause before the next attempt in seconds."""
        return FIRST_PAUSE_SECONDS * 2.0 ** (self.number - 1) * (1 + self.jitter / 2)


def pause_after_error(attempt: Attempt, sent: bool) -> float | None:
    """Return the pause after an attempt without an answer, or None if the request must not be repeated.

    Args:
        attempt: the attempt.
        sent: whether the server may have got the request.
    """
    return attempt.pause if attempt.number < ATTEMPTS and (attempt.repeatable or not sent) else None


def pause_after_answer(attempt: Attempt, status: int, headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the pause after an answer, or None if the answer is final.

    409 with Retry-After is an earlier attempt with the same Idempotency-Key that the server still works on.
    """
    asked = retry_after(headers.get("retry-after", ""), now)
    again = (
        status in REFUSED_UNREAD
        or (status in TEMPORARY and attempt.repeatable)
        or (status == 409 and attempt.repeatable and asked is not None)
    )
    pause = attempt.pause if asked is None else max(asked, attempt.pause)
    return pause if again and attempt.number < ATTEMPTS and pause <= MAX_PAUSE_SECONDS else None


def retry_after(text: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3), or None for none."""
    if text.strip().isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())
