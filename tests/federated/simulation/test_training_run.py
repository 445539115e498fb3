"""Whole campaigns in simulation: the budget holds, and a round that fails leaves the last good model."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from support.simulations import (
    DELTA,
    EPSILON,
    SEED,
    STEPS,
    NotedFleet,
    OneRound,
    one_round,
    setup_of,
    small_world,
    styled_world,
)
from support.worlds import HandWorld, StyleWorld, Watched

from keyart.bundle import Manifest, verify
from keyart.campaigns.budget import epsilon_spent
from keyart.errors import RoundFailed, SettingError
from keyart_federated import Privacy, simulate
from keyart_federated.campaigns import own_offer
from keyart_federated.learning.learner import Learner
from keyart_federated.metrics import WorldTruth
from keyart_federated.simulation.local_engine import devices_in_parts, local_fleet, members_of, run_campaign
from keyart_federated.simulation.local_fleet import Contribution
from keyart_federated.simulation.setup import SimulationSetup
from keyart_federated.simulation.training_run import TrainingRun, limits_of

DEVICES, ROUNDS = 24, 3


def noted(setup: SimulationSetup) -> NotedFleet:
    return NotedFleet(local_fleet(setup, devices_in_parts(setup, members_of(setup.world, 1))))


def simulated(world, folder: Path, name: str = "b", rounds: int = ROUNDS, **changes: object):
    """Return the report of a whole simulation; `Privacy` may be changed by settings."""
    settings = changes.pop("settings", {})
    privacy = Privacy(**{"epsilon": EPSILON, "delta": DELTA, "masked": False, **settings})
    base = {"steps_per_round": STEPS, "rounds": rounds, "seed": SEED, "privacy": privacy, "out": folder / name}
    return simulate(world, **{**base, **changes})


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> OneRound:
    """A campaign of `ROUNDS` rounds without a failure, with hardly any noise."""
    folder = tmp_path_factory.mktemp("run")
    return one_round(setup_of(small_world(DEVICES), ROUNDS, epsilon=1000.0), folder)


def test_the_population_is_asked_once_and_each_round_trains(run):
    offers = [own_offer(message) for message, _ in run.fleet.asked]
    assert [offer.topic or offer.kind for offer in offers] == ["population", *["training"] * ROUNDS]
    assert [offer.round for offer in offers] == [1, 2, 3, 4]
    assert [offer.model_version for offer in offers] == [1, 1, 2, 3]
    assert run.fleet.noted == ["play 1", "ask", "ask", "play 2", "ask", "play 3", "ask"]


def test_each_round_makes_a_bundle_that_a_device_would_take(run):
    assert run.training.rounds == ROUNDS and run.training.base.bundle == run.folder / "4"
    assert run.training.client_updates == DEVICES * ROUNDS and run.training.bytes_up > 0
    for version in range(1, ROUNDS + 2):
        manifest = verify(run.folder / str(version))
        assert (manifest.model_version, manifest.parent) == (version, version - 1 if version > 1 else None)


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [1, ROUNDS])
def test_all_of_the_budget_is_spent_and_no_more(tmp_path, rounds):
    report = simulated(small_world(DEVICES), tmp_path, rounds=rounds)
    assert 0.98 * EPSILON <= report.epsilon <= EPSILON and report.delta == DELTA
    assert report.propensities_ok and report.bytes_up > 0


def test_the_ledger_of_a_device_agrees_with_the_report(run):
    charges = [own_offer(message).charge for message, _ in run.fleet.asked]
    limit = limits_of(run.setup.privacy, run.setup.plan, SEED).epsilon
    assert (
        epsilon_spent(charges, DELTA) == pytest.approx(run.training.epsilon)
        and run.training.epsilon <= limit == 1000.0
    )


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
def test_every_sum_is_charged_before_anybody_is_asked(tmp_path, masked):
    """By the campaign, whose ε has grown when the offer comes; and by devices, before one of them makes a vector."""
    told: list[str] = []

    class Watching(HandWorld):
        def tamper(self, offer, vectors, numbers):
            if told[-1] != "vector":
                told.append("vector")
            return vectors

    world = Watching(small_world().catalog, devices=12)
    setup = setup_of(world, 2, masked=masked)
    inner = local_fleet(setup, devices_in_parts(setup, members_of(world, 1)))
    ledger = inner._participation
    charge = ledger.charge
    before = [0.0]

    class Asked(NotedFleet):
        def contribute(self, message: bytes, at: float) -> Contribution:
            assert training.epsilon > before[0]
            before[0] = training.epsilon
            told.append("asked")
            return super().contribute(message, at)

    ledger.charge = lambda *arguments: (told.append("charged"), charge(*arguments))  # type: ignore[method-assign]
    fleet = Asked(inner)
    training = TrainingRun(
        tmp_path, world.catalog, plan=setup.plan, privacy=setup.privacy, seed=SEED, head=setup.head,
        steps_per_round=STEPS, policy=setup.policy,
    )  # fmt: skip
    assert training.epsilon == 0.0
    for number in (1, 2):
        fleet.play(training.base.bundle, (number - 1) * STEPS, STEPS)
        training.after_round(number, fleet)
    assert told == ["asked", "charged", "vector"] * 3


def test_devices_refuse_the_round_that_would_exceed_their_budget(run):
    """The server asks for one round more than it planned, signed as all others."""
    last = own_offer(run.fleet.asked[-1][0])
    more = run.signed(round=last.round + 1, rounds=last.rounds + 1, model_version=last.model_version)
    with pytest.raises(RoundFailed, match="would spend more than ε = 1000"):
        run.fleet.fleet.contribute(more, run.at)


@dataclass
class FailingFleet(NotedFleet):
    """A fleet of which some questions fail. fails: told the number of the question, from 0."""

    fails: Callable[[int], bool] = lambda question: False

    def contribute(self, message: bytes, at: float) -> Contribution:
        if self.fails(len(self.asked)):
            self.asked.append((message, at))
            raise RoundFailed("7 devices answered where the noise counts on 20. The last good model stays.")
        return super().contribute(message, at)


@pytest.mark.slow
@pytest.mark.parametrize("failing", [0, 1, 2, 3])
def test_a_round_that_fails_is_logged_and_the_last_good_model_stays(tmp_path, caplog, failing):
    setup = setup_of(small_world(DEVICES), ROUNDS, epsilon=1000.0)
    fleet = FailingFleet(noted(setup).fleet, fails=lambda question: question == failing)
    progress: list[int] = []
    with caplog.at_level(logging.WARNING, logger="keyart.federated"):
        training = run_campaign(setup, fleet, tmp_path, lambda done, of: progress.append(done))
    warnings = [record.message for record in caplog.records if record.name == "keyart.federated"]
    assert [message.count("last good model") for message in warnings] == [1]
    assert progress == [1, 2, 3]  # the fleet goes on
    assert training.rounds == 2  # a population that is unknown costs the first round of training
    assert verify(training.base.bundle).model_version == training.base.version == 3
    numbers = [own_offer(message).round for message, _ in fleet.asked]
    assert numbers == sorted(set(numbers))  # no round is asked again
    if failing == 1:
        assert fleet.noted[-3:] == ["ask", "play 2", "ask"]


def test_rounds_that_fail_are_charged(tmp_path):
    setup = setup_of(small_world(DEVICES), ROUNDS)
    fleet = FailingFleet(noted(setup).fleet, fails=lambda question: question > 0)
    training = run_campaign(setup, fleet, tmp_path)
    assert training.rounds == training.client_updates == 0
    assert training.base.version == 1 and training.base.bundle == tmp_path / "1"
    assert 0.98 * EPSILON <= training.epsilon <= EPSILON


@pytest.mark.slow
def test_a_fleet_that_is_too_small_for_its_noise_learns_nothing(tmp_path, caplog):
    """The noise counts on the whole target cohort, which chance hardly ever draws in full."""
    settings = {"threshold": 1.0, "epsilon": 1000.0}
    with caplog.at_level(logging.WARNING, logger="keyart.federated"):
        report = simulated(small_world(12), tmp_path, rounds=6, cohort=6, settings=settings)
    failed = [record for record in caplog.records if "where the noise counts on 6" in record.message]
    assert 0 < len(failed) <= 6
    assert verify(report.bundle).model_version < 1 + 6
    assert report.client_updates >= 6 * (verify(report.bundle).model_version - 1) and report.epsilon <= 1000.0


@pytest.mark.slow
def test_the_plan_says_when_the_fleet_trains(tmp_path):
    privacy = Privacy(1000.0, DELTA, rounds=2, masked=False)
    setup = replace(setup_of(small_world(12), 6), privacy=privacy)
    fleet = noted(setup)
    training = run_campaign(setup, fleet, tmp_path)
    plan = setup.plan.rounds
    assert len(plan) == 2 and training.rounds == 2
    asked = [i for i, word in enumerate(fleet.noted) if word == "ask"]
    assert len(asked) == 3
    rounds = [word for word in fleet.noted if word != "ask"]
    assert rounds == ["play 1"] * plan[0] + ["play 2"] * (plan[1] - plan[0]) + ["play 3"] * (6 - plan[1])


@pytest.mark.slow
def test_the_same_seed_asks_the_same_and_chooses_the_same(tmp_path):
    runs = []
    for name, seed in (("a", SEED), ("b", SEED), ("c", SEED + 1)):
        watched = Watched(small_world(DEVICES))
        ended = one_round(setup_of(watched, 2, seed=seed), tmp_path / name, parts=3 if name == "b" else 1)
        runs.append((watched.shown, ended.fleet.asked, (tmp_path / name / "3/ranker.bin").read_bytes()))
    assert runs[0] == runs[1]  # bytes of signed offers, and of the model, whatever the parts
    assert all(one != other for one, other in zip(runs[0], runs[2], strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
def test_parts_do_not_change_the_choices_of_a_whole_simulation(tmp_path, masked):
    one, three = Watched(small_world(12)), Watched(small_world(12))
    for name, world, nodes in (("one", one, None), ("three", three, 3)):
        simulated(world, tmp_path, name, rounds=2, nodes=nodes, settings={"masked": masked})
    assert one.shown == three.shown
    assert (tmp_path / "one/ranker.bin").read_bytes() == (tmp_path / "three/ranker.bin").read_bytes()


@pytest.mark.slow
def test_learning_privately_beats_not_learning(tmp_path):
    world = styled_world()
    truth = WorldTruth.measure(world, 24)
    settings = {"steps_per_round": 8, "truth": truth}
    learned = simulated(world, tmp_path, "p", settings={"epsilon": 1000.0}, **settings)
    nothing = simulated(world, tmp_path, "n", privacy=None, learner="none", **settings)
    assert learned.capture > nothing.capture + 0.05
    assert learned.client_updates == 60 * ROUNDS and nothing.client_updates == 0
    assert (nothing.epsilon, nothing.delta) == (None, None)


@pytest.mark.slow
def test_a_cohort_is_a_part_of_the_fleet(tmp_path):
    report = simulated(small_world(60), tmp_path, cohort=40, settings={"threshold": 0.6})
    assert report.epsilon <= EPSILON
    assert 24 <= report.client_updates / ROUNDS < 60


def test_privacy_and_engines_are_for_the_federated_learner(tmp_path):
    for learner in ("central", "none"):
        with pytest.raises(SettingError, match="leave privacy and engine out"):
            simulated(small_world(12), tmp_path, learner=learner)
        with pytest.raises(SettingError, match="leave privacy and engine out"):
            simulated(small_world(12), tmp_path, learner=learner, privacy=None, engine="flower")


class LoudWorld(StyleWorld):
    """One device in twelve sends integers that no clipped vector holds, in rounds of one kind. kind: which."""

    kind = "training"

    def tamper(self, offer, vectors, numbers):
        if offer.kind != self.kind:
            return vectors
        return np.where(numbers[:, None] % 12 == 0, 1_000 * vectors, vectors)


def test_sums_of_hostile_devices_are_refused_and_charged(tmp_path, caplog):
    setup = setup_of(LoudWorld(devices=DEVICES), ROUNDS)
    with caplog.at_level(logging.WARNING, logger="keyart.federated"):
        training = run_campaign(setup, noted(setup), tmp_path)
    refused = [record for record in caplog.records if "Some devices are broken or hostile" in record.message]
    assert len(refused) == ROUNDS
    assert (training.base.version, training.rounds, training.client_updates) == (1, 0, 0)
    assert 0.98 * EPSILON <= training.epsilon <= EPSILON


def test_a_hostile_answer_about_the_population_stops_no_training(tmp_path, caplog):
    world = LoudWorld(devices=DEVICES)
    world.kind = "statistics"
    setup = setup_of(world, 2)
    with caplog.at_level(logging.WARNING, logger="keyart.federated"):
        training = run_campaign(setup, noted(setup), tmp_path)
    assert len([record for record in caplog.records if "broken or hostile" in record.message]) == 1
    assert training.rounds == 2


def test_a_step_to_a_model_that_is_not_finite_is_not_taken(tmp_path, caplog, monkeypatch):
    answered = Learner.answered

    def broken(self, *arguments):
        new = answered(self, *arguments)
        if new.state.rounds != 2:
            return new
        model = replace(new.state.model, theta=new.state.model.theta * np.nan)
        return replace(new, state=replace(new.state, model=model))

    monkeypatch.setattr(Learner, "answered", broken)
    setup = setup_of(small_world(DEVICES), 2, epsilon=1000.0)
    with caplog.at_level(logging.WARNING, logger="keyart.federated"):
        training = run_campaign(setup, noted(setup), tmp_path)
    assert "not finite" in caplog.text and training.rounds == 1
    assert verify(training.base.bundle).model_version == 2
    assert training.client_updates == DEVICES


def test_limits_of_simulated_devices_are_the_campaigns_budget(run):
    limits = limits_of(Privacy(2.0, 1e-7), run.setup.plan, SEED)
    assert (limits.epsilon, limits.delta, limits.minimum_devices) == (2.0, 1e-7, run.setup.plan.minimum_devices)
    without = limits_of(None, run.setup.plan, SEED)
    assert (
        math.isinf(without.epsilon)
        and without.servers == limits.servers != limits_of(None, run.setup.plan, 9).servers
    )


def test_the_bundle_of_a_report_is_the_last_one(tmp_path):
    report = simulated(small_world(DEVICES), tmp_path, name="bundle", settings={"epsilon": 1000.0})
    manifest = Manifest.read(report.bundle)
    assert manifest.model_version == 1 + ROUNDS and manifest.training["devices"] == DEVICES
    assert verify(report.bundle).model_version == 1 + ROUNDS
