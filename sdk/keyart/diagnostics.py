"""Stats: how the device path does, for the host's own diagnostics. Nothing about the person is in it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

MEASURED = 1024  # the last choices


@dataclass(frozen=True, slots=True)
class Stats:
    """choose_p50_us, choose_p99_us: of the last 1,024 calls, a page counted as one; NaN before the first.

    engine: "onnxruntime" or "numpy". head_updates: outcomes that the head has learned from. pending: decisions that
    are not on the disk yet. store_bytes: all files of the profile.
    """

    engine: str
    model_version: int
    choices: int
    choose_p50_us: float
    choose_p99_us: float
    head_updates: int
    pending: int
    store_bytes: int


class Timings:
    """seconds: durations of the last calls. count: how many calls there were in all."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds: deque[float] = deque(maxlen=MEASURED)

    def quantile_us(self, share: float) -> float:
        """Microseconds within which that share of the last calls ended; NaN if there was none."""
        ordered = sorted(self.seconds)
        if not ordered:
            return math.nan
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1e6
