"""The system clock. Code that needs the time takes it as an argument, so that tests can bring their own."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time in UTC, with its zone."""
    return datetime.now(UTC)
