"""One decision path: a device in a batch of a simulation, and a Personalizer alone with the same bundle, are one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from world_samples import HandWorld, tiny_catalog

import keyart
from keyart.campaigns import training
from keyart.campaigns.kinds.gradient import FRACTION_BITS
from keyart.campaigns.vector_layout import TrainingLayout
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.head import HeadPrior
from keyart_federated.export import write_bundle
from keyart_federated.learning.model import Model
from keyart_federated.simulation.devices import Devices
from keyart_federated.worlds import SyntheticWorld

SEED, FIRST, SECOND = 11, 16, 8  # impressions before and after a new bundle
WORLDS = {
    "synthetic": lambda: SyntheticWorld(viewers=4, titles=12, artworks=5, impressions=FIRST + SECOND, seed=2),
    "by hand": lambda: HandWorld(devices=4),
    "no history": lambda: HandWorld(tiny_catalog(9), devices=3, views=0),
}
PROPENSITY_TOLERANCE = 2e-4  # relative; float32 scores in another order, times the policy's γ


def models(world) -> list[Model]:
    spec = FeatureSpec.from_catalog(world.catalog)
    start, rng = Model.zero_shot(EncodedCatalog.build(world.catalog, spec)), np.random.default_rng(3)
    of_titles = rng.normal(0, 8, start.title_latents.shape)
    # Four decimals and six, as vocabulary.json holds them.
    return [
        replace(
            start,
            theta=start.theta + rng.normal(0, 0.1, len(start.theta)),
            population_taste=(start.population_taste + rng.normal(0, 0.02, spec.viewer_size)).round(6),
            appeal=rng.normal(0, 0.2, start.appeal.shape).round(4),
            title_latents=of_titles,
            artwork_latents=rng.normal(0, 0.1, start.artwork_latents.shape),
            version=version,
        )
        for version in (1, 2)
    ]


@pytest.mark.parametrize("exploration", [0.01, 0.6])
@pytest.mark.parametrize("name", WORLDS)
def test_batch_and_device_alone(tmp_path, name, exploration):
    world = WORLDS[name]()
    policy = keyart.Policy(exploration=exploration, stickiness=timedelta(0))
    batch = Devices(
        world,
        np.arange(world.devices),
        FeatureSpec.from_catalog(world.catalog),
        FIRST + SECOND,
        seed=SEED,
        policy=policy,
        reward=keyart.Reward(),
        head=HeadPrior(),
    )
    bundles = [
        write_bundle(
            tmp_path / f"b{m.version}", m, world.catalog, data="Made up.", training={"round": 1, "devices": 4}
        )
        for m in models(world)
    ]
    arts = [
        keyart.Personalizer.open(
            f"device-{i}",
            catalog=world.catalog,
            keys=keyart.EphemeralKey(),
            bundle=bundles[0],
            engine="numpy",
            policy=policy,
            rng=np.random.default_rng([SEED, i]),
        )
        for i in range(world.devices)
    ]
    for i, art in enumerate(arts):
        art.consent.grant("personalization")
        art.record_many(world.history(i))
    batch.install(models(world)[0])
    pictures = [artwork.id for title in world.catalog for artwork in title.artworks]
    for k in range(FIRST + SECOND):
        if k == FIRST:
            batch.install(models(world)[1])
            assert [art.install(bundles[1]) for art in arts] == [2] * len(arts)
        shown = batch.step(k)
        for i, art in enumerate(arts):
            title, context = world.impression(i, k)
            decision = art.choose(title, context)
            assert decision.artwork_id == pictures[shown[i]], (i, k)
            logged = float(batch.journal.propensity[i, k])
            assert decision.propensity == pytest.approx(logged, rel=PROPENSITY_TOLERANCE, abs=1e-6)
            art.observe(decision.id, world.outcome(i, k, decision.artwork_id))
    for i, art in enumerate(arts):
        np.testing.assert_allclose(art._session.custody.profile.learner.head.mean, batch.head.mean[i], atol=2e-5)
    _same_vectors(batch, arts)
    for art in arts:
        art.close()


def _same_vectors(batch: Devices, arts: list[keyart.Personalizer]) -> None:
    total = np.zeros(batch.layout.size, dtype=np.int64)
    for art in arts:
        session = art._session
        total += training.vector(session.custody.profile, session.chooser.installed)
    layout = TrainingLayout(batch.encoded.spec, len(batch.encoded.artwork))
    together = batch.train()
    for part, place in layout.places.items():
        ours, theirs = (x[place] / (1 << FRACTION_BITS) for x in (total, together))
        np.testing.assert_allclose(ours, theirs, atol=1e-3, rtol=1e-4, err_msg=part)
    np.testing.assert_array_equal(total[layout.places["outcomes"]], together[layout.places["outcomes"]])
    assert together.any()


def test_a_part_of_the_devices_is_the_whole_in_parts():
    """A device's choices and sums do not depend on whom it is batched with."""
    world = HandWorld(devices=7)
    spec, model = FeatureSpec.from_catalog(world.catalog), models(world)[0]

    def run(members: list[int]) -> Devices:
        part = Devices(
            world,
            np.array(members),
            spec,
            20,
            seed=1,
            policy=keyart.Policy(),
            reward=keyart.Reward(),
            head=HeadPrior(),
        )
        part.install(model)
        for k in range(20):
            part.step(k)
        return part

    whole, odd, even = run(list(range(7))), run([1, 3, 5]), run([0, 2, 4, 6])
    np.testing.assert_array_equal(whole.journal.artwork[1::2], odd.journal.artwork)
    np.testing.assert_array_equal(whole.journal.artwork[::2], even.journal.artwork)
    np.testing.assert_allclose(whole.train(), odd.train() + even.train(), atol=64)
    some = np.array([True, False] * 3 + [True])
    np.testing.assert_allclose(whole.train(some), even.train(), atol=64)
    again = run([0, 2, 4, 6])
    again.restore(even.state())
    again.install(model)
    even.install(model)
    np.testing.assert_allclose(again.train(), even.train(), atol=64)
