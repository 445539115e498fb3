"""A candidate judged on one device's own log: as by hand, by no outcome that it is judged by, and never too long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from campaign_samples import NOW, offer
from choosing_samples import (
    EVENING,
    OFF,
    TV,
    Clock,
    Dial,
    distribution_of,
    play_favourite,
    sample_bundle,
    sample_catalog,
    sample_keys,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import keyart
from keyart.campaigns import kinds, vectors
from keyart.campaigns.kinds.evaluation import (
    EVALUATION_PART_NORM,
    MAX_IMPORTANCE_WEIGHT,
    EvaluationLayout,
    candidate_model,
    evaluation_vector,
    replay_weights,
)
from keyart.campaigns.offer import Offer
from keyart.campaigns.vectors import VectorSource

POLICY = keyart.Policy(exploration=0.3, stickiness=OFF, diversity=0.0)
PLAYED, SKIPPED = keyart.Outcome.played(4000), keyart.Outcome.skipped()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return sample_bundle(tmp_path_factory.mktemp("evaluation") / "b", sample_catalog())


def opened(bundle, dial: Dial, policy: keyart.Policy = POLICY, name="memory", **changes) -> keyart.Personalizer:
    base = {"catalog": sample_catalog(), "keys": keyart.EphemeralKey(), "engine": "numpy", "clock": Clock()}
    settings = {**base, "rng": dial, "policy": policy, "bundle": bundle, **changes}
    art = keyart.Personalizer.open(name, **settings)
    art.consent.grant("personalization")
    return art


@pytest.fixture
def dial() -> Dial:
    return Dial()


@pytest.fixture
def art(bundle, dial) -> Iterator[keyart.Personalizer]:
    with opened(bundle, dial) as one:
        yield one


def source(art: keyart.Personalizer) -> VectorSource:
    chooser = art._session.chooser
    return VectorSource(art._session.custody.profile, chooser.installed, chooser.catalog, b"secret", chooser.policy)


def numbers(art: keyart.Personalizer, seed: int | None = None) -> np.ndarray:
    """The installed model's own, or with something added."""
    installed = art._session.chooser.installed
    own = np.concatenate([installed.weights.flat(), installed.appeal.ravel()])
    return own if seed is None else own + np.random.default_rng(seed).normal(0, 0.3, len(own))


def asked_of(art: keyart.Personalizer, payload: np.ndarray | None = None, **changes: object) -> Offer:
    payload = numbers(art) if payload is None else payload
    base = {"kind": "evaluation", "payload": payload.astype("<f4").tobytes()}
    return offer(art, EvaluationLayout(), **{**base, **changes})


def replayed(art: keyart.Personalizer, payload: np.ndarray | None = None, since: float = 0, most: int = 100):
    of = source(art)
    model = candidate_model(of.installed, numbers(art) if payload is None else payload)
    return replay_weights(model, of.policy, of.profile, of.catalog, since, most)


def decide(art: keyart.Personalizer, dial: Dial, title: str, at: float, outcome: keyart.Outcome, minutes: int = 0):
    dial.number = at
    decision = art.choose(title, replace(TV, at=EVENING + timedelta(minutes=minutes)))
    art.observe(decision.id, outcome)
    return decision


def test_one_device_is_what_a_hand_works_out(art, dial, bundle):
    """π from a second device, on which the candidate is installed and which has learned nothing yet: all three
    decisions are one moment, so nothing is learned between them here either."""
    shown = [decide(art, dial, f"t{n}", at, out) for n, (at, out) in enumerate([(0.2, PLAYED), (0.9, SKIPPED)])]
    payload = numbers(art, seed=4).astype("<f4").astype(float)
    w = []
    with opened(bundle, other := Dial()) as fresh:
        session = fresh._session
        session.chooser.use(candidate_model(session.chooser.installed, payload))
        for decision in shown:
            chances = distribution_of(fresh, other, decision.title_id, TV)
            w.append(min(chances[decision.artwork_id] / decision.propensity, 10.0))
    w0, w1 = w
    assert 0 < w0 < 10 and 0 < w1 < 10 and abs(w0 - 1) > 0.01
    a, b = (w0 + w1) / 2, w0 / 2
    asked = asked_of(art, payload)
    kind = kinds.find_kind(asked)
    assert kind.fits(asked, source(art))
    told = kind.vector(asked, source(art))
    by_hand = [1, 0.5, a / 10, b / 10, a**2 / 100, b**2 / 100, a * b / 100]
    np.testing.assert_allclose(told * 7**0.5, by_hand, rtol=1e-5)
    assert list(EvaluationLayout().sizes) == [
        "devices",
        "logged",
        "weight",
        "rewarded",
        "weight_weight",
        "rewarded_rewarded",
        "weight_rewarded",
    ]


def test_what_is_installed_would_have_shown_what_it_showed(bundle, dial):
    """The installed model as its own candidate, without latents on either side: each w is 1, head and all."""
    with opened(bundle, dial) as art:
        chooser = art._session.chooser
        bare = replace(chooser.installed, latents=None)
        art._session.custody.profile._installed = bare  # its viewer and its learner are to have none either
        chooser.use(bare)
        art._session.custody.profile._derive()
        rng = np.random.default_rng(5)
        for n in range(25):
            decide(art, dial, f"t{n % 3}", rng.random(), PLAYED if rng.random() < 0.4 else SKIPPED, minutes=n)
        w, r = replayed(art)
        np.testing.assert_allclose(w, 1, rtol=1e-4)
        assert 0 < r.sum() < 25
        assert art._session.custody.profile.learned()  # there was a head to lose


def test_no_decision_is_judged_by_a_head_that_knows_its_outcome(bundle, dial):
    """The weights of one moment are the same whatever came of it; those of later moments are not."""
    found = []
    for outcome in (PLAYED, SKIPPED):
        with opened(bundle, dial) as art:
            decide(art, dial, "t0", 0.1, outcome)
            decide(art, dial, "t0", 0.1, SKIPPED, minutes=1)
            found.append(replayed(art, numbers(art, seed=4))[0])
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    assert abs(found[0][1] - found[1][1]) > 1e-4


def test_a_page_is_one_moment(bundle, dial):
    found = []
    for outcome in (PLAYED, SKIPPED):
        with opened(bundle, dial) as art:
            dial.number = 0.3
            for n, decision in enumerate(art.choose_page(["t0", "t4"], TV)):  # of the same genres
                art.observe(decision.id, SKIPPED if n else outcome)
            found.append(replayed(art, numbers(art, seed=4))[0])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


def test_what_does_not_count(bundle, dial):
    with opened(bundle, dial, replace(POLICY, stickiness=timedelta(hours=24))) as art:
        decide(art, dial, "t0", 0.2, PLAYED)
        assert decide(art, dial, "t0", 0.2, PLAYED).sticky
        art.choose("t1", TV)  # nothing came of it
        asked = art.choose("t2", replace(TV, intent={"genre:crime": 1.0}))
        art.observe(asked.id, PLAYED)
        w, r = replayed(art)
        assert len(w) == 1 and r.tolist() == [1.0]
        assert not len(replayed(art, since=NOW + 1)[0])


def test_the_latest_count_and_the_earlier_are_learned(art, dial):
    for n, outcome in enumerate([PLAYED, SKIPPED, SKIPPED, PLAYED]):
        decide(art, dial, "t0", 0.1, outcome, minutes=n)
    whole, short = replayed(art), replayed(art, most=2)
    assert short[1].tolist() == whole[1][-2:].tolist() == [0.0, 1.0]
    assert len(replayed(art, since=NOW + 150)[0]) == 1
    assert (short[0] != whole[0][-2:]).any()  # what came before is learned as after an update
    np.testing.assert_allclose(short[0], whole[0][-2:], rtol=0.1)  # all at once, or one by one: nearly the same head


def test_no_decisions_is_a_vector_of_zeros(art):
    asked = asked_of(art)
    assert not kinds.find_kind(asked).vector(asked, source(art)).any()


def test_a_title_that_has_gone_is_left_out(bundle, dial, tmp_path):
    here = {"keys": sample_keys(), "name": tmp_path / "profile.db"}
    with opened(bundle, dial, **here) as art:
        decide(art, dial, "t0", 0.2, PLAYED)
        decide(art, dial, "t1", 0.2, SKIPPED)
    fewer = keyart.Catalog.from_titles([title for title in sample_catalog() if title.id != "t0"])
    with opened(bundle, dial, catalog=fewer, **here) as art:
        assert replayed(art)[1].tolist() == [0.0]


@pytest.mark.parametrize("wrong", ["none", "short", "long", "theta", "appeal", "policy", "size"])
def test_offers_that_do_not_fit_this_device(art, wrong):
    own, of = numbers(art), source(art)
    own[0] = 2e6 if wrong == "theta" else own[0]
    own[-1] = 51.0 if wrong == "appeal" else own[-1]
    cut = {"none": own[:0], "short": own[:-1], "long": np.append(own, 0.0)}.get(wrong, own)
    asked = asked_of(art, cut, **({"size": 8} if wrong == "size" else {}))
    of = replace(of, policy=None) if wrong == "policy" else of
    assert not kinds.find_kind(asked).fits(asked, of)
    if wrong != "size":
        with pytest.raises(keyart.errors.SettingError):
            vectors.protected_vector(kinds.find_kind(asked), asked, of)


def test_the_largest_numbers_that_fit_give_a_vector(art, dial):
    play_favourite(art, "t0/a", 4)
    own = numbers(art)
    own[:-16] = np.where(np.arange(len(own) - 16) % 2, 1e6, -1e6)
    own[len(art._session.chooser.installed.weights.flat()) :] = 50.0
    asked = asked_of(art, own)
    vector = kinds.find_kind(asked).vector(asked, source(art))
    assert np.isfinite(vector).all() and np.linalg.norm(vector) <= 1


@given(
    arrays(np.float64, 5, elements=st.floats(0, MAX_IMPORTANCE_WEIGHT)),
    arrays(np.float64, 5, elements=st.floats(0, 1)),
)
def test_no_log_makes_a_vector_long(w, r):
    vector = evaluation_vector(EvaluationLayout(), w, r)
    assert (
        (vector >= 0).all() and (vector <= EVALUATION_PART_NORM + 1e-12).all() and np.linalg.norm(vector) <= 1 + 1e-12
    )
