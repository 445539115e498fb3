"""A simulated fleet in this process sends the integers of its devices, and keeps to the limits of each."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.simulations import SEED, STEPS, OneRound, everybody, one_round, setup_of, shown_by, small_world
from support.worlds import HandWorld, Watched

from keyart.dp.clip import UNITS, integer_norm
from keyart.errors import MessageError, RoundFailed, SettingError
from keyart_federated.simulation import local_fleet as fleet_module
from keyart_federated.simulation.device_vectors import vectors_of
from keyart_federated.simulation.identities import keys_of
from keyart_federated.simulation.local_fleet import LocalFleet, require_enough
from keyart_federated.simulation.training_run import limits_of
from keyart_federated.worlds import SyntheticWorld

COUNT, VARIANCE = 24, 40_000
KINDS = {"population": 0, "training": -1}


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> OneRound:
    """A campaign of one round over `COUNT` devices."""
    return one_round(setup_of(small_world(COUNT)), tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def fleet(ended) -> LocalFleet:
    """The devices of `ended` before they were asked; tests of this module make integers of their vectors only."""
    return ended.fresh()


def offer_of(ended: OneRound, kind: str, variance: int = VARIANCE):
    """Return an offer of a campaign with another noise. variance: of each device's noise."""
    offer = ended.offer(KINDS[kind])
    noise = math.sqrt(variance * offer.counted_devices) / offer.l2
    offer = replace(offer, noise_multiplier=noise * (1 - 1e-12), bits=64)
    assert offer.variance == variance
    return offer


def exact(fleet: LocalFleet, offer) -> np.ndarray:
    """Return the devices' vectors [d, size] before rounding, in integer steps."""
    (part,) = fleet.parts
    return np.concatenate([rows.whole() for _, rows in vectors_of(part, offer, everybody(COUNT))]) * UNITS


def with_seed(fleet: LocalFleet, seed: int) -> LocalFleet:
    return LocalFleet(fleet.parts, None, seed)


def rows_of(fleet: LocalFleet, offer, drawn: np.ndarray, seed: int = SEED) -> np.ndarray:
    found = with_seed(fleet, seed).rows(offer, drawn)
    assert sorted(found) == np.flatnonzero(drawn).tolist()
    return np.stack([found[number] for number in sorted(found)])


@pytest.mark.parametrize("kind", KINDS)
def test_without_noise_each_is_its_rounded_vector(ended, fleet, kind):
    offer = offer_of(ended, kind, 0)
    rows = rows_of(fleet, offer, everybody(COUNT))
    assert rows.dtype == np.int64 and rows.shape == (COUNT, offer.size)
    assert np.abs(rows - exact(fleet, offer)).max() < 1
    assert (np.sqrt((rows.astype(float) ** 2).sum(axis=1)) <= integer_norm(UNITS, offer.size)).all()
    np.testing.assert_array_equal(fleet.sum_of(offer, everybody(COUNT)), rows.sum(axis=0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("drawn", ["everybody", "every third"])
def test_noises_of_each_and_of_all_together_are_alike(ended, fleet, kind, drawn):
    """The rest, divided by √(n variance), has mean 0 and variance 1, by entry and over many draws."""
    cohort = everybody(COUNT) if drawn == "everybody" else np.arange(COUNT) % 3 == 0
    offer, devices = offer_of(ended, kind), int(cohort.sum())
    expected = exact(fleet, offer)[cohort].sum(axis=0)
    spread = np.sqrt(devices * (VARIANCE + 0.25))

    def together(seed: int) -> np.ndarray:
        noise = fleet_module.skellam_noise(
            offer.size, offer.variance * devices, fleet_module.fleet_randomness(seed, offer)
        )
        return with_seed(fleet, seed).sum_of(offer, cohort) + noise

    for made in (
        [together(seed) for seed in range(30)],
        [rows_of(fleet, offer, cohort, seed).sum(axis=0) for seed in range(30)],
    ):
        rest = (np.array(made) - expected) / spread
        assert abs(rest.mean()) < 5 / rest.size**0.5
        assert abs((rest**2).mean() - 1) < 5 * (2 / rest.size) ** 0.5
        assert np.abs(rest.mean(axis=0)).max() < 5.5 / 30**0.5


def test_each_device_has_noise_of_its_own(ended, fleet):
    offer = offer_of(ended, "training")
    rest = (rows_of(fleet, offer, everybody(COUNT)) - exact(fleet, offer)) / VARIANCE**0.5
    assert (np.abs((rest**2).mean(axis=1) - 1) < 6 * (2 / rest.shape[1]) ** 0.5).all()
    between = np.corrcoef(rest)[~np.eye(COUNT, dtype=bool)]
    assert np.abs(between).max() < 6 / rest.shape[1] ** 0.5


def test_noise_is_drawn_anew_for_each_sum(ended, fleet):
    offer = offer_of(ended, "training")
    first, next_round = (rows_of(fleet, replace(offer, round=n, rounds=9), everybody(COUNT)) for n in (1, 2))
    assert (first != next_round).mean() > 0.9


def test_the_same_seed_gives_the_same_sum_and_another_another(ended):
    one, again = (ended.fresh().contribute(ended.message, ended.at) for _ in range(2))
    np.testing.assert_array_equal(one.total, again.total)
    np.testing.assert_array_equal(one.total, ended.fleet.sums[-1].total)
    assert one.devices == again.devices == COUNT
    other = ended.fresh(seed=SEED + 1).contribute(ended.message, ended.at)
    assert (other.total != one.total).any()


@pytest.mark.parametrize("parts", [2, 5, COUNT])
def test_parts_change_no_sum_and_no_choice(ended, parts):
    fleet = ended.fresh(parts)
    for (message, at), expected in zip(ended.fleet.asked, ended.fleet.sums, strict=True):
        found = fleet.contribute(message, at)
        assert found.devices == expected.devices
        np.testing.assert_array_equal(found.total, expected.total)
    np.testing.assert_array_equal(shown_by(fleet.collect(), COUNT), shown_by(ended.fleet.collect(), COUNT))


@pytest.mark.parametrize("which", KINDS.values(), ids=KINDS)
def test_a_masked_sum_is_the_plain_sum_of_the_same_integers(ended, which):
    """Through sessions, gateways and the coordinator, over several gateways."""
    masked = ended.fresh(parts=2, masked=True)
    message, at = ended.fleet.asked[which]
    found = masked.contribute(message, at)
    rows = ended.fresh().rows(ended.offer(which), everybody(COUNT))
    assert found.devices == len(rows) == COUNT
    np.testing.assert_array_equal(found.total, sum(rows.values()))


def test_a_masked_sum_of_a_cohort_is_that_of_the_cohort(ended):
    message = ended.signed(minimum_devices=12, noise_multiplier=0.5 * ended.offer().noise_multiplier)
    loose = replace(limits(ended), minimum_devices=2, epsilon=math.inf, unprotected=True)
    masked = ended.fresh(masked=True, cohort_share=0.9, limits=loose)
    offer, drawn = ended.fresh(cohort_share=0.9, limits=loose).judge(message, ended.at)
    found = masked.contribute(message, ended.at)
    assert 12 <= found.devices == drawn.sum() < COUNT
    np.testing.assert_array_equal(found.total, sum(ended.fresh().rows(offer, drawn).values()))


def limits(ended: OneRound):
    return limits_of(ended.setup.privacy, ended.setup.plan, ended.setup.seed)


def test_an_offer_of_another_server_is_not_answered(ended):
    stranger, _ = keys_of(SEED + 1)
    fleet, message = ended.fresh(), ended.offer().sign(stranger)
    with pytest.raises(MessageError, match="No server that these devices trust"):
        fleet.contribute(message, ended.at)
    assert fleet.contribute(ended.message, ended.at).devices == COUNT  # nothing was charged for it


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_version": 2}, "another model"),
        ({"feature_spec": "ab" * 32}, "another model"),
        ({"minimum_devices": 5}, "its cohort may be 5"),
        ({"noise_multiplier": 0.5}, "would spend more than"),
    ],
)
@pytest.mark.parametrize("masked", [False, True])
def test_an_offer_beyond_the_limits_makes_no_vector(tmp_path, ended, masked, changes, reason):
    """The round fails by the devices' reason, and none of them has made its vector."""
    fleet, message = ended.fresh(masked=masked), ended.signed(**changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fleet_module, "vectors_of", lambda *_: pytest.fail("a vector was made"))
        with pytest.raises(RoundFailed, match=f"Every device declines: .*{reason}"):
            fleet.contribute(message, ended.at)
    assert fleet.contribute(ended.message, ended.at).devices == COUNT


def test_an_offer_whose_time_is_over_is_declined(ended):
    with pytest.raises(RoundFailed, match="its round is over"):
        ended.fresh().contribute(ended.message, ended.offer().not_after + 1.0)


def test_a_round_is_answered_once(ended):
    """The same message gets the same answer; another one of the same round is declined."""
    fleet = ended.fresh()
    first = fleet.contribute(ended.message, ended.at)
    again = fleet.contribute(ended.message, ended.at + 60.0)
    np.testing.assert_array_equal(first.total, again.total)
    assert first.devices == again.devices
    with pytest.raises(RoundFailed, match="answered before"):
        fleet.contribute(ended.signed(clip=1.5), ended.at)


def test_repeated_messages_are_charged_once(ended):
    """After ten repetitions of each offer of the campaign, the ledgers still have room for all of them."""
    fleet = ended.fresh()
    for message, at in ended.fleet.asked:
        totals = [fleet.contribute(message, at).total for _ in range(10)]
        assert all(np.array_equal(totals[0], total) for total in totals)
    with pytest.raises(RoundFailed, match="would spend more than"):
        fleet.contribute(ended.signed(round=3, rounds=3), ended.at)  # the budget was planned to the last bit


@pytest.mark.parametrize("masked", [False, True])
def test_too_few_devices_make_no_sum(ended, masked):
    """Refusing to use it would not do: the noise of so few covers nobody, so that no server must have it."""
    fleet = ended.fresh(masked=masked, cohort_share=0.2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fleet_module, "vectors_of", lambda *_: pytest.fail("a vector was made"))
        with pytest.raises(RoundFailed, match=r"devices answered where the noise counts on 20.*last good model"):
            fleet.contribute(ended.message, ended.at)


def test_a_reason_is_told_where_some_decline(ended):
    with pytest.raises(RoundFailed, match=r"3 devices answered.*\. It is late\. Nothing"):
        require_enough(ended.offer(), 3, "It is late.")
    require_enough(ended.offer(), ended.offer().minimum_devices)


def test_a_cohort_is_a_part_of_the_fleet_and_drawn_anew_for_each_sum(ended):
    loose = replace(limits(ended), minimum_devices=2)
    drawn = []
    for which in KINDS.values():
        message, at = ended.fleet.asked[which]
        found = [ended.fresh(parts, loose, cohort_share=0.6).judge(message, at)[1] for parts in (1, 3)]
        np.testing.assert_array_equal(*found)  # whoever holds the devices
        drawn.append(found[0])
    assert all(0 < cohort.sum() < COUNT for cohort in drawn)
    assert (drawn[0] != drawn[1]).any()


def test_devices_know_of_their_own_rounds_only(ended):
    """Devices outside of the first cohort have not answered, and answer another message of its round."""
    loose = replace(limits(ended), minimum_devices=2, epsilon=math.inf, unprotected=True)
    fleet = ended.fresh(limits=loose, cohort_share=0.6)
    _, first = fleet.judge(ended.message, ended.at)
    whole = LocalFleet(fleet.parts, fleet._participation, SEED)
    whole.play(ended.folder / "1", STEPS, 0)
    _, second = whole.judge(ended.signed(clip=1.5), ended.at)
    np.testing.assert_array_equal(second, ~first)


class HostileWorld(HandWorld):
    """Every fourth device sends its vector three times."""

    calls: list[tuple[str, np.ndarray, np.ndarray]]

    def tamper(self, offer: Any, vectors: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        self.calls.append((offer.kind, vectors.copy(), numbers.copy()))
        return np.where(numbers[:, None] % 4 == 0, 3 * vectors, vectors)


@pytest.mark.parametrize("masked", [False, True])
def test_a_hostile_device_sends_what_it_likes(tmp_path, masked):
    world = HostileWorld(small_world().catalog, devices=8)
    world.calls = []
    ended = one_round(setup_of(world), tmp_path)
    offer, honest = ended.offer(), {}
    for kind, vectors, numbers in world.calls:
        if kind == "training":
            honest.update(zip(numbers.tolist(), vectors, strict=True))
    assert sorted(honest) == list(range(8))
    assert all(np.sqrt((row.astype(float) ** 2).sum()) <= offer.l2 for row in honest.values())  # without noise
    sent = sum(row * (3 if number % 4 == 0 else 1) for number, row in honest.items())
    fleet = ended.fresh(masked=masked)
    np.testing.assert_array_equal(fleet.sum_of(offer, everybody(8)), sent)
    rest = fleet.contribute(ended.message, ended.at).total - sent  # noise alone
    assert np.abs(rest).max() < 8 * math.sqrt(8 * offer.variance)


def test_a_bundle_is_installed_once(ended, monkeypatch):
    """The heads are re-fitted at each installation; a device installs a bundle once."""
    (part,) = ended.fresh().parts
    fleet, installed = LocalFleet([part], None, SEED), []
    monkeypatch.setattr(type(part), "install", lambda self, loaded: installed.append(loaded.version))
    for first in (0, 0, 0):
        fleet.play(ended.folder / "1", first, 0)
    fleet.play(ended.folder / "2", 0, 0)
    assert installed == [1, 2]


def test_every_impression_is_played_once(tmp_path):
    watched = Watched(small_world(6))
    ended = one_round(setup_of(watched), tmp_path)
    assert watched.asked == {(i, k): 1 for i in range(6) for k in range(STEPS)}
    places = [artwork.id for title in watched.catalog for artwork in title.artworks]
    shown = shown_by(ended.fleet.collect(), 6)
    assert {(i, k): places[shown[i, k]] for i in range(6) for k in range(STEPS)} == watched.shown


def test_an_offer_of_another_size_is_an_error(ended):
    loose = replace(limits(ended), epsilon=math.inf, unprotected=True)
    with pytest.raises(SettingError, match="another shape"):
        ended.fresh(limits=loose).contribute(ended.signed(0, size=ended.offer(0).size + 1), ended.at)


def test_a_question_that_no_device_knows_is_an_error(ended):
    loose = replace(limits(ended), epsilon=math.inf, unprotected=True)
    with pytest.raises(SettingError, match="'weather'"):
        ended.fresh(limits=loose).contribute(ended.signed(0, topic="weather"), ended.at)


def test_a_world_without_tampering_is_not_hostile():
    assert not isinstance(SyntheticWorld(viewers=2, titles=4), fleet_module.HostileWorld)
