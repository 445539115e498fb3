"""One decision path: a device in a batch of a simulation, and a Personalizer alone with the same bundle, are one.

On the numpy engine they are so to the last bit: the same probabilities, the same head, the same artwork bias. Their
training vectors, which are sums in float64, agree to the rounding of those.
"""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from support.campaigns import offer
from support.worlds import HandWorld, RuledWorld, tiny_catalog

import keyart
from keyart.campaigns.kinds import find_kind
from keyart.campaigns.kinds.population import PopulationLayout, population_vectors
from keyart.campaigns.kinds.training import TrainingLayout, training_vectors
from keyart.campaigns.vectors import VectorSource
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.head import HeadPrior
from keyart_federated.export import write_bundle
from keyart_federated.learning.model import GlobalModel
from keyart_federated.simulation import devices as devices_module
from keyart_federated.simulation.devices import NOTHING_SHOWN, Devices
from keyart_federated.worlds import SyntheticWorld

SEED, FIRST, SECOND = 11, 16, 8  # impressions before and after a new bundle
WORLDS = {
    "synthetic": lambda: SyntheticWorld(viewers=4, titles=12, artworks=5, impressions=FIRST + SECOND, seed=2),
    "by hand": lambda: HandWorld(devices=4),
    "no history": lambda: HandWorld(tiny_catalog(9), devices=3, views=0),
    "all rules": lambda: RuledWorld(devices=5),
    "wishes alone": lambda: RuledWorld(devices=2, wishes=1.0),
}


def models(world) -> list[GlobalModel]:
    spec = FeatureSpec.from_catalog(world.catalog)
    start, rng = GlobalModel.zero_shot(EncodedCatalog.build(world.catalog, spec)), np.random.default_rng(3)
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


def batch_of(world, policy: keyart.Policy, members: np.ndarray | None = None) -> Devices:
    return Devices(
        world,
        np.arange(world.devices) if members is None else members,
        FeatureSpec.from_catalog(world.catalog),
        FIRST + SECOND,
        seed=SEED,
        policy=policy,
        reward=keyart.Reward(),
        head=HeadPrior(),
    )


@pytest.mark.parametrize("exploration", [0.01, 0.6])
@pytest.mark.parametrize("name", WORLDS)
def test_batch_and_device_alone(tmp_path, name, exploration):
    world = WORLDS[name]()
    policy = keyart.Policy(exploration=exploration, stickiness=timedelta(0))
    batch = batch_of(world, policy)
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
            _same_minds(batch, arts)
        expected, places = batch._probabilities(batch._moment(k))
        shown = batch.step(k)
        for i, art in enumerate(arts):
            title, context = world.impression(i, k)
            preview = art.preview(title, context)
            at = [pictures[place] for place in places[i]]
            assert {name: p for name, p in zip(at, expected[i], strict=True) if p} == {
                name: p for name, p in preview.items() if p
            }, (i, k)
            decision = art.choose(title, context)
            if decision.artwork_id is None:  # the age limit allows none
                assert shown[i] == NOTHING_SHOWN and not any(preview.values()), (i, k)
                assert not batch.journal.propensity[i, k] and not batch.journal.counted[i, k]
                assert not art.observe(decision.id, keyart.Outcome.played(3000))
                continue
            assert decision.artwork_id == pictures[shown[i]], (i, k)
            assert decision.propensity == batch.journal.propensity[i, k] == preview[decision.artwork_id]
            art.observe(decision.id, world.outcome(i, k, decision.artwork_id))
    _same_minds(batch, arts)
    _same_vectors(batch, arts)
    for art in arts:
        art.close()


def _same_minds(batch: Devices, arts: list[keyart.Personalizer]) -> None:
    """What was learned on each device, bit by bit."""
    for i, art in enumerate(arts):
        learner = art._session.custody.profile.learner
        np.testing.assert_array_equal(learner.head.mean, batch.head.mean[i])
        np.testing.assert_array_equal(learner.head.covariance, batch.head.covariance[i])
        np.testing.assert_array_equal(learner.own.added, batch.own[i])


def _same_vectors(batch: Devices, arts: list[keyart.Personalizer]) -> None:
    """The vectors of protocol 2: what a device answers to an offer, and what a simulation makes of its log."""
    spec, artworks = batch.encoded.spec, len(batch.encoded.artwork)
    ((_, log, shown),) = batch.logs()
    training = TrainingLayout(spec, artworks, "none" if log.latents is None else "artworks")
    population = PopulationLayout(spec, len(batch.world.catalog))
    scale = np.random.default_rng(1).uniform(0.5, 2, training.scaled).astype("<f4")
    asked = offer(arts[0], payload=scale.tobytes(), size=training.size)
    numbers = (asked.numbers, asked.clip, float(asked.most_decisions))
    of_batch = {
        "training": training_vectors(training, batch.weights, log, shown, *numbers).whole(),
        "population": population_vectors(
            population, log, batch.encoded.title_of[shown], batch.viewer.affinity, batch.known
        ),
    }
    for i, art in enumerate(arts):
        chooser = art._session.chooser
        source = VectorSource(
            art._session.custody.profile, chooser.installed, chooser.catalog, b"secret", chooser.policy
        )
        asked_population = offer(art, population, kind="statistics", topic="population")
        for one, tolerance in ((asked, 1e-12), (asked_population, 1e-6)):
            kind = find_kind(one)
            assert kind is not None
            mine, theirs = kind.vector(one, source), of_batch[one.topic or one.kind][i]
            np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance * np.abs(theirs).max())
    assert of_batch["training"][:, : len(scale)].any() == batch.journal.counted.any()


def ineligible(world, batch: Devices) -> Counter[str]:
    """Names of what was shown and may not be, and "nothing" where it was and need not be, worked out by hand from the
    catalogue."""
    pictures = [artwork for title in world.catalog for artwork in title.artworks]
    found: Counter[str] = Counter()
    for i, row in enumerate(batch.journal.artwork[:, : batch.journal.steps].tolist()):
        watched = {view.title_id for view in world.history(i)}
        for k, place in enumerate(row):
            title_id, context = world.impression(i, k)
            left = list(world.catalog[title_id].artworks)
            limit = int(context.max_maturity.strip("+") or 99) if context.max_maturity != "all" else 0
            left = [artwork for artwork in left if int(artwork.maturity.strip("+") or 0) <= limit]
            if not batch.journal.propensity[i, k]:
                found["nothing"] += bool(left)
                continue
            for may in (
                lambda a, known=title_id in watched: known or not a.spoiler,
                lambda a, own=set(world.catalog[title_id].tags): bool(own & a.tags.keys()),
            ):
                left = [artwork for artwork in left if may(artwork)] or left
            if pictures[place] not in left:
                found[pictures[place].id.partition("/")[2]] += 1
    return found


def test_a_simulation_shows_nothing_ineligible(monkeypatch):
    """Over 9,600 impressions at full exploration; and the count would tell, were the rules left out.

    Where nothing may be shown, the world is not asked what came of it.
    """
    world, policy = RuledWorld(devices=400), keyart.Policy(exploration=1.0, stickiness=timedelta(0))
    world.impression = functools.cache(world.impression)  # it is asked for five times as often as there are any
    outcome, world.asked = world.outcome, 0

    def counted(i: int, k: int, artwork_id: str) -> keyart.Outcome:
        world.asked += 1
        return outcome(i, k, artwork_id)

    world.outcome = counted

    def shown() -> Devices:
        batch = batch_of(world, policy)
        batch.install(models(world)[0])
        for k in range(FIRST + SECOND):
            batch.step(k)
        return batch

    batch = shown()
    assert not +ineligible(world, batch)
    nothing = batch.journal.propensity == 0
    assert 50 < nothing.sum() < nothing.size / 10
    assert not batch.journal.played[nothing].any() and not batch.journal.counted[nothing].any()
    assert world.asked == nothing.size - nothing.sum()
    monkeypatch.setattr(devices_module, "eligible", lambda encoded, policy, artworks, *, exists, **rules: exists)
    lawless = ineligible(world, shown())
    assert {"spoiler", "adult", "teen", "misleading", "all"} == set(lawless) and min(lawless.values()) > 50


def test_a_part_of_the_devices_is_the_whole_in_parts():
    """A device's choices and sums do not depend on whom it is batched with."""
    world = HandWorld(devices=7)
    model = models(world)[0]

    def run(members: list[int]) -> Devices:
        part = batch_of(world, keyart.Policy(), np.array(members))
        part.install(model)
        for k in range(20):
            part.step(k)
        return part

    def vectors(part: Devices) -> np.ndarray:
        layout = TrainingLayout(part.encoded.spec, len(part.encoded.artwork))
        scale = np.ones(layout.size - layout.sizes["side"])
        ((_, log, shown),) = part.logs()
        return training_vectors(layout, part.weights, log, shown, scale, 2.0, 100.0).whole()

    whole, odd, even = run(list(range(7))), run([1, 3, 5]), run([0, 2, 4, 6])
    for rows, part in ((slice(1, None, 2), odd), (slice(None, None, 2), even)):
        np.testing.assert_array_equal(whole.journal.artwork[rows], part.journal.artwork)
        np.testing.assert_array_equal(whole.journal.propensity[rows], part.journal.propensity)
        np.testing.assert_array_equal(whole.head.covariance[rows], part.head.covariance)
        np.testing.assert_allclose(vectors(whole)[rows], vectors(part), rtol=1e-12, atol=1e-14)
    again = run([0, 2, 4, 6])
    again.restore(even.state())
    again.install(model)
    even.install(model)
    np.testing.assert_array_equal(vectors(again), vectors(even))
