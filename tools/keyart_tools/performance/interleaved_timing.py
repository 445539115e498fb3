"""Interleaved timing. Uses the standard library alone, since it also runs in the Python of the baseline libraries."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

Call = Callable[[], object]


def in_turns(makers: Mapping[str, Callable[[], Call]], times: int, warm_up: int) -> dict[str, list[float]]:
    """Time calls alternately.

    Args:
        makers: by name, functions that prepare a call; only the call is timed.
        times: counted calls of each.
        warm_up: uncounted calls of each, before.

    Returns:
        Microseconds of each counted call, by name.
    """
    samples: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(warm_up + times):
        for name, maker in makers.items():
            samples[name].append(microseconds(maker()))
    return {name: taken[warm_up:] for name, taken in samples.items()}


def microseconds(call: Call) -> float:
    """Return the duration of one call, in microseconds."""
    started = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - started) / 1000


def percentile(samples: list[float], share: float) -> float:
    """Return the smallest sample that is not below a share (0–1) of all samples."""
    ordered = sorted(samples)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
