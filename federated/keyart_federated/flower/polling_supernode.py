"""Flower's SuperNode, which here asks for messages several times a second while rounds go on.

Run by its path, with the arguments of `flower-supernode`. Flower's waits 3 s whenever there is no message, and has
no setting for it; where a round is four short messages, that is half of its time. An idle one waits as long as
ever.
"""

from __future__ import annotations

import time
from types import SimpleNamespace

from flwr.supernode import start_client_internal as node
from flwr.supernode.cli.flower_supernode import flower_supernode

IDLE_SECONDS = 3.0  # Flower's own pause between two questions; shorter ones are while an answer is in the making
QUICK_SECONDS = 0.1
BUSY_SECONDS = 30.0  # after the last message


class Pace:
    """Sleeps instead of `time`, in that one module."""

    def __init__(self) -> None:
        self.busy_until = 0.0

    def sleep(self, seconds: float) -> None:
        """Wait."""
        now = time.monotonic()
        if seconds < IDLE_SECONDS:
            self.busy_until = now + BUSY_SECONDS
        time.sleep(QUICK_SECONDS if now < self.busy_until else seconds)


if __name__ == "__main__":
    node.time = SimpleNamespace(sleep=Pace().sleep)
    flower_supernode()
