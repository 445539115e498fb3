"""A co-watch campaign: directions that get better round by round, and a candidate with title latents."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from support.campaign_readers import START, campaign, epsilon, first_base, read, released, summed

from keyart import Artwork, Catalog, Title
from keyart.bundle import Manifest, verify
from keyart.campaigns.kinds.cowatch import CowatchLayout, cowatch_vectors
from keyart.errors import FederatedError
from keyart.model.latents import LATENTS
from keyart_federated.campaigns import (
    DeployedModel,
    Finished,
    RoundRequest,
    ask,
    compares,
    plan,
    planned_epsilon,
    request_guard,
    rollout_plan_of,
)
from keyart_federated.campaigns.bundle_model import installed, model_of
from keyart_federated.campaigns.state_codec import unpack

TITLES, DEVICES, ROUNDS = 40, 3000, 3
SETTINGS = {"topic": "co-watch", "wanted": DEVICES, "minimum_devices": 2500, "hours": 0}
GROUP = np.arange(TITLES) % 2  # which half of the people like a title; no tag tells


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> DeployedModel:
    rng, genres = np.random.default_rng(2), ("drama", "comedy", "news")
    titles = [
        Title(
            f"t{n}",
            tags={f"genre:{genres[rng.integers(3)]}": 1.0},
            artworks=[Artwork(f"t{n}/{a}", tags={f"genre:{genres[a]}": 1.0}) for a in range(2)],
        )
        for n in range(TITLES)
    ]
    return first_base(tmp_path_factory.mktemp("base"), Catalog.from_titles(titles))


@pytest.fixture(scope="module")
def views() -> np.ndarray:
    """[DEVICES, TITLES]: each watches mostly what its half likes."""
    rng = np.random.default_rng(3)
    likes = np.where(rng.integers(2, size=DEVICES)[:, None] == GROUP, 0.25, 0.05)
    return (rng.random((DEVICES, TITLES)) < likes).astype(float)


def run(base: DeployedModel, views: np.ndarray, budget: float, rounds: int = ROUNDS):
    """Each round's request, its result, and the state before it."""
    one, state, done = campaign("statistics", SETTINGS, epsilon=budget, rounds=rounds), None, []
    for number in range(1, rounds + 1):
        asked = ask(one, state, number, 0, base, START)
        assert isinstance(asked, RoundRequest)
        directions = asked.offer.numbers.reshape(TITLES, -1)
        vectors = cowatch_vectors(CowatchLayout(*directions.shape), views, directions, asked.offer.clip)
        found = read(one, state, asked, summed(asked.offer, vectors, number), len(views), base)
        done.append((asked, found, state))
        state = bytes(found.state)
    assert ask(one, state, rounds + 1, 0, base, START) == Finished({"rounds": rounds})
    return one, done


def halves_apart(latents: np.ndarray) -> float:
    """How well the leading latent tells the two groups of titles apart: 0 by chance, 1 wholly."""
    return abs(float(np.corrcoef(latents[:, 0], GROUP)[0, 1]))


def latents_of(base: DeployedModel, files: dict[str, bytes], folder) -> np.ndarray:
    return model_of(installed(released(base, files, folder).bundle, base.catalog)).title_latents


@pytest.mark.parametrize(("budget", "reached"), [(8.0, 0.75), (1000.0, 0.9)])
def test_the_latents_show_what_no_tag_tells(base, views, tmp_path, budget, reached):
    _, done = run(base, views, budget)
    assert [found.candidate is not None for _, found, _ in done] == [False, False, True]
    latents = latents_of(base, done[-1][1].candidate, tmp_path)
    assert latents.shape == (TITLES, LATENTS) and halves_apart(latents) > reached


def test_the_directions_are_no_longer_than_1(base, views):
    _, done = run(base, views, 1000.0)
    for asked, found, _ in done:
        offer = asked.offer
        assert (offer.kind, offer.topic) == ("statistics", "together")
        directions = offer.numbers.reshape(TITLES, -1)
        assert np.linalg.norm(directions, 2) == pytest.approx(1.0, abs=1e-5) and offer.clip == 1.0
        assert found.result["used"] and found.result["signal_to_noise"] > 2
        assert found.result["history"] == pytest.approx((views.any(axis=1)).mean(), abs=0.02)
        text = json.dumps(found.result, allow_nan=False)
        assert not any(f'"{title.id}"' in text for title in base.catalog)


def test_the_candidate_is_a_bundle_that_every_device_would_take(base, views, tmp_path):
    """Its weights are those of before, and its artwork latents wait for a training campaign."""
    one, done = run(base, views, 8.0)
    after = released(base, done[-1][1].candidate, tmp_path)
    manifest = verify(
        after.bundle, run=installed(after.bundle, base.catalog).ranker.run, installed=Manifest.read(base.bundle)
    )
    assert (manifest.model_version, manifest.parent) == (2, 1) == (done[-1][1].result["version"], base.version)
    assert manifest.privacy == {"epsilon": 8.0, "delta": 1e-6}
    old, new = (model_of(installed(which.bundle, base.catalog)) for which in (base, after))
    np.testing.assert_array_equal(new.theta, old.theta)
    assert not new.artwork_latents.any()
    assert not compares(one) and rollout_plan_of(one).stages[0] < 1


def test_the_rounds_and_the_guard_of_the_candidate_cost_epsilon_in_all(base, views):
    one, done = run(base, views, 8.0)
    costs = plan(one, base)
    assert [asked.event for asked, *_ in done] == [costs["together"].event] * ROUNDS
    guards = [request_guard(version, base, one, 9, START, START).event for version in (1, 2)] * 4
    assert costs["guard"].per_device == len(guards)
    spent = epsilon([*(asked.event for asked, *_ in done), *guards])
    assert 0.999 * 8.0 < spent <= 8.0 and planned_epsilon(costs) == pytest.approx(spent)


def test_noise_alone_makes_no_model_that_breaks(base):
    _, done = run(base, np.zeros((DEVICES, TITLES)), 1.0)
    for _, found, _ in done:
        json.dumps(found.result, allow_nan=False)
        assert found.candidate is None
    assert all(found.result["signal_to_noise"] < 1.5 for _, found, _ in done[:-1])
    assert not done[-1][1].result["used"] and "no titles that are watched together" in done[-1][1].result["reason"]


@pytest.mark.parametrize("how", ["long", "entry", "short"])
def test_a_hostile_sum_is_refused_and_the_directions_stay(base, views, how):
    one, done = run(base, views, 8.0)
    asked, _, state = done[1]
    bad = np.full(asked.offer.size, 2**40 if how == "long" else 0)
    bad[3] = -(2**63) if how == "entry" else bad[3]
    found = read(one, state, asked, bad[:-1] if how == "short" else bad, DEVICES, base)
    assert found.result["used"] is False and found.result["reason"] and found.candidate is None
    assert unpack(found.state)[1] == unpack(state)[1]
    after = ask(one, found.state, 3, 0, base, START)
    assert isinstance(after, RoundRequest) and after.offer.payload == asked.offer.payload


def test_a_lost_last_round_is_not_asked_again(base, views):
    one, done = run(base, views, 8.0)
    _, _, state = done[2]
    assert isinstance(ask(one, state, 4, 1, base, START), Finished)


def test_a_changed_catalogue_begins_with_directions_of_its_own(base, views):
    one, done = run(base, views, 8.0)
    asked, _, state = done[1]
    grown = Catalog.from_titles([*base.catalog, Title("new", artworks=[Artwork("new/a")])])
    later = replace(base, catalog=grown)
    lost = read(one, state, asked, np.zeros(asked.offer.size, dtype=np.int64), DEVICES, later)
    assert lost.result["used"] is False and "catalogue" in lost.result["reason"]
    again = ask(one, lost.state, 3, 0, later, START)
    assert isinstance(again, RoundRequest) and len(again.offer.numbers) % (TITLES + 1) == 0


def test_a_state_that_is_cut_short_is_an_error(base, views):
    one, done = run(base, views, 8.0)
    with pytest.raises(FederatedError, match="cannot be read"):
        ask(one, done[1][2][:30], 2, 0, base, START)
    with pytest.raises(FederatedError, match="cannot be read"):
        ask(one, done[1][2][:-8], 2, 0, base, START)
