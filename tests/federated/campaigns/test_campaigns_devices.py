"""What campaigns of each kind ask is answered by real devices, and their masked sum is read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from campaign_samples import SERVER, fleet, run
from choosing_samples import EVENING, sample_bundle, sample_catalog
from round_read_samples import campaign

from keyart.model.features import FeatureSpec
from keyart_federated.campaigns import (
    Base,
    PrivateSum,
    RoundRequest,
    ask,
    own_offer,
    read,
    read_comparison,
    request_comparison,
    request_guard,
)

SMALL = {"wanted": 6, "minimum_devices": 4}


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Base:
    folder, catalog = tmp_path_factory.mktemp("base"), sample_catalog()
    first, second = (sample_bundle(folder / str(n), catalog, seed=n, version=n) for n in (1, 2))
    return Base(catalog, first, 1, FeatureSpec.from_catalog(catalog), {2: second})


@pytest.fixture
def devices(base):
    with fleet(6, bundle=base.bundle) as arts:
        yield arts


CAMPAIGNS = {
    "population": ("training", {}, 0),
    "training": ("training", {}, 1),  # its question about the population was lost
    "rates": ("statistics", {}, 0),
    "trending": ("statistics", {"topic": "trending"}, 0),
    "who": ("statistics", {"topic": "population"}, 0),
    "co-watch": ("statistics", {"topic": "co-watch"}, 0),
    "evaluation": ("evaluation", {"version": 2}, 0),
}


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_real_devices_take_part_to_the_end(base, devices, name):
    kind, settings, failed = CAMPAIGNS[name]
    one = campaign(kind, SMALL | settings)
    asked = ask(one, None, 1 + failed, failed, base, EVENING)
    assert isinstance(asked, RoundRequest)
    result = run(devices, asked.offer)
    assert len(result.survivors) == 6
    summed = PrivateSum(own_offer(asked.offer.sign(SERVER)), result.total, 6, asked.pending)
    found = read(one, None, summed, base)
    # So few devices tell nothing of a candidate; all else comes to something, if in noise.
    assert found.result["used"] is (kind != "evaluation")
    assert (found.candidate is not None) is (name == "training")
    assert [receipt.purpose for receipt in devices[0].federated.sent()] == [asked.offer.purpose]


def test_real_devices_compare_a_candidate_and_tell_how_it_fares(base, devices):
    one = campaign("training", SMALL)
    for number, asked in enumerate(
        (
            request_comparison(base.others[2], base, one, 1, EVENING),
            request_guard(1, base, one, 2, EVENING, EVENING - timedelta(hours=6)),
        ),
        start=1,
    ):
        result = run(devices, asked.offer)
        assert len(result.survivors) == 6 and asked.offer.round == number
        assert "all" in read_comparison(PrivateSum(own_offer(asked.offer.sign(SERVER)), result.total, 6), base)


def test_real_devices_take_part_in_an_experiment(base, devices):
    settings = {"name": "buttons", "devices": 2000, "looks": 2, "group": "device", "groups": ["tv", "phone"]}
    asked = ask(campaign("experiment", settings), None, 1, 0, base, EVENING + timedelta(days=9))
    message = asked.offer.sign(SERVER)
    assert all(art.answer(message) is None for art in devices)  # by their clocks it goes on for too long
    asked = ask(
        campaign("experiment", settings | {"start": int(EVENING.timestamp()) - 8 * 86_400}), None, 1, 0, base, EVENING
    )
    assert all(art.answer(asked.offer.sign(SERVER)) is not None for art in devices)


def test_who_has_another_model_declines(base, devices):
    asked = request_guard(2, base, campaign("training", SMALL), 2, EVENING, EVENING)
    assert all(art.answer(asked.offer.sign(SERVER)) is None for art in devices)
