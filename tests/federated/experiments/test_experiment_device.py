"""What a device tells of its arm: metrics of its own journal, a vector no longer than 1, and no sensitive group."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from campaign_samples import HOUR, NOW, fleet, limits, offer, run
from choosing_samples import EVENING, Clock
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2

import keyart
from keyart.campaigns import kinds
from keyart.campaigns.kinds.engagement import METRICS, Engagement
from keyart.campaigns.kinds.experiment import ExperimentRequest, MetricRequest, arm_of, experiment_vectors
from keyart.campaigns.vectors import VectorSource
from keyart_federated.experiments import Baseline, Experiment, Told, analyse, read

ONE = MetricRequest("quality_plays", 0.6, 0.2, 0.4, 0.5, 0.2)
TWO = MetricRequest("abandonment", 0.4, 0.1, 0.3)
QUESTION = ExperimentRequest("buttons", 2, (ONE, TWO), "device", ("tv", "phone"))


def asks(art: keyart.Personalizer, question: ExperimentRequest, **changes: object):
    base = {"kind": "experiment", "topic": question.topic, "payload": question.payload, "arms": question.arms}
    return offer(art, question.layout, **{**base, "since": NOW, **changes})


def source(art: keyart.Personalizer, **changes: object) -> VectorSource:
    chooser, custody = art._session.chooser, art._session.custody
    return VectorSource(custody.profile, chooser.installed, chooser.catalog, b"secret", **changes)


@pytest.fixture
def art():
    clock = Clock()
    with fleet(1, clock, policy=keyart.Policy(stickiness=timedelta(0))) as (one,):
        yield one


def watch(art, minutes: float, title: str, outcome: keyart.Outcome, device: str = "tv") -> None:
    decision = art.choose(title, keyart.Context(device, EVENING + timedelta(minutes=minutes)))
    art.observe(decision.id, outcome)


def test_metrics_of_a_journal_written_by_hand(art):
    skip, good, bad = keyart.Outcome.skipped(), keyart.Outcome.played(3600), keyart.Outcome.played(60)
    for minutes, title, outcome in (
        (60, "t0", skip), (62, "t1", bad), (64, "t2", good),  # a visit: two minutes until the first play
        (200, "t3", skip), (203, "t4", skip),  # another, in vain
        (60 + 24 * 60, "t5", good),  # a day later, at once
    ):  # fmt: skip
        watch(art, minutes, title, outcome)
    mine = source(art)
    lived = Engagement.of(mine.profile, mine.catalog, mine.installed.encoded)
    window = lived.within(NOW + 1800, math.inf, 100)
    told = dict(zip(METRICS, lived.measured(window), strict=True))
    assert told["quality_plays"] == pytest.approx(2 / 6)
    assert told["take_rate"] == pytest.approx(3 / 6)
    assert told["abandonment"] == pytest.approx(1 / 3)
    assert told["watch_time"] == pytest.approx((7260 / 3600) / 2)  # on two days
    assert told["browse_time"] == pytest.approx((2 + 10 + 0) / 3)
    assert told["returns"] == 1.0
    assert 0 < told["page_diversity"] <= 1
    assert lived.measured(lived.within(NOW + 1800, NOW + 3 * 3600, 100))[METRICS.index("returns")] == 1.0
    assert lived.within(NOW + 1800, math.inf, 2) == slice(window.stop - 2, window.stop)
    assert np.isnan(lived.measured(lived.within(0, 1, 100))).all()


def test_the_past_is_what_was_before_and_groups_are_where_most_was_shown(art):
    for minutes in range(5):
        outcome = keyart.Outcome.played(3600) if minutes < 2 else keyart.Outcome.skipped()
        watch(art, 60 + minutes, f"t{minutes}", outcome, "phone")
    asked = asks(art, QUESTION, since=NOW + 1800)
    known = kinds.find_kind(asked)
    assert known.fits(asked, source(art))
    told = QUESTION.layout.parts(known.vector(asked, source(art)) / QUESTION.weights)
    arm = arm_of(b"secret", "buttons", 2)
    x = -0.5  # (0 − .2) / .4: `fleet` has shown one picture before, in vain
    z = (0.4 - 0.2) / 0.4 - 0.5 * x
    np.testing.assert_allclose(told["arms"].reshape(2, 5)[arm], [1, z, -1 / 3, z * z, 1 / 9], atol=1e-6)
    np.testing.assert_allclose(told["past"][[0, 2]], [x * z, x * x], atol=1e-6)
    groups = told["groups"].reshape(3, 2, 3)
    assert np.flatnonzero(groups[:, arm, 0]).tolist() == [1] and not groups[:, 1 - arm].any()


def test_labels_of_the_host_and_of_nobody(art):
    question = ExperimentRequest("buttons", 2, (ONE,), "region", ("north", "south"))
    asked = asks(art, question, since=0)
    for label, place in (({"region": "south"}, 1), ({"region": "west"}, 2), ({}, 2)):
        vector = kinds.find_kind(asked).vector(asked, source(art, labels=label))
        groups = question.layout.parts(vector)["groups"].reshape(3, 2, 3)
        assert np.flatnonzero(groups[..., 0].any(axis=1)).tolist() == [place]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("buttons/religion:a,b", QUESTION.payload),
        ("buttons/ Religion :a", QUESTION.payload),
        ("buttons/device:", QUESTION.payload),
        ("buttons/device:a,a", QUESTION.payload),
        ("buttons/:a", QUESTION.payload),
        ("buttons/cast:a,b", QUESTION.payload),  # named by the app's policy
        ("/device:tv", QUESTION.payload),
        ("buttons/device:tv,phone", QUESTION.payload[:-4]),
        ("buttons/device:tv,phone", b""),
        (
            "buttons/device:tv,phone",
            ExperimentRequest("b", 2, (replace(ONE, share=0.3), replace(ONE, share=0.3))).payload,
        ),
        ("buttons/device:tv,phone", ExperimentRequest("b", 2, (MetricRequest("returns", 1.2, 0.0, 1.0),)).payload),
        ("buttons/device:tv,phone", ExperimentRequest("b", 2, (MetricRequest("returns", 1.0, 0.0, 0.0),)).payload),
        (
            "buttons/device:tv,phone",
            ExperimentRequest("b", 2, (MetricRequest("returns", 1.0, 0.0, 1.0, 9.0),)).payload,
        ),
        ("buttons/device:tv,phone", np.array([9, 1, 0, 1, 0, 0], dtype="<f4").tobytes()),
    ],
)
def test_questions_that_no_device_answers(art, topic, payload):
    for size in (QUESTION.layout.size, ExperimentRequest("b", 2, (ONE,), "device", ("tv", "phone")).layout.size):
        asked = asks(art, QUESTION, topic=topic, payload=payload, size=size)
        policy = keyart.Policy(sensitive_kinds=frozenset({"cast"}))
        assert not kinds.find_kind(asked).fits(asked, source(art, policy=policy))
        with pytest.raises(keyart.errors.SettingError):
            kinds.find_kind(asked).vector(asked, source(art, policy=policy))


def test_a_question_is_read_as_it_was_asked(art):
    for question in (QUESTION, ExperimentRequest("b", 3, (TWO,))):
        found = ExperimentRequest.read(asks(art, question))
        assert found is not None
        assert (found.name, found.group, found.groups) == (question.name, question.group, question.groups)
        np.testing.assert_allclose(found.weights, question.weights, rtol=1e-6)
        assert [a.metric for a in found.asked] == [a.metric for a in question.asked]


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float64, (2, 3, len(METRICS)), elements=st.floats(-1e12, 1e12) | st.just(np.nan)),
    st.integers(0, 1),
    st.integers(0, 2),
)
def test_nothing_makes_a_vector_long(values, arm, group):
    told = experiment_vectors(QUESTION, np.full(3, arm), np.full(3, group), *values)
    assert told.shape == (3, QUESTION.layout.size) and np.isfinite(told).all()
    assert (np.sqrt((told**2).sum(axis=1)) <= 1 + 1e-9).all()


def test_the_weights_use_the_whole_norm():
    told = QUESTION.layout.parts(QUESTION.weights)
    one_arm = [told["arms"][:5], told["past"], told["groups"][:3]]
    assert np.concatenate(one_arm) @ np.concatenate(one_arm) == pytest.approx(1.0)


def test_arms_stay_and_two_experiments_know_nothing_of_each_other():
    secrets = [n.to_bytes(32, "little") for n in range(20_000)]
    one, other = (np.array([arm_of(s, name, 3) for s in secrets]) for name in ("one", "other"))
    assert [arm_of(s, "one", 3) for s in secrets[:100]] == one[:100].tolist()
    table = np.bincount(3 * one + other, minlength=9)
    expected = len(secrets) / 9
    assert chi2.sf(((table - expected) ** 2 / expected).sum(), 8) > 1e-3
    same = np.bincount(4 * one, minlength=9)  # what arms that hang together would look like
    assert chi2.sf(((same - expected) ** 2 / expected).sum(), 8) < 1e-3


def test_a_whole_masked_round_of_real_devices_reads_as_their_journals_say():
    known = {"quality_plays": Baseline(0.4, 0.2, 0.2), "take_rate": Baseline(0.4, 0.2)}
    experiment = Experiment("buttons", 60, known, days=1, first_day=1, looks=1, epsilon=1e5)
    open_door = limits(epsilon=1e9, least_noise=0.0, minimum_devices=40)
    with fleet(60, Clock(), limits=open_door) as arts:
        installed = arts[0]._session.chooser.installed
        about = {"campaign": "spring", "purpose": "Find out whether larger buttons help.", "since": NOW - 1}
        asked = experiment.offer(
            0,
            None,
            model_version=installed.version,
            feature_spec=installed.spec.sha256,
            not_after=NOW + HOUR,
            **about,
        )
        result = run(arts, asked)
        receipt = arts[0].federated.sent()[0]
        arms = np.array([art.federated.arm("buttons", 2) for art in arts])
        lived = [Engagement.of(s.profile, s.catalog, s.installed.encoded) for s in map(source, arts)]
    assert receipt.topic == "buttons" and receipt.epsilon <= 1e5
    thetas = tuple(a.theta for a in experiment.question().asked)
    told = Told(1, thetas, len(result.survivors), asked.variance * len(arts), tuple(result.total.tolist()))
    look = read(experiment, told)
    values = np.array([one.measured(slice(None))[METRICS.index("quality_plays")] for one in lived])
    for arm in (0, 1):
        mine = values[arms == arm]
        assert look.devices[arm] == pytest.approx(len(mine), abs=0.3)
        assert look.z[arm, 0] / look.devices[arm] == pytest.approx(((mine - 0.4) / 0.6).mean(), abs=0.05)
    assert len(analyse(experiment, [look]).courses) == 2
