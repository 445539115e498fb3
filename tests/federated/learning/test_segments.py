"""Reading sums by segment: exact without noise, intervals that hold with it, and no number where noise drowns one."""

from __future__ import annotations

import math
from functools import cache
from random import Random

import numpy as np
import pytest
from support.campaigns import fleet, limits, offer, run
from support.catalogs import EVENING, OFF, sample_bundle, sample_catalog

import keyart
from keyart.campaigns import kinds
from keyart.campaigns.kinds.comparison import differences
from keyart.campaigns.kinds.evaluation import candidate_model
from keyart.campaigns.kinds.segments import MIN_SEGMENT_DECISIONS, REACH, SegmentLayout, segment_vector
from keyart.campaigns.vectors import VectorSource
from keyart.errors import RoundFailed, SettingError
from keyart.model.features import FeatureSpec
from keyart.profile.event_codec import Entry
from keyart_federated.campaigns import guard, honest_vectors, segments
from keyart_federated.campaigns.private_estimate import MIN_DEVIATIONS
from keyart_federated.campaigns.segments import SegmentEstimate, difference
from keyart_federated.rounding import MAX_ROUNDING_VARIANCE

UNITS, FINE = 4096, 1 << 40  # so fine that rounding does not show
SPEC = FeatureSpec.from_catalog(sample_catalog())
RATES, COMPARE = (SegmentLayout.of(topic, SPEC) for topic in REACH)
DECISION = keyart.Decision("00", "t0", "t0/a", 0.5, False, 1)
HOURS = {"night": 1, "morning": 8, "afternoon": 14, "evening": 20}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return sample_bundle(tmp_path_factory.mktemp("segments") / "b", sample_catalog())


@pytest.fixture
def arts(bundle):
    """Five devices, of 1 to 4 decisions."""
    wide = limits(epsilon=1e9, least_noise=1e-3)
    policy = keyart.Policy(exploration=0.3, stickiness=OFF, diversity=0.0)
    with fleet(5, bundle=bundle, policy=policy, limits=wide, rng=Random(4)) as five:
        for art in five[:2]:
            for device, outcome in (("phone", keyart.Outcome.played(4000)), ("tv", keyart.Outcome.skipped())):
                decision = art.choose("t0", keyart.Context(device, EVENING.replace(hour=8)))
                art.observe(decision.id, outcome)
        yield five


def source(art: keyart.Personalizer) -> VectorSource:
    chooser = art._session.chooser
    return VectorSource(art._session.custody.profile, chooser.installed, chooser.catalog, b"secret", chooser.policy)


def asked_of(art: keyart.Personalizer, topic: str, **changes: object):
    installed = art._session.chooser.installed
    own = np.concatenate([installed.weights.flat(), installed.appeal.ravel()])
    near = own + np.random.default_rng(4).normal(0, 0.05, len(own))
    kind, payload = {"rates": ("statistics", b""), "compare": ("evaluation", near.astype("<f4").tobytes())}[topic]
    return offer(art, SegmentLayout.of(topic, SPEC), kind=kind, topic=topic, payload=payload, **changes)


def total_of(sent: list[np.ndarray], units: int = FINE) -> np.ndarray:
    return np.rint(np.sum(sent, axis=0) * units).astype(np.int64)


def by_device(arts, topic: str) -> list[tuple[list[Entry], np.ndarray]]:
    """Each device's decisions, and y of each."""
    found = []
    for art in arts:
        of = source(art)
        entries = list(of.profile.journal.entries())
        if topic == "compare":
            model = candidate_model(of.installed, asked_of(art, topic).numbers)
            found.append(differences(model, of.installed, of.policy, of.profile, of.catalog, 0, 100))
        else:
            found.append((entries, np.array([float(entry.outcome.seconds == 4000) for entry in entries])))
    return found


@pytest.mark.parametrize("topic", REACH)
def test_without_noise_it_is_what_the_devices_say_side_by_side(arts, topic):
    asked = asked_of(arts[0], topic)
    sent = [kinds.find_kind(asked).vector(asked, source(art)) for art in arts]
    found = segments.estimate(total_of(sent), SegmentLayout.of(topic, SPEC), FINE, 5, 0.0)
    logs, heard, clipped = by_device(arts, topic), [], False
    for name, estimate in found.items():
        kind, _, value = name.partition(":")
        within = [[kind == "all" or getattr(entry, kind) == value for entry in entries] for entries, _ in logs]
        mine = [y[np.array(here)] for (_, y), here in zip(logs, within, strict=True) if any(here)]
        if not mine:
            assert estimate == SegmentEstimate(0.0, math.inf, 0.0)
            continue
        heard.append(name)
        n = np.array([min(len(y) / MIN_SEGMENT_DECISIONS[topic], 1) for y in mine])
        unclipped = n * [y.mean() for y in mine]
        b = np.clip(unclipped, -REACH[topic], REACH[topic])
        clipped |= bool((b != unclipped).any())
        mean = b.sum() / n.sum()
        error = math.sqrt(max((b**2).sum() - n.sum() * mean**2, 0)) / n.sum()
        told = (estimate.mean, estimate.standard_error, estimate.devices)
        assert told == pytest.approx((mean, error, n.sum()), abs=1e-5), name
    assert clipped == (topic == "compare")  # a rate cannot be more than 1
    assert heard == ["all", "device:tv", "device:phone", "daypart:morning", "daypart:evening"]


@pytest.mark.parametrize("topic", REACH)
def test_a_masked_round_tells_the_same_but_for_its_noise(arts, topic):
    asked = asked_of(arts[0], topic, noise_multiplier=0.02, minimum_devices=5, epsilon=1e8, bits=64)
    result, layout = run(arts, asked), SegmentLayout.of(topic, SPEC)
    assert len(result.survivors) == 5
    exact = segments.estimate(
        total_of([kinds.find_kind(asked).vector(asked, source(art)) for art in arts]), layout, FINE, 5, 0.0
    )
    noised = segments.estimate(result.total, layout, asked.units, 5, 5 * asked.variance)
    assert math.isfinite(noised["all"].standard_error)
    for name, one in noised.items():
        if math.isfinite(one.standard_error):
            assert abs(one.mean - exact[name].mean) < 5 * one.standard_error


@cache
def made_up(devices: int, seed: int = 3) -> np.ndarray:
    """Return rates of devices that differ, of up to twelve decisions here and there, [devices, size]; read only."""
    rng, sent = np.random.default_rng(seed), []
    for _ in range(devices):
        rate, count = rng.beta(2, 8), rng.integers(0, 13)
        places = rng.choice([*SPEC.devices, "fridge"], p=[0.5, 0.3, 0.1, 0.08, 0.02], size=count)
        hours = rng.choice(list(HOURS.values()), p=[0.1, 0.1, 0.2, 0.6], size=count)
        entries = [
            Entry(DECISION, EVENING.replace(hour=int(h)), str(d), 0) for d, h in zip(places, hours, strict=True)
        ]
        sent.append(segment_vector(RATES, SPEC, entries, (rng.random(count) < rate).astype(float)))
    return np.array(sent)


@pytest.mark.slow
@pytest.mark.parametrize("deviation", [0.0, 1.2, 4.5], ids=["exact", "epsilon 4", "epsilon 1"])
def test_intervals_hold_as_often_as_they_say(deviation):
    """Fleets drawn from one large one, whose own means are the truth."""
    people, devices, draws = made_up(6000), 1500, 400
    truth = segments.estimate(total_of(list(people)), RATES, FINE, len(people), 0.0)
    rng = np.random.default_rng(5)
    found = []
    for _ in range(draws):
        exact = people[rng.choice(len(people), devices)].sum(axis=0) * UNITS
        noise = rng.normal(0, math.sqrt((deviation * UNITS) ** 2 + MAX_ROUNDING_VARIANCE * devices), RATES.size)
        found.append(
            segments.estimate(
                np.rint(exact + noise).astype(np.int64), RATES, UNITS, devices, (deviation * UNITS) ** 2
            )
        )
    heard = [name for name in RATES.segments if all(math.isfinite(one[name].standard_error) for one in found)]
    assert {"all", "device:tv", "device:phone", "daypart:evening"} <= set(heard)
    inside = {
        name: np.mean([low <= truth[name].mean <= high for low, high in (one[name].interval() for one in found)])
        for name in heard
    }
    assert min(inside.values()) > 0.92, inside  # 95 %, and nearly three deviations of 400 draws
    for name in ("all", "device:tv", "daypart:evening"):
        deviations = np.std([one[name].mean for one in found])
        said = np.median([one[name].standard_error for one in found])
        assert 0.9 < said / deviations < (1.1 if deviation == 0 else 1.4), name
        assert np.mean([one[name].devices for one in found]) == pytest.approx(truth[name].devices / 4, rel=0.02)


def test_noise_alone_makes_the_error_that_the_formula_says():
    """Devices that all say the same: no more than the noise, seen through the weights, and its doubt is left."""
    rate, devices, variance = 0.75, 4000, (2.0 * UNITS) ** 2
    entries = [Entry(DECISION, EVENING, "tv", 0)] * 4
    sent = segment_vector(RATES, SPEC, entries, np.array([1.0, 1.0, 1.0, 0.0]))
    found = segments.estimate(total_of([sent] * devices, UNITS), RATES, UNITS, devices, variance)
    weights = {name: part[0] for name, part in RATES.parts(RATES.weights).items()}
    tau = {
        name: math.sqrt(variance + MAX_ROUNDING_VARIANCE * devices) / (UNITS * weight)
        for name, weight in weights.items()
    }
    doubt = math.hypot(tau["squares"], 2 * rate * tau["values"], rate**2 * tau["devices"])
    variance_of_mean = (tau["values"] ** 2 + rate**2 * tau["devices"] ** 2 + doubt) / devices**2
    assert found["all"].mean == pytest.approx(rate, rel=1e-3)
    assert found["all"].standard_error == pytest.approx(math.sqrt(variance_of_mean), rel=0.01)
    # The same of a comparison is in its own unit.
    small = segment_vector(COMPARE, SPEC, 8 * entries[:1], np.full(8, rate * REACH["compare"]))
    other = segments.estimate(total_of([small] * devices, UNITS), COMPARE, UNITS, devices, variance)
    assert other["all"].mean == pytest.approx(rate * REACH["compare"], rel=1e-3)
    assert other["all"].standard_error == pytest.approx(found["all"].standard_error * REACH["compare"], rel=0.01)


def test_a_segment_that_noise_drowns_says_nothing():
    people = made_up(800)
    weights = RATES.parts(RATES.weights)["devices"]
    devices = segments.estimate(total_of(list(people)), RATES, FINE, len(people), 0.0)["device:phone"].devices
    least = devices * weights[2] * UNITS / MIN_DEVIATIONS  # the noise at which the phones are just heard
    for share, heard in ((0.9, True), (1.1, False)):
        found = segments.estimate(total_of(list(people), UNITS), RATES, UNITS, len(people), (share * least) ** 2)
        assert math.isfinite(found["device:phone"].standard_error) == heard
        assert math.isfinite(found["all"].standard_error) and found["device:other"].standard_error == math.inf
    assert found["device:phone"].mean == 0 and found["device:phone"].interval() == (-math.inf, math.inf)
    assert found["device:phone"].devices == pytest.approx(devices, rel=0.05)
    nobody = segments.estimate(np.zeros(RATES.size, dtype=np.int64), RATES, UNITS, 10, 0.0)
    assert set(nobody.values()) == {SegmentEstimate(0.0, math.inf, 0.0)}


@pytest.mark.parametrize(
    ("size", "units", "devices", "variance"),
    [(29, UNITS, 10, 0.0), (30, 0, 10, 0.0), (30, UNITS, 0, 0.0), (30, UNITS, 10, math.nan), (30, UNITS, 10, -1.0)],
)
def test_sums_of_another_shape(size, units, devices, variance):
    with pytest.raises(RoundFailed, match="is none"):
        segments.estimate(np.ones(size, dtype=np.int64), RATES, units, devices, variance)


@pytest.mark.parametrize("part", ["devices", "values", "squares"])
@pytest.mark.parametrize("sign", [1, -1])
def test_sums_that_no_devices_could_make(part, sign):
    devices, variance = 100, (4.0 * UNITS) ** 2
    total = total_of(list(made_up(devices)), UNITS)
    honest = honest_vectors.segments(RATES, signed=False)
    guard.check(total, devices, variance / devices, honest)
    weight = RATES.parts(RATES.weights)[part][0]
    total[RATES.places[part].start] = sign * (devices * weight * UNITS + 13 * math.sqrt(variance + devices))
    with pytest.raises(RoundFailed, match="entry that no devices"):
        guard.check(total, devices, variance / devices, honest)
    total[0] = np.iinfo(np.int64).min
    with pytest.raises(RoundFailed):
        guard.check(total, devices, variance / devices, honest)


def test_any_sum_within_reach_is_read():
    """Also one that contradicts itself: what is not refused comes out as numbers."""
    rng, bound = np.random.default_rng(8), 100 * RATES.weights * UNITS
    for _ in range(300):
        total = (rng.choice([-1.0, 0.0, 1.0], RATES.size) * bound).astype(np.int64)
        for one in segments.estimate(total, RATES, UNITS, 100, 100.0).values():
            assert math.isfinite(one.mean) and one.standard_error >= 0 and 0 <= one.devices <= 101


def test_a_difference_of_two_rates():
    new, old = SegmentEstimate(0.10, 0.003, 200), SegmentEstimate(0.12, 0.004, 19_800)
    apart = difference(new, old)
    assert (apart.mean, apart.standard_error, apart.devices) == pytest.approx((-0.02, 0.005, 20_000))
    nothing = difference(SegmentEstimate(0.0, math.inf, 3), old)
    assert nothing == SegmentEstimate(0.0, math.inf, 19_803)


def test_intervals():
    told = SegmentEstimate(0.2, 0.01, 120)
    assert told.interval() == pytest.approx((0.2 - 0.0195996, 0.2 + 0.0195996))
    assert told.interval(0.5) == pytest.approx((0.2 - 0.0067449, 0.2 + 0.0067449))
    for level in (0, 1, 1.5, math.nan):
        with pytest.raises(SettingError):
            told.interval(level)
