"""Age limits in a simulation: nothing above one is shown, and an impression that shows nothing counts nowhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.worlds import HandWorld

import keyart
from keyart.catalog import rating_of
from keyart.model import EncodedCatalog, FeatureSpec, HeadPrior, LoadedModel
from keyart_federated import simulate
from keyart_federated.metrics import WorldTruth, rewards
from keyart_federated.simulation import fairness
from keyart_federated.simulation.arm_simulation import Arm, live
from keyart_federated.simulation.devices import NOTHING_SHOWN, Devices

RATINGS = ("", "all", "6+", "FSK 12", "TV-Y7", "TV-G", "PG-13", "BBFC PG", "18+")


def within(rating: str, limit: str) -> bool:
    of, most = rating_of(rating), rating_of(limit)
    if of is None or most is None:
        return True
    return of.rank <= most.rank if of.system == most.system else of.age <= most.age


class LimitedWorld(HandWorld):
    """A world that fails when it is asked for the outcome of an artwork above the context's limit."""

    limits: tuple[str, ...] = ("all", "6+", "", "18+")

    def impression(self, i: int, k: int) -> tuple[str, keyart.Context]:
        title, context = super().impression(i, k)
        return title, replace(context, max_maturity=self.limits[(i + 3 * k) % len(self.limits)])

    def outcome(self, i: int, k: int, artwork_id: str) -> keyart.Outcome:
        title, context = self.impression(i, k)
        (artwork,) = [a for a in self.catalog[title].artworks if a.id == artwork_id]
        assert within(artwork.maturity, context.max_maturity)
        return super().outcome(i, k, artwork_id)


def rated(titles: list[list[str]]) -> keyart.Catalog:
    """Titles with artworks of these ratings."""
    return keyart.Catalog.from_titles(
        keyart.Title(
            f"t{t}",
            duration=3000,
            tags={f"genre:{'ab'[t % 2]}": 1.0},
            artworks=[
                keyart.Artwork(f"t{t}/{a}", {f"genre:{'ab'[a % 2]}": 1.0, "faces": 0.1 * a}, maturity=rating)
                for a, rating in enumerate(ratings)
            ],
        )
        for t, ratings in enumerate(titles)
    )


CATALOG = rated([["6+", "18+", ""], ["16+", "18+"], ["PG-13"], ["all", "FSK 16"]])


def devices_of(world: HandWorld, impressions: int) -> Devices:
    spec = FeatureSpec.from_catalog(world.catalog)
    policy = keyart.Policy(exploration=1.0, stickiness=timedelta(0))
    devices = Devices(
        world, np.arange(world.devices), spec, impressions, policy=policy, reward=keyart.Reward(), head=HeadPrior()
    )
    devices.install(LoadedModel.nothing(world.catalog))
    return devices


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(st.sampled_from(RATINGS), min_size=1, max_size=4), min_size=1, max_size=4),
    st.lists(st.sampled_from(RATINGS), min_size=1, max_size=4),
)
def test_nothing_above_a_limit_is_ever_shown(titles, limits):
    world = LimitedWorld(rated(titles), devices=6)
    world.limits = tuple(limits)
    devices = devices_of(world, 6)
    artworks = [artwork for title in world.catalog for artwork in title.artworks]
    for k in range(6):
        for i, place in enumerate(devices.step(k).tolist()):
            title, context = world.impression(i, k)
            may = [within(artwork.maturity, context.max_maturity) for artwork in world.catalog[title].artworks]
            assert (place != NOTHING_SHOWN) == any(may)
            assert place == NOTHING_SHOWN or within(artworks[place].maturity, context.max_maturity)
    assert devices.decisions == (devices.journal.propensity > 0).sum()


@pytest.mark.parametrize("learner", ["federated", "central", "none"])
def test_a_whole_simulation(learner, tmp_path):
    """The world fails at an artwork above a limit; every figure of the report is a number."""
    world = LimitedWorld(CATALOG, devices=12)
    report = simulate(world, 4, 2, learner=learner, workers=1, out=tmp_path / "bundle")
    assert report.propensities_p > 0.001 and -1 <= report.capture <= 1
    assert 0 < report.policy_value <= report.oracle_value < 1
    assert np.isfinite([report.exposure_gini, report.coverage, report.clickbait_rate]).all()


def test_a_catalogue_of_which_nothing_may_be_shown(tmp_path):
    world = LimitedWorld(rated([["18+"], ["16+", "18+"]]), devices=6)
    world.limits = ("6+",)
    report = simulate(world, 2, 2, workers=1, out=tmp_path / "bundle")
    assert report.policy_value == report.oracle_value == report.capture == report.coverage == 0.0
    assert report.propensities_ok


def test_what_shows_nothing_has_no_reward_and_no_exposure():
    """Nor do its references, so that a policy neither gains nor loses by it."""
    reward = np.array([[[0.1, 0.3], [0.2, np.nan]]], dtype=np.float32)
    truth = WorldTruth(reward, np.array([[0, 1]], dtype=np.int32), np.array([1, 0]), np.array([0, 2, 3]))
    shown = np.array([[NOTHING_SHOWN, 2]], dtype=np.int32)
    of = rewards(truth, shown)
    for values in (of.policy, of.random, of.best_fixed, of.oracle):
        np.testing.assert_allclose(values, [[0.0, 0.2]], atol=1e-6)
    tags = np.eye(3, dtype=np.float32)
    fair = fairness.measure(truth, of, shown, np.zeros((1, 2)), np.zeros((1, 2)), tags)
    assert fair.coverage == pytest.approx(1 / 3) and fair.tag_entropy_first_quarter.value == 0.0


def test_the_engagement_of_an_arm_leaves_it_out():
    world = LimitedWorld(CATALOG, devices=4)
    encoded = EncodedCatalog.build(world.catalog, FeatureSpec.from_catalog(world.catalog))
    arm = Arm("control", replace(LoadedModel.nothing(world.catalog), encoded=encoded), keyart.Policy())
    lived, _ = live(world, [arm], np.zeros(4, dtype=np.intp), 4, 8, 1, lambda done, of: None)
    for i, engagement in enumerate(lived):
        made = 0
        for k in range(12):
            title, context = world.impression(i, k)
            made += any(within(a.maturity, context.max_maturity) for a in world.catalog[title].artworks)
        assert len(engagement.at) == len(engagement.device) == len(engagement.unlike) == made < 12
