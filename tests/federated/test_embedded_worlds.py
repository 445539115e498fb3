"""Worlds known by embeddings alone: rounds learn from them as from tags, and a device reads the bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.embedded_world import START, EmbeddedWorld

import keyart
from keyart_federated import simulate


def test_a_device_chooses_by_embeddings(tmp_path: Path) -> None:
    world = EmbeddedWorld("embeddings", viewers=80, impressions=30)
    report = simulate(world, rounds=3, steps_per_round=10, seed=0)
    with keyart.Personalizer.open(
        tmp_path / "p.db", catalog=world.catalog, bundle=report.bundle, keys=keyart.EphemeralKey()
    ) as art:
        art.consent.grant("personalization")
        art.record_many(world.history(0))
        factors = [
            factor
            for title in world.catalog
            for factor in art.explain(art.choose(title.id, keyart.Context("tv", START)).id).factors
        ]
    assert {"history:embedding", "taste"} <= {factor.name for factor in factors}
    assert "embedding" not in " ".join(factor.text for factor in factors)


def test_a_catalogue_that_tells_nothing_at_all() -> None:
    report = simulate(EmbeddedWorld("nothing", viewers=40, impressions=20), rounds=2, steps_per_round=10, seed=0)
    assert abs(report.capture) < 0.2 and report.propensities_ok


@pytest.mark.slow
def test_as_good_as_the_same_told_by_tags() -> None:
    captured = {}
    for told in ("embeddings", "tags", "nothing"):
        world = EmbeddedWorld(told, viewers=600, impressions=100, seed=0)
        report = simulate(world, rounds=10, steps_per_round=10, seed=0)
        captured[told] = np.array([report.capture, np.mean(report.capture_by_round[-3:])])
    assert (captured["embeddings"] > captured["tags"] - 0.03).all(), captured
    assert (captured["embeddings"] > captured["nothing"] + 0.15).all(), captured
