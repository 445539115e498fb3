"""Log lines about the use of API tokens: one an hour for each token, since a script may send many requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from ..monitoring import events
from .tokens import Token

INTERVAL: Final = timedelta(hours=1)


class TokenUse:
    """Remembers when each token's use was last logged, in this process."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._logged: dict[str, datetime] = {}  # by token id; tokens are made by administrators, so they are few
        self._lock = threading.Lock()

    def note(self, token: Token) -> None:
        """Log that the token was used, unless that was logged within the last hour."""
        at = self._clock()
        with self._lock:
            last = self._logged.get(token.id)
            if last is not None and at < last + INTERVAL:
                return
            self._logged[token.id] = at
        events.emit("token.use", token=token.id, actor=f"token:{token.name}")
