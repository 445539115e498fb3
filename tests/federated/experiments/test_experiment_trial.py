"""Experiments on Worlds: arms by the devices' own draw, outcomes by noised sums, the same twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from support.worlds import HandWorld, StyleWorld

import keyart
from keyart.bundle.loading import load_model
from keyart.campaigns.kinds.engagement import Engagement
from keyart.errors import SettingError
from keyart_federated.experiments import analyse, verdicts
from keyart_federated.export import write_bundle
from keyart_federated.learning.model import GlobalModel
from keyart_federated.simulation.arm_simulation import Arm, live
from keyart_federated.simulation.experiment_trial import TrialPlan, run
from keyart_federated.worlds import SyntheticWorld

PLAN = TrialPlan(
    "matching", past=8, steps=16, looks=2, metrics=("quality_plays", "take_rate", "abandonment"), epsilon=50.0
)
POLICY = keyart.Policy()


def arm(name: str, world, tmp_path, sign: float = 1.0, policy: keyart.Policy = POLICY) -> Arm:
    """The zero-shot model, or one that shows viewers what they do not like."""
    from keyart.model.features import EncodedCatalog, FeatureSpec

    start = GlobalModel.zero_shot(EncodedCatalog.build(world.catalog, FeatureSpec.from_catalog(world.catalog)))
    folder = tmp_path / f"{name} {sign}"
    write_bundle(
        folder, replace(start, theta=sign * start.theta), world.catalog, data="x", training={"round": 0, "devices": 0}
    )
    return Arm(name, load_model(folder, world.catalog, "numpy"), policy)


@pytest.mark.slow
def test_a_much_better_model_is_found(tmp_path):
    world = HandWorld(devices=200)
    arms = [arm("control", world, tmp_path, -1.0), arm("treatment", world, tmp_path)]
    results = run(world, arms, PLAN, seed=1)
    (verdict,) = verdicts(results.experiment, analyse(results.experiment, results.looks))
    assert verdict.word == "better" and verdict.arm == "treatment"
    assert results == run(world, arms, PLAN, seed=1)
    assert "HandWorld, simulated: 200 devices, 50 of them in a pilot" in results.note
    again = run(world, [arms[0], replace(arms[0], name="same")], PLAN, seed=1)
    (same,) = verdicts(again.experiment, analyse(again.experiment, again.looks))
    assert same.word in ("not yet", "no difference")


def test_a_policy_is_an_arm_as_well(tmp_path):
    world = HandWorld(devices=200)
    wild = keyart.Policy(exploration=1.0)
    arms = [arm("control", world, tmp_path), arm("wild", world, tmp_path, policy=wild)]
    results = run(world, arms, PLAN, seed=2)
    found = analyse(results.experiment, results.looks)
    assert found.courses["quality_plays"][0].now[0] < 0


def test_lives_are_those_of_single_devices(tmp_path):
    """What an arm's devices are measured by is what a Personalizer's own journal says, decision by decision."""
    world = SyntheticWorld(viewers=4, titles=8, artworks=4, impressions=20, seed=4)
    one = arm("control", world, tmp_path)
    lived, starts = live(world, [one, one], np.array([0, 1, 0, 1]), 8, 12, 3, lambda done, of: None)
    with keyart.Personalizer.open(
        "p", catalog=world.catalog, keys=keyart.EphemeralKey(), bundle=tmp_path / "control 1.0", engine="numpy",
        policy=keyart.Policy(stickiness=timedelta(0)), rng=np.random.default_rng([3, 2]),
    ) as art:  # fmt: skip
        art.consent.grant("personalization")
        art.record_many(world.history(2))
        for k in range(20):
            title, context = world.impression(2, k)
            decision = art.choose(title, context)
            art.observe(decision.id, world.outcome(2, k, decision.artwork_id))
        chooser, custody = art._session.chooser, art._session.custody
        alone = Engagement.of(custody.profile, chooser.catalog, chooser.installed.encoded)
    batch = lived[2]
    assert starts[2] == world.impression(2, 8)[1].at.timestamp()
    order = np.argsort(batch.at, kind="stable")
    for name in ("at", "played", "quality", "seconds"):
        if name == "seconds":  # of what was not played nobody asks
            np.testing.assert_allclose((batch.seconds * batch.played)[order], alone.seconds * alone.played)
        else:
            np.testing.assert_allclose(getattr(batch, name)[order], getattr(alone, name))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"past": 1}, "before the start"),
        ({"epsilon": 0.5}, "a pilot and a look take"),
        ({"epsilon": 4.5}, "Look less often"),
        ({"group": "religion", "groups": ("a",)}, "not told apart"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_simulated(tmp_path, change, said):
    class Untouched(HandWorld):
        def outcome(self, i, k, artwork_id):
            raise AssertionError("simulated")

    world = Untouched(devices=300)
    arms = [arm("control", world, tmp_path), arm("treatment", world, tmp_path)]
    with pytest.raises(SettingError, match=said):
        run(world, arms, replace(PLAN, **change))


def test_arms_of_different_features_are_refused(tmp_path):
    world, other = HandWorld(devices=300), StyleWorld(devices=300)
    arms = [arm("control", world, tmp_path), arm("treatment", other, tmp_path, -1.0)]
    with pytest.raises(SettingError, match="same feature spec"):
        run(world, arms, PLAN)
    with pytest.raises(SettingError, match="two arms"):
        run(world, arms[:1], PLAN)
