"""Rounds without noise: nothing is clipped, accounted for or lost, and they learn what exact sums teach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from world_samples import HandWorld, tiny_catalog

from keyart.errors import SettingError
from keyart_federated import simulate, simulation
from keyart_federated.private import Privacy
from keyart_federated.private.learner import Learner
from keyart_federated.private.ranker import PrivateRanker
from keyart_federated.worlds import SyntheticWorld
from keyart_federated.worlds.synthetic import drawn_within_titles

SEED, TITLES, ARTWORKS, BAIT = 3, 12, 6, 0.34


@pytest.fixture
def rankers(monkeypatch: pytest.MonkeyPatch) -> list[PrivateRanker]:
    made: list[PrivateRanker] = []

    class Kept(PrivateRanker):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            made.append(self)

    monkeypatch.setattr(simulation, "PrivateRanker", Kept)
    return made


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


def test_nothing_is_clipped_and_nothing_is_spent(tmp_path, steps, rankers):
    report = simulate(
        HandWorld(catalog=tiny_catalog(20), devices=40), 6, 3, privacy=Privacy.none(), out=tmp_path / "b"
    )
    assert report.epsilon is None or report.epsilon == 0
    assert report.client_updates == 120 and report.propensities_ok
    assert [learner.state.rounds for learner, _ in steps] == [1, 2, 3]
    for learner, side in steps:
        np.testing.assert_allclose(side[:2], 1.0, rtol=1e-6)
        assert learner.reach <= 1.0 and learner.devices == 40
    assert rankers[0].plan.rounds == (1, 2, 3)


def test_completions_tell_bait_that_no_tag_shows(tmp_path, rankers):
    simulate(bait_world(), 10, 8, privacy=Privacy.none(), out=tmp_path / "b", seed=SEED)
    bait = drawn_within_titles(TITLES, ARTWORKS, BAIT, np.random.default_rng([SEED, 45])) > 0
    appeal = rankers[0].state.model.appeal
    within = appeal - appeal.reshape(TITLES, ARTWORKS, 2).mean(axis=1).repeat(ARTWORKS, axis=0)
    play, completion = within[bait].mean(axis=0) - within[~bait].mean(axis=0)
    assert play > 0.15 and completion < -0.3
    order = np.corrcoef(within[:, 1], bait)[0, 1]
    assert order < -0.5


def test_without_noise_it_learns_as_much_as_from_exact_sums(tmp_path):
    """On 250 devices, captures of two runs of one learner differ by about .02."""
    exact, private = (
        simulate(bait_world(), 10, 8, privacy=privacy, out=tmp_path / name, seed=SEED)
        for name, privacy in (("a", None), ("b", Privacy.none()))
    )
    assert private.capture > exact.capture - 0.03
    assert private.last_quarter_capture > exact.last_quarter_capture - 0.04


def test_exact_sums_are_no_budget():
    privacy = Privacy.none()
    assert privacy.exact and not Privacy(8.0, 1e-6).exact
    for wrong in ({"epsilon": 1.0}, {"delta": 1e-6}):
        with pytest.raises(SettingError):
            replace(privacy, **wrong)
