"""Attempts at the code of a second factor: one count a person, wherever the code is asked for.

The limit counts a person over all networks: whoever can guess here knows the password already, so it locks out nobody
whose name alone is known.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from .throttle import Throttle, refusal

WINDOW: Final = timedelta(minutes=15)
MAX_FAILURES: Final = 10  # wrong codes of a person within `WINDOW`


class CodeAttempts:
    """Limits wrong codes, in the memory of this process."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._throttle = Throttle(WINDOW, clock)

    def begin(self, person_id: str) -> tuple[str, dict[str, str]] | None:
        """Count an attempt; return the sentence and the header of a refusal if there were too many."""
        wait = self._throttle.begin({person_id: MAX_FAILURES})
        return refusal("wrong codes", wait) if wait else None

    def succeed(self, person_id: str) -> None:
        """Take an attempt back: the code was right."""
        self._throttle.take_back([person_id])
