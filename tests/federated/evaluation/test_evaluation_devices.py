"""What a private sum tells without noise is what the same logs tell in one place, to 1e-9."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from campaign_samples import offer
from choosing_samples import EVENING, OFF, TV, Clock, Dial, sample_bundle, sample_catalog

import keyart
from keyart.campaigns import kinds
from keyart.campaigns.kinds.evaluation import (
    MAX_IMPORTANCE_WEIGHT,
    EvaluationLayout,
    candidate_model,
    evaluation_vector,
    replay_weights,
)
from keyart.campaigns.vectors import VectorSource
from keyart.errors import FederatedError, InputError
from keyart_federated.campaigns.evaluation import estimate
from keyart_federated.evaluation import by_device

UNITS = 1 << 45  # so many that rounding to integers does not show
SAME = {"rel": 1e-9, "abs": 1e-12}


def assert_same(vectors_of_devices: list[np.ndarray], central, devices: int) -> None:
    total = sum(np.rint(vector * UNITS).astype(np.int64) for vector in vectors_of_devices)
    federated = estimate(total, UNITS, devices, 0.0)
    told = (federated.value, federated.standard_error, federated.effective)
    # Rounding by chance would add to the variance; it is known, and of 45 bits it is nothing.
    assert told == pytest.approx((central.value, central.standard_error, central.effective), **SAME)


def test_logs_of_many_devices():
    """From 1 to 40 decisions each, some with weights that are cut, in any order."""
    rng = np.random.default_rng(7)
    logged, target, quality = np.array([0.6, 0.36, 0.04]), np.array([0.1, 0.4, 0.5]), np.array([0.1, 0.2, 0.4])
    device = rng.permutation(np.repeat(np.arange(300), rng.integers(1, 41, 300)))
    shown = rng.choice(3, p=logged, size=len(device))
    reward = (rng.random(len(device)) < quality[shown]).astype(float)
    w = np.minimum((target / logged)[shown], MAX_IMPORTANCE_WEIGHT)
    assert (w == MAX_IMPORTANCE_WEIGHT).any()
    sent = [evaluation_vector(EvaluationLayout(), w[device == n], reward[device == n]) for n in range(300)]
    central = by_device(reward, logged[shown], target[shown], [f"device {n}" for n in device])
    assert_same(sent, central, 300)
    assert central.low < central.value < central.high


def test_real_devices(tmp_path):
    """The sum of what five apps send about a candidate, against their decisions laid side by side."""
    catalog = sample_catalog()
    bundle = sample_bundle(tmp_path / "bundle", catalog)
    policy = keyart.Policy(exploration=0.3, stickiness=OFF, diversity=0.0)
    sent, rows = [], []
    for n in range(5):
        rng = np.random.default_rng(n)
        dial = Dial()
        with keyart.Personalizer.open(
            "memory", catalog=catalog, keys=keyart.EphemeralKey(), bundle=bundle, policy=policy, engine="numpy",
            clock=Clock(), rng=dial,
        ) as art:  # fmt: skip
            art.consent.grant("personalization")
            shown = []
            for k in range(4 + n):
                dial.number = float(rng.random())
                decision = art.choose(f"t{k % 3}", replace(TV, at=EVENING + timedelta(minutes=k)))
                played = keyart.Outcome.played(4000) if rng.random() < 0.5 else keyart.Outcome.skipped()
                art.observe(decision.id, played)
                shown.append(decision)
            chooser = art._session.chooser
            source = VectorSource(art._session.custody.profile, chooser.installed, catalog, b"secret", policy)
            own = np.concatenate([chooser.installed.weights.flat(), chooser.installed.appeal.ravel()])
            payload = own + np.random.default_rng(9).normal(0, 0.3, len(own))
            asked = offer(art, EvaluationLayout(), kind="evaluation", payload=payload.astype("<f4").tobytes())
            sent.append(kinds.find_kind(asked).vector(asked, source))
            model = candidate_model(source.installed, payload.astype("<f4").astype(float))
            w, r = replay_weights(model, policy, source.profile, catalog, 0.0, 100)
            assert len(w) == len(shown)
            rows += [
                (f"app {n}", reward, one.propensity, weight * one.propensity)
                for one, reward, weight in zip(shown, r, w, strict=True)
            ]
    device, reward, propensity, target = zip(*rows, strict=True)
    assert_same(sent, by_device(reward, propensity, target, device), 5)


def test_each_device_counts_alike():
    told = by_device([1, 0, 0, 0], [0.5] * 4, [0.5] * 4, ["a", "b", "b", "b"])
    assert told.value == pytest.approx(0.5)


def test_hardly_shown_is_refused_in_the_same_words():
    reward, logged, target = np.ones(300), np.full(300, 0.5), np.full(300, 0.05)
    device = np.repeat(np.arange(100), 3)
    with pytest.raises(FederatedError, match=r"mean weight is 0\.10 where 1") as central:
        by_device(reward, logged, target, device)
    sent = 100 * evaluation_vector(EvaluationLayout(), np.full(3, 0.1), np.ones(3))
    with pytest.raises(FederatedError) as federated:
        estimate(np.rint(sent * UNITS).astype(np.int64), UNITS, 100, 0.0)
    assert str(central.value) == str(federated.value)


def test_one_device_tells_nothing_of_others():
    with pytest.raises(InputError, match="one device"):
        by_device([1, 0], [0.5, 0.5], [0.5, 0.5], ["a", "a"])
