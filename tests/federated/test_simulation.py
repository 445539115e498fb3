"""simulate: the same choices for the same seed, one outcome an impression, and no look at what it is measured by."""

from __future__ import annotations

import json
import math
from dataclasses import fields

import numpy as np
import pytest
from support.worlds import HandWorld, StyleWorld, Watched

import keyart
from keyart.bundle import verify
from keyart.errors import FederatedError, SettingError, WorldError
from keyart_federated import Report, World, simulate
from keyart_federated.metrics import WorldTruth
from keyart_federated.report import plot_learning

STEPS, ROUNDS = 6, 3


def run(world, tmp_path, name="b", **settings) -> Report:
    base = {"steps_per_round": STEPS, "rounds": ROUNDS, "seed": 4}
    return simulate(world, **{**base, **settings}, out=tmp_path / name)


@pytest.mark.slow
def test_protocol_and_measure(tmp_path):
    world = Watched(HandWorld())
    assert isinstance(world, World)
    report = run(world, tmp_path)
    impressions = STEPS * ROUNDS
    assert world.asked == {(i, k): 1 for i in range(24) for k in range(impressions)}
    assert set(world.peeked) == {24 * impressions}  # expected_reward: only once everything has been shown
    policy, random, oracle = [], [], []
    for (i, k), artwork in world.shown.items():
        expected = world.expected_reward(i, k)
        ids = [a.id for a in world.catalog[world.impression(i, k)[0]].artworks]
        policy.append(expected[ids.index(artwork)])
        random.append(expected.mean())
        oracle.append(expected.max())
    p, r, o = (float(np.mean(x)) for x in (policy, random, oracle))
    assert (report.policy_value, report.random_value, report.oracle_value) == pytest.approx((p, r, o), rel=1e-6)
    assert report.capture == pytest.approx((p - r) / (o - r), rel=1e-6)
    assert report.lift_over_random == pytest.approx(p / r - 1, rel=1e-6)
    assert len(report.capture_by_round) == ROUNDS
    assert report.best_fixed_value <= report.oracle_value + 1e-9


@pytest.mark.slow
def test_same_seed_same_choices_and_no_peeking(tmp_path):
    worlds = [Watched(HandWorld()), Watched(HandWorld()), Watched(HandWorld(), permute=True), Watched(HandWorld())]
    reports = [run(world, tmp_path, f"b{n}", seed=9 if n == 3 else 4) for n, world in enumerate(worlds)]
    assert worlds[0].shown == worlds[1].shown == worlds[2].shown != worlds[3].shown
    assert reports[0].capture == reports[1].capture != reports[2].capture
    assert (tmp_path / "b0/ranker.bin").read_bytes() == (tmp_path / "b1/ranker.bin").read_bytes()


@pytest.mark.slow
def test_nodes_do_not_change_the_choices(tmp_path):
    one, three = Watched(HandWorld()), Watched(HandWorld())
    run(one, tmp_path, "one")
    run(three, tmp_path, "three", nodes=3)
    same = np.mean([one.shown[at] == three.shown[at] for at in one.shown])
    assert same > 0.99  # sums of float32 products may round another way


@pytest.mark.slow
def test_learning_together_beats_not_learning(tmp_path):
    settings = {"steps_per_round": 8, "rounds": 6}
    world = StyleWorld(devices=60, likes=0.5, dislikes=0.05)
    truth = WorldTruth.measure(world, 48)
    learned = run(world, tmp_path, "f", truth=truth, **settings)
    zero_shot = run(world, tmp_path, "n", learner="none", personal_head=False, truth=truth, **settings)
    central = run(world, tmp_path, "c", learner="central", truth=truth, **settings)
    assert learned.last_quarter_capture > zero_shot.last_quarter_capture
    assert central.last_quarter_capture > zero_shot.last_quarter_capture
    assert learned.oracle_value == zero_shot.oracle_value >= learned.policy_value > learned.random_value
    assert learned.client_updates == 60 * 6 and zero_shot.client_updates == central.client_updates == 0
    assert learned.bytes_up > 0 and zero_shot.bytes_up == 0


@pytest.mark.slow
def test_cohort(tmp_path):
    done = []
    report = run(HandWorld(), tmp_path, cohort=8, progress=lambda n, of: done.append((n, of)))
    assert 0 < report.client_updates < 24 * ROUNDS and report.propensities_ok
    assert done[-1] == (ROUNDS, ROUNDS)
    # One device of two that takes part by chance: rounds in which nobody is drawn leave the model as it is.
    few = run(HandWorld(devices=2), tmp_path, "few", cohort=1, rounds=6, steps_per_round=1)
    assert few.client_updates < 12


@pytest.mark.slow
def test_report(tmp_path):
    report = run(HandWorld(), tmp_path, name="bundle")
    document = json.loads(report.to_json(), parse_constant=pytest.fail)
    assert set(document) == {field.name for field in fields(Report)}
    for name, (low, high) in document["interval"].items():
        assert low <= document[name] <= high
    for name in ("policy_value", "random_value", "best_fixed_value", "oracle_value", "capture", "lift_over_random"):
        assert name in document["interval"]
    assert (report.epsilon, report.delta) == (None, None) and report.world == "HandWorld"
    assert 0 <= report.propensities_p <= 1 and report.propensities_ok
    assert verify(report.bundle).model_version == 1 + ROUNDS
    for name in ("one.png", "two.svg"):
        report.plot(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 5000
    plot_learning({"a": report, "b": report, "c": report}, tmp_path / "three.png")
    with pytest.raises(FederatedError):
        report.plot(tmp_path / "nowhere" / "plot.png")
    with pytest.raises(SettingError, match="end its name in"):
        report.plot(tmp_path / "plot.wrong")


@pytest.mark.parametrize(
    "wrong",
    [{"rounds": 0}, {"steps_per_round": 0}, {"cohort": 0}, {"cohort": 25}, {"engine": "ray"}, {"learner": "magic"}],
)
def test_wrong_settings(tmp_path, wrong):
    with pytest.raises(SettingError):
        run(HandWorld(), tmp_path, **wrong)


def bare(devices=3, titles=3, tags=None) -> HandWorld:
    rows = [
        keyart.Title(
            f"t{t}",
            tags={},
            artworks=[keyart.Artwork(f"t{t}/{a}", tags=tags(t, a) if tags else {}) for a in range(t % 3 + 1)],
        )
        for t in range(titles)
    ]
    return HandWorld(keyart.Catalog.from_titles(rows), devices=devices, views=1)


ODD = {
    "one device": lambda: HandWorld(devices=1),
    "no plays": lambda: HandWorld(likes=0.0, dislikes=0.0),
    "only plays": lambda: HandWorld(likes=1.0, dislikes=1.0),
    "no histories": lambda: HandWorld(views=0),
    "no tags": bare,
    "bare tags": lambda: bare(tags=lambda t, a: {f"tag{a}": 1.0}),
    "one picture": lambda: bare(titles=1, devices=1),
    "tags on titles only": lambda: HandWorld(
        keyart.Catalog.from_titles(
            [keyart.Title("t0", tags={"genre:a": 1.0}, artworks=[keyart.Artwork("x"), keyart.Artwork("y")])]
        )
    ),
    "sensitive tags": lambda: bare(tags=lambda t, a: {"religion:any": 1.0, "faces": 0.1 * a}),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "learner"), [*((name, "federated") for name in ODD), ("no plays", "central"), ("no tags", "central")]
)
def test_odd_worlds(tmp_path, name, learner):
    report = run(ODD[name](), tmp_path, learner=learner, rounds=2, steps_per_round=4)
    assert math.isfinite(report.capture) and report.propensities_ok
    json.loads(report.to_json(), parse_constant=pytest.fail)
    report.plot(tmp_path / "plot.png")
    with keyart.Personalizer.open(
        "memory", catalog=ODD[name]().catalog, keys=keyart.EphemeralKey(), bundle=report.bundle
    ) as art:
        title, context = ODD[name]().impression(0, 0)
        assert art.explain(art.choose(title, context).id).factors


class BadOutcome(HandWorld):
    def outcome(self, i, k, artwork_id):
        return 1.0


class BadTitle(HandWorld):
    def impression(self, i, k):
        return "nowhere", super().impression(i, k)[1]


class BadReward(HandWorld):
    def expected_reward(self, i, k):
        return np.append(super().expected_reward(i, k), 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("world", [BadOutcome, BadTitle, BadReward])
def test_a_world_that_breaks_its_protocol(tmp_path, world):
    with pytest.raises(keyart.KeyartError) as caught:
        run(world(), tmp_path)
    if world is not BadTitle:
        assert isinstance(caught.value, WorldError)
