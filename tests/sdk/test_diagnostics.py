"""Stats: quantiles of the last calls, and nothing else."""

from __future__ import annotations

import math

from choosing_samples import TV, play_favourite, sample_catalog

import keyart
from keyart.diagnostics import MEASURED, Timings


def test_quantiles():
    timings = Timings()
    assert math.isnan(timings.quantile_us(0.5))
    for milliseconds in range(1, 101):
        timings.seconds.append(milliseconds / 1000)
    assert round(timings.quantile_us(0.5)) == 51_000 and round(timings.quantile_us(0.99)) == 100_000
    for _ in range(MEASURED):
        timings.seconds.append(0.002)
    assert len(timings.seconds) == MEASURED and round(timings.quantile_us(0.99)) == 2000


def test_of_a_profile():
    with keyart.Personalizer.open("p", catalog=sample_catalog(), keys=keyart.EphemeralKey(), engine="numpy") as art:
        empty = art.stats()
        assert (empty.engine, empty.model_version, empty.choices, empty.pending) == ("numpy", 0, 0, 0)
        art.consent.grant("personalization")
        play_favourite(art, "t0/a", 3)
        art.choose_page(["t0", "t1"], TV)
        stats = art.stats()
    assert (stats.choices, stats.pending, stats.head_updates) == (4, 2, 3)
    assert 0 < stats.choose_p50_us <= stats.choose_p99_us < 10e6 and stats.store_bytes > 0
