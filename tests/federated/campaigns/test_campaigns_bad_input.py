"""Sums and states that are not a campaign's own, or no longer fit: a clear error, and what it knew stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.campaign_readers import DAY, START, campaign, read

from keyart import Artwork, Catalog, Title
from keyart.campaigns.kinds import KINDS
from keyart.errors import FederatedError, RoundFailed
from keyart.model.features import FeatureSpec
from keyart_federated.campaigns import (
    DeployedModel,
    PrivateSum,
    RoundRequest,
    ask,
    plan,
    planned_epsilon,
    read_comparison,
    request_comparison,
    request_guard,
)
from keyart_federated.campaigns.state_codec import pack, unpack

SMALL = {"wanted": 60, "minimum_devices": 50}
TRIAL = {"name": "buttons", "devices": 2000, "looks": 2, "start": int(START.timestamp()) - 9 * 86_400}
# Kind of the campaign, its settings, and how many of its rounds were lost before this one.
ROUNDS = {
    "population first": ("training", SMALL, 0),
    "training": ("training", SMALL, 1),
    "rates": ("statistics", SMALL, 0),
    "trending": ("statistics", SMALL | {"topic": "trending"}, 0),
    "population": ("statistics", SMALL | {"topic": "population"}, 0),
    "co-watch": ("statistics", SMALL | {"topic": "co-watch"}, 0),
    "evaluation": ("evaluation", SMALL | {"version": 2}, 0),
    "experiment": ("experiment", TRIAL, 0),
}
BY_TITLE = ("population first", "training", "trending", "population", "co-watch")
BY_SPEC = ("population first", "training", "rates", "population", "co-watch")


def renamed(catalog: Catalog) -> Catalog:
    """As many titles and artworks, and one of them is another."""
    first, *others = catalog
    artworks = [replace(artwork, id=f"new/{place}") for place, artwork in enumerate(first.artworks)]
    return Catalog.from_titles([replace(first, id="new", artworks=artworks), *others])


def request(base: DeployedModel, name: str, **changes: object):
    kind, settings, failed = ROUNDS[name]
    one = campaign(kind, settings, **changes)
    asked = ask(one, None, 1 + failed, failed, base, START)
    assert isinstance(asked, RoundRequest)
    return one, asked


def nothing(asked: RoundRequest) -> np.ndarray:
    return np.zeros(asked.offer.size, dtype=np.int64)


def unused(found, word: str) -> None:
    """Nothing but the count of rounds has changed."""
    assert found.result["used"] is False and word in found.result["reason"] and found.candidate is None
    known, data = unpack(found.state)
    assert known == {"campaign": "c" * 16, "at": int(START.timestamp()), "done": 1} and data == b""


@pytest.mark.parametrize("name", ROUNDS)
def test_a_sum_of_another_campaign(base, name):
    one, asked = request(base, name)
    other = replace(one, id="d" * 16)
    with pytest.raises(RoundFailed, match="asked for it"):
        read(other, None, asked, nothing(asked), 2000, base)


@pytest.mark.parametrize("name", ROUNDS)
def test_a_sum_of_an_offer_that_the_campaign_does_not_make(base, name):
    one, asked = request(base, name)
    wrong = replace(asked, offer=replace(asked.offer, kind="evaluation", topic="compare", arms=0))
    with pytest.raises(RoundFailed, match="asked for it"):
        read(one, None, wrong, nothing(asked), 2000, base)


@pytest.mark.parametrize("name", ROUNDS)
def test_a_sum_of_too_few_devices(base, name):
    """Their noise does not cover each of them."""
    one, asked = request(base, name)
    unused(read(one, None, asked, nothing(asked), asked.offer.minimum_devices - 1, base), "devices")


@pytest.mark.parametrize("name", BY_TITLE)
def test_a_sum_of_another_catalogue_of_the_same_size(base, name):
    one, asked = request(base, name)
    later = replace(base, catalog=renamed(base.catalog))
    unused(read(one, None, asked, nothing(asked), 2000, later), "catalogue")


@pytest.mark.parametrize("name", BY_SPEC)
def test_a_sum_of_another_feature_spec(base, name):
    one, asked = request(base, name)
    tags = {"genre:opera": 1.0}
    other = FeatureSpec.from_catalog(
        Catalog.from_titles([Title("o", tags=tags, artworks=[Artwork("o/a", tags=tags)])])
    )
    found = read(one, None, asked, nothing(asked), 2000, replace(base, spec=other))
    assert found.result["used"] is False and found.candidate is None


@pytest.mark.parametrize("name", ROUNDS)
def test_a_state_of_another_campaign(base, name):
    one, asked = request(base, name)
    foreign = pack({"campaign": "d" * 16, "done": 0})
    with pytest.raises(FederatedError, match="campaign dddddddddddddddd"):
        ask(one, foreign, 1, 0, base, START)
    with pytest.raises(FederatedError, match="campaign dddddddddddddddd"):
        read(one, foreign, asked, nothing(asked), 2000, base)


@pytest.mark.parametrize("name", ROUNDS)
def test_a_state_of_the_first_version_names_no_campaign(base, name):
    kind, settings, _ = ROUNDS[name]
    old = pack({"done": 1, "at": int((START - DAY).timestamp())})
    assert isinstance(ask(campaign(kind, settings), old, 2, 0, base, START + 20 * DAY), RoundRequest)


@pytest.mark.parametrize("name", ROUNDS)
def test_every_offer_is_one_that_devices_know_and_costs_what_the_plan_says(base, name):
    one, asked = request(base, name)
    assert any(kind.accepts(asked.offer) for kind in KINDS)
    costs = plan(one, base)
    assert asked.event in [rounds.event for rounds in costs.values()]
    assert 0.99 * 4.0 < planned_epsilon(costs, 1e-6) <= 4.0 * (1 + 1e-6)


def test_a_judgement_of_another_round_or_of_too_few_devices(base):
    one, trained = request(base, "training")
    asked = request_guard(1, base, one, 3, START, START - DAY)
    with pytest.raises(RoundFailed, match="49 devices"):
        read_comparison(PrivateSum(asked.offer, nothing(asked), 49), base)
    with pytest.raises(RoundFailed, match="judges no candidate"):
        read_comparison(PrivateSum(trained.offer, nothing(trained), 2000), base)
    compared = request_comparison(base.others[2], base, one, 4, START)
    other = FeatureSpec.from_catalog(renamed(base.catalog))
    changed = replace(base, spec=replace(other, version=other.version + 1))
    with pytest.raises(RoundFailed, match="feature spec"):
        read_comparison(PrivateSum(compared.offer, nothing(compared), 2000), changed)
