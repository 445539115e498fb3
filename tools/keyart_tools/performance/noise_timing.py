"""Speed of clipping, stochastic rounding and Skellam noise on a device, relative to numpy."""

from __future__ import annotations

from functools import partial
from statistics import median

import numpy as np

from keyart.dp import UNITS, clip_vectors, round_vectors, skellam_noise

from .interleaved_timing import Call, in_turns
from .measurement import Measurement

GROUP = "sums"
ENTRIES = 4_000
VARIANCES = (2_000, 50_000)
WARM_UP = 3  # the first one builds the table


def rows(times: int) -> list[Measurement]:
    """Return entries per second, each alternately with its baseline; `times` is the number of repetitions."""
    rng = np.random.default_rng(0)
    vector = rng.normal(size=ENTRIES)

    def numpys(variance: int) -> Call:
        return lambda: rng.poisson(variance / 2, ENTRIES) - rng.poisson(variance / 2, ENTRIES)

    def clip_and_round() -> object:
        return round_vectors(clip_vectors(vector, 1.0)[0], UNITS)

    compared: list[tuple[str, Call, Call, str]] = [
        *(
            (f"Skellam noise, variance {v:,}", partial(skellam_noise, ENTRIES, v), numpys(v), "Poisson")
            for v in VARIANCES
        ),
        ("clip and round", clip_and_round, lambda: np.rint(vector * UNITS).astype(np.int64), "rint"),
    ]
    return [_row(*comparison, times) for comparison in compared]


def _row(name: str, ours: Call, theirs: Call, against: str, times: int) -> Measurement:
    samples = in_turns({"ours": lambda: ours, "theirs": lambda: theirs}, times, WARM_UP)
    rate, other = (ENTRIES / median(samples[who]) * 1e6 for who in ("ours", "theirs"))
    return Measurement(
        GROUP, f"{name}, entries", rate, "/s", rate / other, f"numpy's {against}", note=f"{ENTRIES:,} at once"
    )
