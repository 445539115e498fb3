"""Looks: sums come back as they went in, noise has the variance that is said, and files are whole."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from keyart.campaigns.kinds.experiment import experiment_vectors
from keyart.errors import FederatedError, InputError, RoundFailed, SettingError
from keyart_federated.experiments import Baseline, Experiment, InterimSum, Results, next_thetas, read
from keyart_federated.experiments.interim_analysis import added
from keyart_federated.experiments.peeking import baselines, drawn, played

KNOWN = baselines(devices=4000)
EXPERIMENT = Experiment("buttons", 3000, KNOWN, looks=4)


def vectors(experiment: Experiment, seed: int = 1, devices: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    fleet = drawn(np.random.default_rng(seed), devices, 0.1)
    nobody = np.zeros(devices, dtype=np.intp)
    return fleet.arm, experiment_vectors(experiment.question(), fleet.arm, nobody, fleet.now, fleet.past)


def told(experiment: Experiment, total: tuple[int, ...], variance: float, devices: int = 1500) -> InterimSum:
    return InterimSum(7, tuple(a.theta for a in experiment.question().asked), devices, variance, total)


def test_a_sum_without_noise_reads_as_it_was():
    arm, each = vectors(EXPERIMENT)
    look = read(EXPERIMENT, told(EXPERIMENT, *added(EXPERIMENT, 0, each, None)))
    np.testing.assert_allclose(look.devices, np.bincount(arm), rtol=1e-3)
    z = each[:, 1:3] + each[:, 6:8]  # of whichever arm
    np.testing.assert_allclose(look.z.sum(axis=0) * EXPERIMENT.question().weights[1:3], z.sum(axis=0), atol=0.01)


@pytest.mark.slow
def test_noise_is_what_is_said():
    _, each = vectors(EXPERIMENT)
    exact = read(EXPERIMENT, told(EXPERIMENT, *added(EXPERIMENT, 0, each, None)))
    off: dict[str, list[np.ndarray]] = {"devices": [], "z": [], "zz": [], "xx": []}
    for n in range(150):
        look = read(EXPERIMENT, told(EXPERIMENT, *added(EXPERIMENT, 0, each, np.random.default_rng(n).bytes)))
        for name, values in off.items():
            values.append(getattr(look, name) - getattr(exact, name))
    for name, said in (
        ("devices", look.devices_noise),
        ("z", look.z_noise),
        ("zz", look.zz_noise),
        ("xx", look.past_noise[:2]),
    ):
        found = np.array(off[name])
        # The variance of 150 normal numbers is within 40 % of what it should be.
        np.testing.assert_allclose(found.var(axis=0) / np.broadcast_to(said, found.shape[1:]), 1.0, atol=0.4)
        assert (np.abs(found.mean(axis=0)) < 4 * np.sqrt(np.broadcast_to(said, found.shape[1:]) / 150)).all()


def test_what_the_past_explains_is_learnt_from_earlier_looks_only():
    blind = {name: replace(one, correlation=0.0) for name, one in KNOWN.items()}
    poor = replace(EXPERIMENT, metrics=blind, epsilon=13.0)
    results = played(poor, drawn(np.random.default_rng(3), 3000, 0.0), np.random.default_rng(4).bytes)
    assert results.told[0].thetas == (0.0, 0.0)
    assert results.told[-1].thetas == next_thetas(poor, results.looks[:-1])
    for theta, known in zip(results.told[-1].thetas, KNOWN.values(), strict=True):
        assert theta == pytest.approx(known.correlation, abs=0.15)
    quiet = replace(poor, epsilon=1.0)  # here noise hides it, and nothing is made of noise
    hidden = played(quiet, drawn(np.random.default_rng(3), 3000, 0.0), np.random.default_rng(4).bytes)
    assert hidden.told[-1].thetas == (0.0, 0.0)


def test_results_come_back_from_their_file(tmp_path):
    results = played(EXPERIMENT, drawn(np.random.default_rng(5), 3000, 0.0), np.random.default_rng(6).bytes)
    results.save(tmp_path / "e.json")
    assert Results.load(tmp_path / "e.json") == results
    assert [path.name for path in tmp_path.iterdir()] == ["e.json"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.pop("looks"),
        lambda d: d.update(format="other/1"),
        lambda d: d["looks"][0].update(sum=[1, 2]),
        lambda d: d["looks"][0].update(sum=["a"]),
        lambda d: d["looks"][0].update(thetas=[]),
        lambda d: d["looks"][0].update(survivors=0),
        lambda d: d["experiment"].update(epsilon=-1),
        lambda d: d["experiment"].update(metrics={}),
        lambda d: d["experiment"].update(more=1),
        lambda d: d["experiment"].pop("name"),
    ],
)
def test_damaged_files_are_one_sentence(tmp_path, damage):
    results = played(EXPERIMENT, drawn(np.random.default_rng(5), 3000, 0.0), None)
    document = results.to_dict()
    damage(document)
    (tmp_path / "e.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="no experiment of keyart"):
        Results.load(tmp_path / "e.json")


@pytest.mark.parametrize("data", [b"\x00\xff\xfe", b"{", b"[]", b"7", b"[" * 100_000])
def test_other_files_are_one_sentence(tmp_path, data):
    (tmp_path / "e.json").write_bytes(data)
    with pytest.raises(InputError, match="no experiment of keyart"):
        Results.load(tmp_path / "e.json")
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(InputError):
            Results.load(path)


def test_sums_of_others_and_sums_that_noise_drowns_are_refused():
    total, variance = added(EXPERIMENT, 0, vectors(EXPERIMENT)[1], None)
    with pytest.raises(RoundFailed, match="none of experiment"):
        read(EXPERIMENT, told(EXPERIMENT, total[:-1], variance))
    with pytest.raises(FederatedError, match="drowns"):
        read(EXPERIMENT, told(EXPERIMENT, total, 1e14))


@pytest.mark.parametrize(
    "wrong",
    [
        {"devices": 1000},  # in four looks
        {"metrics": {}},
        {"metrics": {"taste": Baseline(1, 1)}},
        {"arms": ("one",)},
        {"arms": ("one", "one")},
        {"name": "a/b"},
        {"name": "a" * 300},
        {"looks": 30},
        {"first_day": 30},
        {"group": "health", "groups": ("a",)},
        {"group": "device", "groups": ()},
        {"epsilon": 0.0},
        {"margin": 0.0},
        {"tolerance": 1.0},
        {"threshold": 0.5},
    ],
)
def test_experiments_that_cannot_be(wrong):
    with pytest.raises(SettingError):
        replace(EXPERIMENT, **wrong)


def test_an_experiment_costs_a_person_what_it_says():
    from keyart_federated.accounting import skellam_epsilon

    asked = EXPERIMENT.offer(
        0, None, campaign="c", purpose="p", model_version=1, feature_spec="f", since=0, not_after=1
    )
    cost = skellam_epsilon(asked.noise_multiplier, asked.l2, asked.size, 1, 1e-6)
    assert 0.99 < cost <= 1.0 == asked.epsilon
    assert asked.rounds == 4 and EXPERIMENT.look_days == (7, 12, 16, 21)
    assert sum(EXPERIMENT.devices_of(look) for look in range(4)) == 3000
