"""A device's numbers by segment: as by hand, of the decisions that are asked for, and never too long."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.campaigns import NOW, limits, offer
from support.catalogs import EVENING, MORNING, OFF, Clock, Dial, sample_bundle, sample_catalog

import keyart
from keyart.campaigns import kinds, vectors
from keyart.campaigns.kinds.comparison import differences
from keyart.campaigns.kinds.evaluation import MAX_IMPORTANCE_WEIGHT, as_candidate, candidate_model
from keyart.campaigns.kinds.segments import (
    ALL_SHARE,
    MIN_SEGMENT_DECISIONS,
    REACH,
    SHARES,
    SegmentLayout,
    segment_vector,
)
from keyart.campaigns.limits import ParticipationHistory
from keyart.campaigns.offer import Offer
from keyart.campaigns.vectors import VectorSource
from keyart.model.candidates import CandidateSets
from keyart.model.features import FeatureSpec
from keyart.profile.event_codec import Entry

POLICY = keyart.Policy(exploration=0.3, stickiness=OFF, diversity=0.0)
PLAYED, SKIPPED = keyart.Outcome.played(4000), keyart.Outcome.skipped()
SPEC = FeatureSpec.from_catalog(sample_catalog())
SEGMENTS = ("all", *SPEC.context_names)
TV_NIGHT = EVENING.replace(hour=1)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return sample_bundle(tmp_path_factory.mktemp("segments") / "b", sample_catalog())


@pytest.fixture
def dial() -> Dial:
    return Dial(0.3)


@pytest.fixture
def art(bundle, dial):
    with keyart.Personalizer.open(
        "memory", catalog=sample_catalog(), keys=keyart.EphemeralKey(), engine="numpy", clock=Clock(), rng=dial,
        policy=POLICY, bundle=bundle, limits=limits(),
    ) as one:  # fmt: skip
        one.consent.grant("personalization")
        yield one


def source(art: keyart.Personalizer) -> VectorSource:
    chooser = art._session.chooser
    return VectorSource(art._session.custody.profile, chooser.installed, chooser.catalog, b"secret", chooser.policy)


def asked_of(art: keyart.Personalizer, topic: str, **changes: object) -> Offer:
    """compare: a candidate that is not far from the installed model."""
    installed = art._session.chooser.installed
    own = np.concatenate([installed.weights.flat(), installed.appeal.ravel()])
    near = own + np.random.default_rng(4).normal(0, 0.05, len(own))
    kind, payload = {"rates": ("statistics", b""), "compare": ("evaluation", near.astype("<f4").tobytes())}[topic]
    base = {"kind": kind, "topic": topic, "payload": payload}
    return offer(art, SegmentLayout.of(topic, installed.spec), **{**base, **changes})


def told(art: keyart.Personalizer, asked: Offer) -> dict[str, dict[str, float]]:
    """By segment what the device says of it, as it was before it was weighed."""
    kind, layout = kinds.find_kind(asked), SegmentLayout.of(asked.topic, SPEC)
    assert kind.fits(asked, source(art))
    parts = layout.parts(kind.vector(asked, source(art)) / layout.weights)
    return {name: {part: parts[part][i] for part in parts} for i, name in enumerate(layout.segments)}


def decide(art, title, outcome, device="tv", at=EVENING, dial=None, number=0.0):
    """number: what the dial is turned to, if there is one."""
    if dial is not None:
        dial.number = number
    decision = art.choose(title, keyart.Context(device, at))
    art.observe(decision.id, outcome)
    return decision


def test_rates_are_what_a_hand_works_out(art):
    decide(art, "t0", PLAYED)
    decide(art, "t1", SKIPPED, at=EVENING + timedelta(minutes=1))
    decide(art, "t2", SKIPPED, at=MORNING)
    decide(art, "t3", PLAYED, device="fridge", at=TV_NIGHT)
    found = told(art, asked_of(art, "rates"))
    assert tuple(found) == SEGMENTS == (
        "all", "device:tv", "device:phone", "device:tablet", "device:desktop", "device:other",
        "daypart:night", "daypart:morning", "daypart:afternoon", "daypart:evening",
    )  # fmt: skip
    by_hand = {
        "all": 2 / 4,
        "device:tv": 1 / 3,
        "device:other": 1.0,
        "daypart:night": 1.0,
        "daypart:morning": 0.0,
        "daypart:evening": 1 / 2,
    }
    for name, one in found.items():
        rate = by_hand.get(name)
        expected = [1, rate, rate**2] if rate is not None else [0, 0, 0]
        assert list(one.values()) == pytest.approx(expected), name


def test_rates_are_those_of_the_version_asked_for_the_latest_since_then(art):
    for minute, outcome in enumerate([PLAYED, PLAYED, SKIPPED, SKIPPED]):
        decide(art, "t0", outcome, at=EVENING + timedelta(minutes=minute))
    assert told(art, asked_of(art, "rates"))["all"]["values"] == pytest.approx(1 / 2)
    assert told(art, asked_of(art, "rates", most_decisions=3))["all"]["values"] == pytest.approx(1 / 3)
    assert told(art, asked_of(art, "rates", since=NOW + 61))["all"]["values"] == 0
    assert told(art, asked_of(art, "rates", since=NOW + 60))["all"]["values"] == pytest.approx(1 / 3)
    entries = list(source(art).profile.journal.entries())
    other = entries[0]._replace(decision=replace(entries[0].decision, model_version=7))
    art._session.custody.profile.journal.remember(other)  # an older model made this one
    assert told(art, asked_of(art, "rates"))["all"]["values"] == pytest.approx(1 / 3)


def test_a_comparison_is_what_a_hand_works_out(art, dial):
    """All decisions are one moment, so that neither model learns between them."""
    shown = [
        (decide(art, f"t{n}", PLAYED if n % 2 else SKIPPED, device, dial=dial, number=0.2 + 0.2 * n), device, n % 2)
        for n, device in enumerate(("tv", "phone", "tv"))
    ]
    asked, of = asked_of(art, "compare"), source(art)
    models = candidate_model(of.installed, asked.numbers), as_candidate(of.installed)
    assert all(model.ranker.weights is model.weights and model.latents is None for model in models)
    y = []
    for decision, device, reward in shown:
        title, context = of.catalog.index(decision.title_id), keyart.Context(device, EVENING)
        theirs, ours = (
            CandidateSets(of.catalog, model, POLICY, of.profile.viewer(), None, lambda _: False)
            .candidates([title], context)[0]
            .weighed()
            for model in models
        )
        place = [artwork.id for artwork in of.catalog[decision.title_id].artworks].index(decision.artwork_id)
        w_c, w_i = (
            min(one.probability[place] / decision.propensity, MAX_IMPORTANCE_WEIGHT) for one in (theirs, ours)
        )
        q = ours.value
        y.append(((theirs.probability - ours.probability) * q).sum() + (w_c - w_i) * (reward - q[place]))
    assert min(np.abs(y)) > 1e-4
    found, sums = told(art, asked), {"all": sum(y), "device:tv": y[0] + y[2], "device:phone": y[1]}
    decisions = {"all": 3, "daypart:evening": 3, "device:tv": 2, "device:phone": 1}
    sums["daypart:evening"] = sums["all"]
    for name, one in found.items():
        z = sums.get(name, 0.0) / MIN_SEGMENT_DECISIONS["compare"] / REACH["compare"]
        by_hand = [decisions.get(name, 0) / MIN_SEGMENT_DECISIONS["compare"], z, z**2]
        assert abs(z) < 1 and list(one.values()) == pytest.approx(by_hand, rel=1e-5), name


def test_a_comparison_tells_dayparts_apart(art, dial):
    for n, at in enumerate((EVENING, MORNING, EVENING + timedelta(minutes=1), TV_NIGHT)):
        decide(art, f"t{n}", PLAYED if n % 2 else SKIPPED, "tv", at, dial, 0.2 + 0.2 * n)
    asked = asked_of(art, "compare")
    found = {name: one["values"] for name, one in told(art, asked).items()}
    assert found["all"] == pytest.approx(found["device:tv"])
    apart = [found[f"daypart:{name}"] for name in ("night", "morning", "evening")]
    assert sum(apart) == pytest.approx(found["all"]) and all(apart) and not found["daypart:afternoon"]


def test_a_device_with_enough_decisions_counts_as_one(art, dial):
    for n in range(MIN_SEGMENT_DECISIONS["compare"] + 2):
        decide(art, f"t{n % 3}", PLAYED, at=EVENING + timedelta(minutes=n), dial=dial, number=n / 11)
        assert told(art, asked_of(art, "compare"))["all"]["devices"] == pytest.approx(min((n + 1) / 8, 1))
    of, asked = source(art), asked_of(art, "compare")
    models = candidate_model(of.installed, asked.numbers), of.installed
    _, y = differences(*models, of.policy, of.profile, of.catalog, 0, 100)
    assert told(art, asked)["all"]["values"] == pytest.approx(y.mean() / REACH["compare"])


def test_a_model_does_not_differ_from_itself(art, dial):
    for n in range(6):
        decide(
            art, f"t{n % 3}", PLAYED if n % 2 else SKIPPED, at=EVENING + timedelta(minutes=n), dial=dial, number=n / 7
        )
    installed = art._session.chooser.installed
    own = np.concatenate([installed.weights.flat(), installed.appeal.ravel()]).astype("<f4").tobytes()
    found = told(art, asked_of(art, "compare", payload=own))
    assert found["all"] == pytest.approx({"devices": 6 / 8, "values": 0, "squares": 0})


def test_a_comparison_heeds_since_and_the_latest(art, dial):
    for n in range(4):
        decide(art, "t0", PLAYED if n % 2 else SKIPPED, at=EVENING + timedelta(minutes=n), dial=dial, number=n / 5)
    late = told(art, asked_of(art, "compare", since=NOW + 180))["all"]
    assert late == told(art, asked_of(art, "compare", most_decisions=1))["all"]
    assert late["values"] != 0 and late != told(art, asked_of(art, "compare"))["all"]
    assert told(art, asked_of(art, "compare", since=NOW + 181))["all"]["devices"] == 0


def test_a_comparison_cuts_what_few_decisions_say(art, dial):
    """A picture that the candidate likes ten times as much, and that was played: nearly 10, of at most 2."""
    installed = art._session.chooser.installed
    for dial.number in np.arange(0, 1, 0.01):
        decision = art.choose("t0", keyart.Context("tv", EVENING))
        if decision.propensity < 0.1:
            break
    art.observe(decision.id, PLAYED)
    appeal = installed.appeal.copy()
    appeal[installed.encoded.place[decision.artwork_id], 0] = 20.0
    likes_it = np.concatenate([installed.weights.flat(), appeal.ravel()]).astype("<f4").tobytes()
    found = told(art, asked_of(art, "compare", payload=likes_it))
    assert found["all"] == pytest.approx({"devices": 1 / 8, "values": 1, "squares": 1})


@pytest.mark.parametrize("topic", REACH)
def test_a_device_without_decisions_says_nothing(art, topic):
    asked = asked_of(art, topic)
    vector = kinds.find_kind(asked).vector(asked, source(art))
    assert vector.shape == (asked.size,) and not vector.any()


@pytest.mark.parametrize("topic", REACH)
def test_limits_let_it_pass_unless_its_kind_is_declined(art, topic):
    asked, installed = asked_of(art, topic), art._session.chooser.installed
    about = (ParticipationHistory(), installed.version, installed.spec.sha256, NOW)
    assert limits().refusal(asked, *about) is None
    assert "kind" in limits(kinds=["training"]).refusal(asked, *about)
    assert "another model" in limits().refusal(replace(asked, model_version=installed.version + 1), *about)


@pytest.mark.parametrize("topic", REACH)
def test_offers_that_do_not_fit_this_device(art, topic):
    asked, of = asked_of(art, topic), source(art)
    wrong = [replace(asked, size=asked.size + 1), replace(asked, payload=asked.payload + bytes(4))]
    if topic == "compare":
        wrong.append(replace(asked, payload=b""))
        assert not kinds.find_kind(asked).fits(asked, replace(of, policy=None))
        with pytest.raises(keyart.errors.SettingError):
            vectors.protected_vector(kinds.find_kind(asked), asked, replace(of, policy=None))
    for one in wrong:
        assert not kinds.find_kind(one).fits(one, of)


def test_shares_of_the_norm():
    layout = SegmentLayout.of("rates", SPEC)
    squared = {name: part**2 for name, part in layout.parts(layout.weights).items()}
    assert sum(part.sum() for part in squared.values()) == pytest.approx(1)
    assert sum(part[0] for part in squared.values()) == pytest.approx(ALL_SHARE)
    for name, part in squared.items():
        assert part.sum() == pytest.approx(SHARES[name])
        assert part[1:] == pytest.approx((1 - ALL_SHARE) * SHARES[name] / (len(SEGMENTS) - 1))


DECISION = keyart.Decision("00", "t0", "t0/a", 0.5, False, 1)
MOMENTS = st.builds(
    lambda hour, device: Entry(DECISION, EVENING.replace(hour=hour), device, 0),
    st.integers(0, 23),
    st.sampled_from((*SPEC.devices, "fridge")),
)
EXTREME = st.floats(-1e300, 1e300) | st.sampled_from((-10.0, -1.0, 0.0, 1.0, 10.0))


@settings(deadline=None)
@given(st.sampled_from(list(REACH)), st.lists(st.tuples(MOMENTS, EXTREME), max_size=40))
def test_no_log_makes_a_vector_long(topic, log):
    layout = SegmentLayout.of(topic, SPEC)
    vector = segment_vector(layout, SPEC, [entry for entry, _ in log], np.array([y for _, y in log]))
    assert vector.shape == (layout.size,) and np.linalg.norm(vector) <= 1 + 1e-12
    assert (np.abs(vector) <= layout.weights + 1e-15).all()
    assert bool(vector.any()) == bool(log)


def test_a_device_in_all_segments_reaches_the_norm_and_no_more():
    hours, layout = (1, 8, 14, 20), SegmentLayout.of("compare", SPEC)
    entries = 2 * [Entry(DECISION, EVENING.replace(hour=h), d, 0) for h in hours for d in (*SPEC.devices, "fridge")]
    vector = segment_vector(layout, SPEC, entries, np.full(len(entries), -9.0))
    assert np.linalg.norm(vector) == pytest.approx(1)


def test_what_is_not_a_number_is_not_sent(art, monkeypatch):
    decide(art, "t0", PLAYED)
    monkeypatch.setattr(keyart.Reward, "of", lambda *_: float("nan"))
    asked = asked_of(art, "rates")
    with pytest.raises(keyart.errors.SettingError, match="not finite"):
        vectors.protected_vector(kinds.find_kind(asked), asked, source(art))
