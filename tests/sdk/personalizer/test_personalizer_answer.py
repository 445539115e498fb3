"""answer, the plain protocol: nothing without consent, nothing unprotected, and no message makes it fall over."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from choosing_samples import EVENING, OFF, TV, sample_catalog
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import keyart
from keyart.campaigns.plain import MAX_OFFER_BYTES
from keyart.campaigns.vector_layout import TrainingLayout
from keyart.errors import MessageError

OPEN = keyart.Limits(require_protection=False)
BOTH = "personalization federated"


def offer(art: keyart.Personalizer, **changed: object) -> bytes:
    document = {
        "keyart": 1,
        "kind": "training",
        "campaign": "spring",
        "round": 3,
        "model_version": art.model_version,
        "feature_spec": art._session.chooser.installed.spec.sha256,
        "masked": False,
        "noise_multiplier": 0.0,
    }
    return json.dumps({k: v for k, v in {**document, **changed}.items() if v is not ...}).encode()


def sent(reply: bytes) -> tuple[dict[str, object], np.ndarray]:
    (size,) = struct.unpack_from("<I", reply)
    return json.loads(reply[4 : 4 + size]), np.frombuffer(reply, "<i8", offset=4 + size)


@pytest.mark.parametrize("consent", ["", "personalization", "federated"])
def test_nothing_without_consent(open_art, bundle, consent):
    art = open_art(bundle=bundle, consent=consent, limits=OPEN)
    assert art.answer(offer(art)) is None and art.answer(b"garbage") is None
    assert art.export()["sent"] == []


@pytest.mark.parametrize("mode", [{"mode": "non_profiled"}, {"age_mode": "child"}])
def test_nothing_from_a_child_or_unprofiled(open_art, bundle, mode):
    art = open_art(bundle=bundle, consent=BOTH, limits=OPEN, **mode)
    assert art.answer(offer(art)) is None


def test_nothing_unprotected_by_default(open_art, bundle):
    art = open_art(bundle=bundle, consent=BOTH)
    assert art.answer(offer(art)) is None
    assert art.answer(offer(art, masked=True, noise_multiplier=1.0)) is None  # whatever it says of itself
    assert art.export()["sent"] == []


@pytest.mark.parametrize("change", [{"model_version": 9}, {"feature_spec": "00"}, {"kind": "survey"}])
def test_campaigns_for_somebody_else_are_declined(open_art, bundle, change):
    art = open_art(bundle=bundle, consent=BOTH, limits=OPEN)
    assert art.answer(offer(art, **change)) is None


def test_a_contribution_and_its_receipt(open_art, bundle, path):
    art = open_art(bundle=bundle, consent=BOTH, limits=OPEN, policy=keyart.Policy(exploration=1, stickiness=OFF))
    art.record(keyart.View("t2", EVENING, 6000))
    for n in range(6):
        decision = art.choose("t0", TV)
        art.observe(decision.id, keyart.Outcome.played(4000) if n % 2 else keyart.Outcome.skipped())
    asked = art.choose("t0", keyart.Context("tv", EVENING, intent={"faces": 1.0}))
    art.observe(asked.id, keyart.Outcome.played(4000))
    art.choose("t1", TV)  # no outcome yet
    reply = art.answer(offer(art))
    assert reply is not None
    header, vector = sent(reply)
    assert header == {"keyart": 1, "campaign": "spring", "round": 3}
    layout = TrainingLayout(art._session.chooser.installed.spec, 48)
    assert vector.shape == (layout.size,)
    outcomes = vector[layout.places["outcomes"]] / (1 << 20)
    assert outcomes.tolist() == [6.0, 3.0, 3.0]  # decisions, plays, quality plays; none under an intent
    text = json.dumps(art.export()["sent"])
    assert json.loads(text) == [
        {
            "at": art.export()["sent"][0]["at"],
            "kind": "training",
            "campaign": "spring",
            "round": 3,
            "size_bytes": len(reply),
            "masked": False,
            "noise_multiplier": 0.0,
            "topic": "",
            "purpose": "",
            "clip": 0.0,
            "units": 0,
            "entries": 0,
            "minimum_devices": 0,
            "epsilon": 0.0,
            "delta": 0.0,
            "round_id": "",
        }
    ]
    assert "t0" not in text
    art.close()
    assert len(open_art(bundle=bundle).export()["sent"]) == 1


def test_a_device_that_has_seen_nothing_sends_zeros(open_art, bundle):
    art = open_art(bundle=bundle, consent=BOTH, limits=OPEN)
    _, vector = sent(art.answer(offer(art)))
    assert not vector.any()
    art.record(keyart.View("elsewhere", EVENING, 6000))  # not in this catalogue: it says nothing of a taste
    assert not sent(art.answer(offer(art)))[1].any()


WRONG = [
    *({name: value} for name in ("kind", "campaign", "feature_spec") for value in (..., None, 3, [])),
    *({name: value} for name in ("round", "model_version") for value in (..., "1", 1.5, True, None)),
    *({"masked": value} for value in (..., 1, "yes")),
    *({"noise_multiplier": value} for value in (..., True, "1", -1.0, float("nan"), float("inf"))),
    *({"keyart": value} for value in (..., 2, "1")),
]


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_wrong_fields(open_art, bundle, change):
    art = open_art(bundle=bundle, consent=BOTH, limits=OPEN)
    with pytest.raises(MessageError):
        art.answer(offer(art, **change))
    assert art.export()["sent"] == []


@pytest.fixture(scope="module")
def device(bundle):
    with keyart.Personalizer.open(
        "memory", catalog=sample_catalog(), bundle=bundle, keys=keyart.EphemeralKey(), engine="numpy", limits=OPEN
    ) as art:
        art.consent.grant("personalization")
        art.consent.grant("federated")
        yield art


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = ("keyart", "kind", "campaign", "round", "model_version", "feature_spec", "masked", "noise_multiplier")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | anything.map(lambda x: json.dumps(x).encode()))
@example(b"[" * 60_000)
@example(b"\xff\xfe")
@example(b'{"keyart": ' + b"9" * 5000 + b"}")
@example(b" " * (MAX_OFFER_BYTES + 1))
def test_garbage(device, message):
    with pytest.raises(MessageError):
        device.answer(message)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), anything, max_size=3))
def test_mutated_offers(device, change):
    try:
        reply = device.answer(offer(device, **change))
    except MessageError:
        return
    assert reply is None or isinstance(reply, bytes)
    json.dumps(device.export(), allow_nan=False).encode()


def test_not_even_bytes(device):
    for message in (None, "text", 3, {}):
        with pytest.raises(MessageError):
            device.answer(message)
