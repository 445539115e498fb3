"""Whole private runs: what was asked for is spent, before anything is told; a round that fails changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from keyart_federated.learning.ranker import PrivateRanker
from world_samples import HandWorld, StyleWorld, Watched, tiny_catalog

from keyart.errors import BudgetSpent, RoundFailed, SettingError
from keyart_federated import simulate
from keyart_federated.accounting import Skellam
from keyart_federated.accounting.ledger import Ledger
from keyart_federated.accounting.privacy import Privacy
from keyart_federated.learning import node, ranker
from keyart_federated.simulation import simulate as simulation

DEVICES, STEPS, ROUNDS = 60, 6, 3
EPSILON, DELTA = 4.0, 1e-5


def world(devices: int = DEVICES) -> HandWorld:
    return HandWorld(catalog=tiny_catalog(20), devices=devices)


def run(of, tmp_path, name: str = "b", **changes: Any):
    privacy = Privacy(EPSILON, DELTA, **{"masked": False, **changes.pop("settings", {})})
    base = {"steps_per_round": STEPS, "rounds": ROUNDS, "seed": 4, "privacy": privacy}
    return simulate(of, **{**base, **changes}, out=tmp_path / name)


@pytest.fixture
def kept(monkeypatch) -> Callable[[Callable[[PrivateRanker], None]], list[PrivateRanker]]:
    """Rankers that simulations make, once `change` has been at them."""

    def keep(change: Callable[[PrivateRanker], None] = lambda one: None) -> list[PrivateRanker]:
        made: list[PrivateRanker] = []

        class Kept(PrivateRanker):
            def __init__(self, *arguments: Any, **settings: Any) -> None:
                super().__init__(*arguments, **settings)
                change(self)
                made.append(self)

        monkeypatch.setattr(simulation, "PrivateRanker", Kept)
        return made

    return keep


def test_a_run_reports_what_it_spent_and_no_more_than_asked(tmp_path):
    report = run(world(), tmp_path)
    assert 0.98 * EPSILON <= report.epsilon <= EPSILON and report.delta == DELTA
    assert report.client_updates == DEVICES * ROUNDS and report.bytes_up > 0
    assert report.propensities_ok


def test_the_same_seed_gives_the_same_choices(tmp_path):
    watched = [Watched(world()) for _ in range(3)]
    reports = [run(one, tmp_path, f"b{n}", seed=5 if n == 2 else 4) for n, one in enumerate(watched)]
    assert watched[0].shown == watched[1].shown != watched[2].shown
    assert (tmp_path / "b0/ranker.bin").read_bytes() == (tmp_path / "b1/ranker.bin").read_bytes()
    assert reports[0].epsilon == reports[1].epsilon


def test_masked_sums_are_those_of_the_devices_integers(tmp_path, monkeypatch):
    """Through every stage, in two nodes: the total that the server gets is the plain sum of what devices made."""
    made: dict[str, list[np.ndarray]] = {}
    totals: dict[str, tuple[np.ndarray, int]] = {}
    noised, masked = node.vectors.noised, PrivateRanker._masked

    def noised_and_kept(devices, ask, *rest):
        rows = noised(devices, ask, *rest)
        made.setdefault(f"{ask.kind} {ask.round}", []).append(rows)
        return rows

    def masked_and_kept(self, ask, size):
        totals[f"{ask.kind} {ask.round}"] = masked(self, ask, size)
        return totals[f"{ask.kind} {ask.round}"]

    monkeypatch.setattr(node.vectors, "noised", noised_and_kept)
    monkeypatch.setattr(PrivateRanker, "_masked", masked_and_kept)
    report = run(world(16), tmp_path, settings={"masked": True, "rounds": 1}, nodes=2)
    assert len(totals) == len(made) == 2 and report.epsilon <= EPSILON
    for name, (total, devices) in totals.items():
        rows = np.concatenate(made[name])
        assert devices == len(rows) == 16
        np.testing.assert_array_equal(total, rows.sum(axis=0))


def test_small_fleets_are_masked_unless_told(tmp_path, kept):
    made = kept()
    run(world(16), tmp_path, settings={"masked": None, "rounds": 1})
    run(world(16), tmp_path, settings={"masked": False, "rounds": 1})
    assert [one.masked for one in made] == [True, False]


@pytest.mark.parametrize("masked", [False, True])
def test_every_sum_is_paid_for_before_anybody_is_asked(tmp_path, monkeypatch, masked):
    told: list[str] = []
    charge, send = Ledger.charge, ranker.send

    def charging(self, campaign, number, event):
        receipt = charge(self, campaign, number, event)
        told.append(f"paid {number}")
        return receipt

    def sending(grid, contents, kind, timeout):
        told.append(kind)
        return send(grid, contents, kind, timeout)

    monkeypatch.setattr(Ledger, "charge", charging)
    monkeypatch.setattr(ranker, "send", sending)
    run(world(12), tmp_path, rounds=2, settings={"masked": masked})
    asked = ["query.sums"] * 4 if masked else ["query.noised"]
    assert told == ["paid 0", *asked, "paid 1", *asked, "paid 2", *asked]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("good", [0, 1])
def test_a_round_of_too_few_survivors_fails_and_changes_nothing(tmp_path, kept, monkeypatch, masked, good):
    """After `good` rounds more devices are counted on than there are."""
    made = kept()
    states = []
    trained = PrivateRanker._trained

    def fewer(self, server_round):
        states.append(self.state)
        if server_round > good:
            self.plan = replace(self.plan, survivors=13)
        return trained(self, server_round)

    monkeypatch.setattr(PrivateRanker, "_trained", fewer)
    with pytest.raises(RoundFailed, match="last good model"):
        run(world(12), tmp_path, rounds=3, settings={"masked": masked})
    assert made[0].state is states[-1] and len(states) == good + 1
    assert made[0].state.rounds == good and made[0].state.model.version == 1 + good
    assert not (tmp_path / "b").exists()


def test_a_masked_round_of_too_few_survivors_is_never_unmasked(tmp_path, monkeypatch):
    """Refusing to use the sum would not do: its noise covers nobody, so the server must not have it."""
    masked, told = PrivateRanker._masked, []

    def fewer(self, ask, size):
        self.plan = replace(self.plan, survivors=13)
        told.append(masked(self, ask, size))
        return told[-1]

    monkeypatch.setattr(PrivateRanker, "_masked", fewer)
    with pytest.raises(RoundFailed):
        run(world(12), tmp_path, settings={"masked": True})
    assert not told


def test_a_budget_that_is_spent_asks_nobody(tmp_path, kept, monkeypatch):
    """The plan is changed behind the ledger's back, to a noise that is too small."""

    def weaker(one: PrivateRanker) -> None:
        event = one.plan.training
        less = Skellam(event.noise_multiplier / 2, event.l2, event.dimension, event.sampling_rate)
        one.plan = replace(one.plan, training=less)

    made, asked = kept(weaker), []
    send = ranker.send
    monkeypatch.setattr(ranker, "send", lambda *arguments: asked.append(arguments[2]) or send(*arguments))
    with pytest.raises(BudgetSpent):
        run(world(12), tmp_path, settings={"rounds": 1}, rounds=1)
    assert asked == ["query.noised"]  # the population, and no training
    assert made[0].state.rounds == 0 and made[0].state.model.version == 1


def test_learning_privately_beats_not_learning(tmp_path):
    settings = {"steps_per_round": 8, "rounds": 3}
    of = StyleWorld(devices=DEVICES, likes=0.5, dislikes=0.05)
    generous = {"privacy": Privacy(1000.0, DELTA, masked=False)}
    learned = run(of, tmp_path, "p", **settings, **generous)
    nothing = run(of, tmp_path, "n", **settings, privacy=None, learner="none")
    openly = run(of, tmp_path, "o", **settings, privacy=None)
    assert learned.capture > nothing.capture + 0.05
    assert abs(learned.capture - openly.capture) < 0.1
    assert openly.epsilon is None and openly.delta is None


def test_privacy_is_for_the_federated_learner(tmp_path):
    with pytest.raises(SettingError, match="federated"):
        run(world(12), tmp_path, learner="central")


def test_a_cohort_is_a_part_of_the_fleet(tmp_path, kept):
    made = kept()
    report = run(world(), tmp_path, cohort=40, settings={"threshold": 0.6})
    assert report.epsilon <= EPSILON
    assert made[0].plan.training.sampling_rate == pytest.approx(40 / DEVICES)
    assert made[0].plan.survivors == 24 <= report.client_updates / ROUNDS < DEVICES


def test_each_sum_draws_its_cohort_anew(tmp_path, monkeypatch):
    """Their costs are added up as those of independent samples, which two questions to one sample are not."""
    cohorts = {}
    noised_sum = node.vectors.noised_sum

    def drawn(devices, ask, cohort, random):
        cohorts[ask.kind, ask.round] = cohort
        return noised_sum(devices, ask, cohort, random)

    monkeypatch.setattr(node.vectors, "noised_sum", drawn)
    run(world(), tmp_path, cohort=40, settings={"threshold": 0.6}, nodes=1)
    assert (cohorts["population", 0] != cohorts["training", 1]).any()
