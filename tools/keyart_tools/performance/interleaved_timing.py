"""Times taken in turns. Standard library alone: it also runs in the peers' Python, which has no keyart."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

Call = Callable[[], object]


def in_turns(makers: Mapping[str, Callable[[], Call]], times: int, warm_up: int) -> dict[str, list[float]]:
    """Microseconds of each call, `times` of them by name. A maker is not timed; it gives the call that is."""
    samples: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(warm_up + times):
        for name, maker in makers.items():
            samples[name].append(microseconds(maker()))
    return {name: taken[warm_up:] for name, taken in samples.items()}


def microseconds(call: Call) -> float:
    """How long one call took."""
    started = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - started) / 1000


def percentile(samples: list[float], share: float) -> float:
    """The smallest sample that at least `share` (0–1) of all are not above."""
    ordered = sorted(samples)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
