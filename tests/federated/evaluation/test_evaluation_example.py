"""The figures of docs/how-to/evaluation.md: their script runs, and real logs say what the page says."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from support.services import missing

from keyart.errors import DataUnavailable

EXAMPLE = runpy.run_path(str(Path(__file__).parents[3] / "examples" / "off_policy.py"))
SIZE = {"viewers": 20, "titles": 8, "impressions": 20}
NAME = "random log, 10 pictures"


def test_errors_and_coverage_of_a_small_world(tmp_path, capsys):
    worlds = {NAME: EXAMPLE["WORLDS"][NAME]}
    rows = EXAMPLE["main"](worlds, errors={2000: 20}, lengths=(500, 1000), devices=(10,), logs=10, **SIZE)
    assert [(row["what"], row["length"]) for row in rows] == [
        ("error", 2000), ("coverage", 500), ("coverage", 1000), ("devices", 10),
    ]  # fmt: skip
    assert rows[0]["limit"] / 2 < rows[0]["dr"]["error"] < 3 * rows[0]["limit"]
    assert all(row["snips"]["coverage"] >= 0.5 for row in rows[1:])
    EXAMPLE["draw"](rows, tmp_path / "coverage.png")
    assert (tmp_path / "coverage.png").read_bytes().startswith(b"\x89PNG")
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_logs_are_drawn_as_the_policy_says():
    world = EXAMPLE["occasions"](**SIZE)
    occasion, picture, reward = EXAMPLE["drawn"](world, "exploring", 40_000, seed=3)
    chance = world["exploring"][occasion]
    shown = np.bincount(picture, minlength=10)
    scatter = np.sqrt((chance * (1 - chance)).sum(axis=0))
    assert (np.abs(shown - chance.sum(axis=0)) < 4.5 * scatter).all()
    expected = world["truth"][occasion, picture]
    assert abs(reward.sum() - expected.sum()) < 4.5 * np.sqrt((expected * (1 - expected)).sum())
    for policy in ("target", "uniform", "exploring"):
        np.testing.assert_allclose(world[policy].sum(axis=1), 1.0)


@pytest.mark.service
def test_what_thompson_sampling_earned_is_in_the_interval(capsys):
    """From the random logs of Open Bandit, on each of its campaigns."""
    try:
        rows = EXAMPLE["bts"]()
    except DataUnavailable as error:
        missing(f"Open Bandit cannot be fetched: {error}")
    assert [row["campaign"] for row in rows] == ["all", "men", "women"]
    for row in rows:
        for estimator in ("snips", "ips"):
            value, low, high = row[estimator]
            assert low < row["earned"] < high and low < value < high
            assert high - low < 3 * row["earned"]  # an interval that holds anything says nothing
