"""A training campaign over simulated devices: what it asks, what it learns, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.campaign_readers import DAY, KEY, START, WORLD, Fleet, campaign, epsilon, first_base, read, released

from keyart import Artwork, Catalog, Policy, Title
from keyart.bundle import Manifest, verify
from keyart.campaigns.kinds.training import SIDE_NORM, TrainingLayout
from keyart_federated.campaigns import Finished, RoundRequest, Wait, ask, plan, planned_epsilon
from keyart_federated.campaigns.bundle_model import installed, model_of
from keyart_federated.campaigns.private_sum import own_offer
from keyart_federated.campaigns.state_codec import unpack
from keyart_federated.learning import checkpoint
from keyart_federated.worlds import SyntheticWorld

SETTINGS = {"wanted": 300, "minimum_devices": 270, "hours": 0, "decisions": 30}
STEPS, ROUNDS = 30, 3


@pytest.fixture(scope="module")
def world() -> SyntheticWorld:
    return SyntheticWorld(**WORLD, impressions=200, seed=1)


@pytest.fixture(scope="module")
def run(world, tmp_path_factory):
    """A whole campaign with little noise: what was asked, read, and captured after each."""
    folder = tmp_path_factory.mktemp("run")
    fleet = Fleet(world, first_base(folder, world.catalog))
    one, state = campaign("training", SETTINGS | {"gates": 0.0}, epsilon=100.0, rounds=ROUNDS), None
    rounds, captures = [], [fleet.live(STEPS)]
    for number in range(1, ROUNDS + 2):
        asked = ask(one, state, number, 0, fleet.base, START)
        assert isinstance(asked, RoundRequest)
        total = fleet.total(asked)
        found = read(one, state, asked, total, world.devices, fleet.base)
        rounds.append((asked, state, total, found, fleet.base))
        state = bytes(found.state)  # as a database gives it back
        if found.candidate is not None:
            fleet.base = released(fleet.base, found.candidate, folder)
            captures.append(fleet.live(STEPS))
    return one, rounds, captures, fleet, state


@pytest.mark.slow
def test_the_first_round_asks_who_there_is_and_the_others_teach(run):
    _, rounds, _, _, _ = run
    assert [(one.offer.kind, one.offer.topic) for one, *_ in rounds] == [
        ("statistics", "population"),
        *[("training", "")] * ROUNDS,
    ]
    assert [(one.offer.round, one.offer.rounds) for one, *_ in rounds] == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.slow
def test_the_fleet_chooses_better_for_it(run):
    _, _, captures, _, _ = run
    assert captures[-1] > captures[0] + 0.1


@pytest.mark.slow
def test_each_round_makes_a_bundle_that_every_device_would_take(run, tmp_path):
    _, rounds, _, _, _ = run
    for number, (asked, _, _, found, base) in enumerate(rounds[1:], start=2):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, data in found.candidate.items():
            (folder / name).write_bytes(data)
        ranker = installed(folder, base.catalog).ranker
        manifest = verify(folder, run=ranker.run, installed=Manifest.read(base.bundle))
        assert (manifest.model_version, manifest.parent) == (number, base.version)
        assert found.result["version"] == number == base.version + 1
        assert manifest.privacy == {"epsilon": 100.0, "delta": 1e-6} and asked.offer.model_version == base.version


@pytest.mark.slow
def test_all_sums_together_cost_the_campaigns_epsilon(run):
    one, rounds, _, _, _ = run
    spent = epsilon(asked.event for asked, *_ in rounds)
    assert 0.99 * one.epsilon < spent <= one.epsilon
    for asked, *_ in rounds:
        offer = asked.offer
        assert (asked.event.noise_multiplier, asked.event.l2, asked.event.dimension) == (
            offer.noise_multiplier, offer.l2, offer.size,
        )  # fmt: skip


@pytest.mark.slow
def test_what_is_told_is_json_and_names_no_title(run, world):
    _, rounds, _, _, _ = run
    ids = {title.id for title in world.catalog} | set(world.catalog.artwork_places)
    for _, _, _, found, _ in rounds:
        text = json.dumps(found.result, allow_nan=False)
        assert not any(f'"{one}"' in text for one in ids) and found.result["used"] is True


@pytest.mark.slow
def test_reading_twice_gives_the_same_bytes(run, world):
    one, rounds, _, _, _ = run
    asked, state, total, found, base = rounds[2]
    again = read(one, state, asked, total, world.devices, base)
    assert again.candidate == found.candidate and again.result == found.result
    assert unpack(again.state)[0] == unpack(found.state)[0]


@pytest.mark.slow
def test_the_sums_tell_how_many_decisions_a_device_makes(run):
    _, rounds, _, _, _ = run
    told = [found.result["decisions"] for _, _, _, found, _ in rounds[1:]]
    assert told == pytest.approx([30, 60, 90], rel=0.1)


@pytest.mark.slow
def test_a_sum_tells_the_reward_on_its_devices_with_an_interval(run):
    _, rounds, _, _, _ = run
    for _, _, _, found, _ in rounds[1:]:
        reward = found.result["reward"]
        assert 0 < reward["low"] < reward["mean"] < reward["high"] < 1
        assert reward["low"] <= found.result["quality_plays"] <= reward["high"], "as learnt from all rounds so far"
        assert reward["high"] - reward["low"] < 0.1, "it says something"


@pytest.mark.slow
def test_a_guess_of_decisions_that_is_far_off_is_put_right(world, tmp_path):
    for guess in (12.0, 75.0):
        fleet = Fleet(world, first_base(tmp_path / str(guess), world.catalog))
        one = campaign("training", SETTINGS | {"decisions": guess}, epsilon=450.0)
        fleet.live(STEPS)
        asked = ask(one, None, 1, 1, fleet.base, START)
        found = read(one, None, asked, fleet.total(asked), world.devices, fleet.base)
        assert found.result["decisions"] == pytest.approx(30, rel=0.1)


@pytest.mark.slow
def test_when_all_is_asked_the_campaign_is_over(run):
    one, _, _, fleet, state = run
    assert ask(one, state, 5, 0, fleet.base, START) == Finished({"rounds": 4, "version": 4})


@pytest.mark.slow
def test_it_waits_until_the_fleet_runs_on_the_last_candidate(run):
    one, rounds, _, fleet, state = run
    before = rounds[-1][4]
    waits = ask(one, state, 5, 0, before, START)
    assert isinstance(waits, Wait) and "Version 4" in waits.reason
    assert isinstance(ask(replace(one, rounds=9), state, 5, 0, fleet.base, START), RoundRequest)


@pytest.mark.slow
def test_it_waits_for_its_hour(run):
    one, _, _, fleet, state = run
    slow = replace(one, rounds=9, settings=one.settings.replace('"hours":0.0', '"hours":24.0'))
    assert isinstance(ask(slow, state, 5, 0, fleet.base, START + DAY / 2), Wait)
    assert isinstance(ask(slow, state, 5, 0, fleet.base, START + DAY), RoundRequest)


@pytest.mark.slow
def test_a_refused_candidate_is_followed_by_another_number_from_the_same_base(run, world):
    """Learning starts again from what the fleet runs on, and still knows who there is."""
    one, rounds, _, fleet, _ = run
    _, _, _, found, before = rounds[1]
    base = replace(before, refused=frozenset({2}))
    asked = ask(replace(one, rounds=9), found.state, 3, 0, base, START)
    assert isinstance(asked, RoundRequest) and asked.offer.model_version == 1
    fleet = Fleet(world, before)
    fleet.live(STEPS)
    again = read(replace(one, rounds=9), found.state, asked, fleet.total(asked), world.devices, base)
    assert again.result["used"] and Manifest.parse(again.candidate["manifest.json"]).model_version == 3
    learner, _ = checkpoint.from_bytes(unpack(again.state)[1], base.encoded)
    kept, _ = checkpoint.from_bytes(unpack(found.state)[1], base.encoded)
    assert learner.state.rounds == 1
    np.testing.assert_array_equal(learner.population.parts["viewers"], kept.population.parts["viewers"])


@pytest.mark.slow
def test_after_a_way_back_learning_goes_on_from_what_is_offered(run, tmp_path):
    """Version 3 is the first one's weights again, published forward."""
    one, rounds, _, _, _ = run
    _, _, _, found, before = rounds[1]
    back = first_base(tmp_path, before.catalog, version=3)
    asked = ask(replace(one, rounds=9), found.state, 3, 0, back, START)
    assert isinstance(asked, RoundRequest) and asked.offer.model_version == 3


@pytest.mark.slow
def test_a_sum_about_an_older_model_is_not_used(run, world):
    one, rounds, _, _, _ = run
    asked, state, total, _, base = rounds[1]
    late = read(one, state, asked, total, world.devices, replace(base, version=2))
    assert late.result["used"] is False and "model 1" in late.result["reason"] and late.candidate is None
    assert unpack(late.state)[1] == unpack(state)[1]  # nothing learned, one round more begun
    assert unpack(late.state)[0]["done"] == unpack(state)[0]["done"] + 1


@pytest.mark.slow
def test_a_catalogue_that_changes_meanwhile_costs_a_round(run, world, tmp_path):
    one, rounds, _, _, _ = run
    asked, state, total, _, base = rounds[1]
    grown = Catalog.from_titles([*world.catalog, Title("new", artworks=[Artwork("new/a")])])
    later = replace(base, catalog=grown)
    lost = read(one, state, asked, total, world.devices, later)
    assert lost.result["used"] is False and "catalogue" in lost.result["reason"]
    again = ask(one, lost.state, 3, 0, later, START)
    assert isinstance(again, RoundRequest) and again.offer.size == asked.offer.size + 4


def hostile(total: np.ndarray, how: str, layout: TrainingLayout) -> np.ndarray:
    bad = total.copy()
    if how == "long":
        bad[: layout.sizes["gradient"]] *= 50
    elif how == "entry":
        bad[5] = 2**62
    elif how == "least":
        bad[5] = -(2**63)
    elif how == "side":
        bad[-3] = -bad[-3]
    elif how == "short":
        bad = bad[:-1]
    return bad


@pytest.mark.slow
@pytest.mark.parametrize("how", ["long", "entry", "least", "side", "short"])
def test_a_hostile_sum_is_refused_and_the_model_stays(run, world, how):
    one, rounds, _, _, _ = run
    asked, state, total, _, base = rounds[2]
    bad = hostile(total, how, TrainingLayout(base.spec, len(world.catalog.artwork_places)))
    found = read(one, state, asked, bad, world.devices, base)
    assert found.candidate is None and found.result["used"] is False and found.result["reason"]
    assert unpack(found.state)[1] == unpack(state)[1]


@pytest.mark.slow
def test_a_hostile_sum_about_the_population_leaves_it_unknown(run, world):
    one, rounds, _, _, _ = run
    asked, _, total, _, base = rounds[0]
    found = read(one, None, asked, total * 1000, world.devices, base)
    assert found.result["used"] is False
    after = ask(one, found.state, 2, 0, base, START)
    assert isinstance(after, RoundRequest) and after.offer.kind == "training"  # it is not asked, nor paid for, again


@pytest.mark.slow
def test_rounds_that_were_paid_for_and_failed_are_used_up(run):
    one, _, _, fleet, _ = run
    assert ask(one, None, 1, 0, fleet.base, START).offer.topic == "population"
    assert ask(one, None, 2, 1, fleet.base, START).offer.kind == "training"
    assert isinstance(ask(one, None, 5, 4, fleet.base, START), Finished)


@pytest.mark.slow
def test_a_trained_bundle_keeps_what_it_knows_where_noise_drowns_all(run, world):
    """A new campaign starts from the fleet's weights, not from those that nobody has taught."""
    _, _, _, fleet, _ = run
    one = campaign("training", SETTINGS, epsilon=0.3, rounds=2)
    asked = ask(one, None, 1, 1, fleet.base, START)
    found = read(one, None, asked, fleet.total(asked), world.devices, fleet.base)
    before = model_of(installed(fleet.base.bundle, world.catalog))
    places = fleet.base.encoded
    after = checkpoint.from_bytes(unpack(found.state)[1], places)[0].state.model
    nothing = checkpoint.template(places).state.model
    assert np.linalg.norm(after.theta - before.theta) < 0.5 * np.linalg.norm(before.theta - nothing.theta)
    assert np.linalg.norm(after.appeal - before.appeal) < 0.5 * np.linalg.norm(before.appeal)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [150, 900])
def test_a_cohort_of_another_size_than_expected_is_reckoned_with(run, world, devices):
    _, rounds, _, _, _ = run
    _, state, total, _, base = rounds[2]
    learner, _ = checkpoint.from_bytes(unpack(state)[1], base.encoded)
    places = base.encoded
    whole, question = learner.ask(60.0, 0.5, places, Policy(), np.random.default_rng(0))
    other, sent = whole.counted(question, total * devices // world.devices, float(devices), 1.0, places)
    same, as_expected = whole.counted(question, total, float(world.devices), 1.0, places)
    ratio = devices / world.devices
    np.testing.assert_allclose(sent.play, as_expected.play * ratio, rtol=1e-3)
    np.testing.assert_allclose(other.exposure, same.exposure * ratio, rtol=1e-3)
    assert other.decisions == pytest.approx(same.decisions, rel=1e-3)


@pytest.mark.slow
def test_decisions_that_noise_hides_are_those_expected(run):
    _, rounds, _, _, _ = run
    _, state, _, _, base = rounds[2]
    places = base.encoded
    learner, _ = checkpoint.from_bytes(unpack(state)[1], places)
    whole, question = learner.ask(60.0, 0.5, places, Policy(), np.random.default_rng(0))
    layout = TrainingLayout(base.spec, len(base.catalog.artwork_places))
    loud, _ = whole.counted(
        question, np.zeros(layout.size, dtype=np.int64), 300.0, (4096 * SIDE_NORM * 3e5) ** 2, places
    )
    assert loud.decisions == pytest.approx(60, rel=1e-3)


@pytest.mark.slow
def test_a_plan_with_gates_costs_no_more_in_all(run):
    _, _, _, fleet, _ = run
    one = campaign("training", None, rounds=5)
    costs = plan(one, fleet.base)
    assert {name: rounds.rounds for name, rounds in costs.items()} == {
        "population": 1, "training": 5, "comparison": 15, "guard": 120,
    }  # fmt: skip
    # A device is in one of three sub-cohorts.
    assert {name: rounds.per_device for name, rounds in costs.items()} == {
        "population": 1, "training": 5, "comparison": 5, "guard": 40,
    }  # fmt: skip
    events = [rounds.event for rounds in costs.values() for _ in range(rounds.per_device)]
    assert 0.999 * one.epsilon < epsilon(events) <= one.epsilon
    assert planned_epsilon(costs) == pytest.approx(epsilon(events))


@pytest.mark.slow
def test_a_signed_offer_of_our_own_is_read_back(run):
    _, rounds, _, _, _ = run
    for asked, *_ in rounds:
        assert own_offer(asked.offer.sign(KEY)) == asked.offer


@pytest.mark.slow
def test_the_round_fits_into_the_week_that_a_device_goes_on_with_it(run):
    _, _, _, fleet, _ = run
    slowest = campaign("training", {"patience": 86_400.0})
    offer = ask(slowest, None, 1, 0, fleet.base, START).offer
    assert 4 * 86_400 < offer.not_after - START.timestamp() <= 7 * 86_400


@pytest.mark.slow
def test_nothing_is_left_in_the_temporary_folder(run, world, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    one, rounds, _, _, _ = run
    asked, state, total, _, base = rounds[2]
    read(one, state, asked, total, world.devices, base)
    assert list(Path(tmp_path).iterdir()) == []
