"""Rounds without noise: nothing is clipped, accounted for or lost, and they teach what noise would hide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.worlds import HandWorld, tiny_catalog

from keyart.bundle.loading import load_model
from keyart_federated import simulate
from keyart_federated.learning.learner import Learner
from keyart_federated.worlds import SyntheticWorld
from keyart_federated.worlds.synthetic import drawn_within_titles

SEED, TITLES, ARTWORKS, BAIT = 3, 12, 6, 0.34


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Learner, np.ndarray]]:
    """The learner after each round, and the side entries' means of that round."""
    seen: list[tuple[Learner, np.ndarray]] = []
    answered: Callable[..., Learner] = Learner.answered

    def kept(self: Learner, asked: Any, total: np.ndarray, *rest: Any) -> Learner:
        new = answered(self, asked, total, *rest)
        seen.append((new, total[-7:] / (0.1 * asked.units * self.devices)))
        return new

    monkeypatch.setattr(Learner, "answered", kept)
    return seen


def bait_world(viewers: int = 250) -> SyntheticWorld:
    shares = {"hidden_bait": BAIT, "hidden_bait_pull": 0.8, "hidden_bait_penalty": 2.0, "clickbait_share": 0.0}
    return SyntheticWorld(viewers, TITLES, ARTWORKS, 80, SEED, **shares)


def test_nothing_is_clipped_and_nothing_is_spent(tmp_path, steps):
    report = simulate(HandWorld(catalog=tiny_catalog(20), devices=40), 6, 3, out=tmp_path / "b")
    assert report.epsilon is None or report.epsilon == 0
    assert report.client_updates == 120 and report.propensities_ok
    assert [learner.state.rounds for learner, _ in steps] == [1, 2, 3]
    for learner, side in steps:
        np.testing.assert_allclose(side[:2], 1.0, rtol=1e-6)
        assert learner.reach == pytest.approx(1.0) and learner.devices == 40


@pytest.mark.slow
def test_completions_tell_bait_that_no_tag_shows(tmp_path, steps):
    simulate(bait_world(), 10, 8, out=tmp_path / "b", seed=SEED)
    bait = drawn_within_titles(TITLES, ARTWORKS, BAIT, np.random.default_rng([SEED, 45])) > 0
    appeal = steps[-1][0].state.model.appeal
    within = appeal - appeal.reshape(TITLES, ARTWORKS, 2).mean(axis=1).repeat(ARTWORKS, axis=0)
    play, completion = within[bait].mean(axis=0) - within[~bait].mean(axis=0)
    assert play > 0.15 and completion < -0.3
    order = np.corrcoef(within[:, 1], bait)[0, 1]
    assert order < -0.5


@pytest.mark.slow
def test_title_latents_come_with_the_first_candidate_and_artwork_latents_follow(tmp_path, steps):
    world = SyntheticWorld(viewers=200, titles=40, artworks=4, impressions=40, idiosyncrasy=0.7, seed=1)
    report = simulate(world, 10, 4, out=tmp_path / "b", seed=SEED)
    first, last = steps[0][0].state.model, steps[-1][0].state.model
    assert first.title_latents.any() and not first.artwork_latents.any()
    np.testing.assert_array_equal(last.title_latents, first.title_latents)
    assert last.artwork_latents.any()
    latents = load_model(report.bundle, world.catalog, "numpy").latents
    assert latents is not None
    np.testing.assert_allclose(latents.titles, last.title_latents, atol=0.15)  # int8
