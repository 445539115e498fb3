"""The server's step: towards the likelihood's maximum, by curvature without anybody's data, over explicit state."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace

import numpy as np
import pytest
from support.worlds import HandWorld

import keyart
from keyart.campaigns.kinds.gradient import gradient_sums
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.head import HeadPrior
from keyart.model.scorer import score
from keyart_federated.accounting.privacy import FINE_UNITS, NO_CLIP
from keyart_federated.learning import curvature, learner_state, newton
from keyart_federated.learning.learner import Learner
from keyart_federated.learning.learning_request import LearningRequest
from keyart_federated.learning.model import GlobalModel
from keyart_federated.simulation.central_learner import CentralLearner
from keyart_federated.simulation.devices import Devices
from keyart_federated.simulation.pooled_logs import sampled_decisions

STEPS = 25
EXPLORING = keyart.Policy(exploration=1.0)


@pytest.fixture(scope="module")
def scene():
    """Four hundred devices of which each has seen 25 pictures of the first model, their sums and that model."""
    world = HandWorld(devices=400, likes=0.6, dislikes=0.1)
    spec = FeatureSpec.from_catalog(world.catalog)
    encoded = EncodedCatalog.build(world.catalog, spec)
    devices = Devices(
        world,
        np.arange(400),
        spec,
        STEPS,
        policy=keyart.Policy(exploration=1.0),
        reward=keyart.Reward(),
        head=None,
        encoded=encoded,
    )
    model = GlobalModel.zero_shot(encoded)
    devices.install(model)
    for k in range(STEPS):
        devices.step(k)
    return devices, encoded, model


def gradient(devices: Devices, model: GlobalModel) -> np.ndarray:
    devices.install(model)
    return gradient_sums(devices.weights, devices._log(slice(None))).gradient.sum(axis=0)


def likelihood(devices: Devices, model: GlobalModel) -> float:
    devices.install(model)
    log = devices._log(slice(None))
    play, keep = (x.astype(np.float64) for x in score(devices.weights, log.rows))
    of_keep = keep * log.quality - np.logaddexp(0, keep)
    return float((play * log.played - np.logaddexp(0, play) + log.played * of_keep).sum())


def asked_once(scene, learner: Learner | None, number: int) -> tuple[Learner, LearningRequest, np.ndarray]:
    """The learner that has asked, its question, and the exact sum of the devices' vectors."""
    devices, encoded, model = scene
    devices.install(model if learner is None else learner.state.model)
    central = CentralLearner(encoded, model, EXPLORING, 0)
    if learner is None:
        learner = Learner.start(central.state, central._population([devices]), float(len(devices.members)), encoded)
    rng = np.random.default_rng([0, number])
    learner, asked = learner.ask(float(STEPS), NO_CLIP, encoded, EXPLORING, rng, FINE_UNITS)
    return learner, asked, central._gradients([devices], asked)


def rounds(scene, count: int) -> list[learner_state.LearnerState]:
    """States before the first round and after each of `count`, in which no new decisions come."""
    _, encoded, model = scene
    states, learner = [learner_state.init(model, encoded)], None
    for n in range(count):
        learner, asked, total = asked_once(scene, learner, n)
        learner = learner.answered(asked, total, 0.0, encoded)
        states.append(learner.state)
    return states


def test_likelihood_rises_and_settles(scene):
    """Also where no new decisions come between rounds: errors in the curvature cost speed and not the end.

    The posterior rises, whose prior may cost a thousandth of the likelihood at the end.
    """
    states = rounds(scene, 6)
    values = [likelihood(scene[0], state.model) for state in states]
    rise = values[-1] - values[0]
    assert all(later > before - 1e-3 * rise for before, later in itertools.pairwise(values))
    assert values[-1] - values[-2] < 0.02 * (values[-1] - values[0])
    steps = [np.linalg.norm(state.play.step) for state in states[1:]]
    assert steps[-1] < 0.5 * steps[0]
    assert [state.rounds for state in states] == list(range(7))
    assert states[-1].model.version == states[0].model.version + 6


def test_base_rate_is_that_of_the_log(scene):
    devices, _, model = scene
    state = rounds(scene, 1)[-1]
    assert state.model.base_rate == pytest.approx(float(devices.journal.quality.mean()), rel=1e-3)
    assert not np.array_equal(state.model.population_taste, model.population_taste)  # set once, by the first round
    np.testing.assert_array_equal(rounds(scene, 2)[-1].model.population_taste, state.model.population_taste)


def test_a_new_centre_moves_no_score(scene):
    devices, _, model = scene
    spec, rng = devices.encoded.spec, np.random.default_rng(1)
    tilted = replace(model, theta=model.theta + rng.normal(0, 0.1, len(model.theta)))
    shift = rng.normal(0, 0.05, spec.viewer_size)
    moved = replace(
        tilted,
        theta=newton.recentred(tilted.theta, shift, spec),
        population_taste=tilted.population_taste + shift,
    )
    scores = []
    for candidate in (tilted, moved):
        devices.install(candidate)
        devices.weights = candidate.weights
        scores.append(score(devices.weights, devices._log(slice(None)).rows).play)
    np.testing.assert_allclose(*scores, atol=1e-5)


def test_state_is_a_value(scene):
    _, encoded, _ = scene
    learner, asked, total = asked_once(scene, None, 1)
    before = {f.name: np.array(getattr(learner.state.play, f.name)).copy() for f in fields(newton.NewtonStage)}
    copy = total.copy()
    ones = [learner.answered(asked, total, 0.0, encoded).state.model.to_array() for _ in range(2)]
    np.testing.assert_array_equal(*ones)
    np.testing.assert_array_equal(total, copy)
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(learner.state.play, name), value)


def test_simulated_curvature_is_like_the_real_one(scene):
    """Trace and average direction of the Fisher information, from sums alone, against that of the decisions."""
    devices, encoded, model = scene
    devices.install(model)
    learner, _, _ = asked_once(scene, None, 1)
    total = learner.population.totals(encoded, 400.0, 400.0 * STEPS, learner.rates)
    drawn = curvature.simulated(total, model, encoded, EXPLORING, np.random.default_rng(2))
    real = curvature.of_decisions([sampled_decisions(devices, 10_000, np.random.default_rng(1))], model)
    for part in ("play", "keep"):
        one, other = getattr(drawn, part), getattr(real, part)
        np.testing.assert_allclose(one, one.T, atol=1e-6)
        assert np.linalg.eigvalsh(one).min() > -1e-6
        assert np.trace(one) == pytest.approx(np.trace(other), rel=0.25)
    np.testing.assert_allclose(drawn.directions.mean(axis=0), real.directions.mean(axis=0), atol=0.12)


def test_a_secant_is_added_only_for_missing_curvature():
    stage = newton.NewtonStage(np.ones(1), np.array([1.0, 0.0]), 2.0, np.array([0.5, 0.0]), np.zeros((0, 2)))
    kept = newton.with_secant(stage, np.array([1.6, 0.0]))  # the slope fell by .4: less than assumed
    assert len(kept) == 0
    added = newton.with_secant(stage, np.array([0.0, 0.0]))  # it fell by 2, and .5 was assumed
    assert added.shape == (1, 2)
    step = stage.step
    assert stage.assumed @ step + (added @ step) @ (added @ step) == pytest.approx(2.0)


def test_heads_offset_is_in_the_sums(scene):
    """With heads that have learned, less is left for the common model to explain."""
    devices, encoded, model = scene
    personal = Devices(
        devices.world,
        devices.members,
        encoded.spec,
        STEPS,
        policy=keyart.Policy(exploration=1.0),
        reward=keyart.Reward(),
        head=HeadPrior(),
        encoded=encoded,
    )
    personal.install(model)
    for k in range(STEPS):
        personal.step(k)
    norm = [np.linalg.norm(gradient(part, model)) for part in (devices, personal)]
    assert norm[1] < norm[0]
