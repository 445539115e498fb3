"""answer: no message makes a device fall over, and what is no message of the protocol is an error."""

from __future__ import annotations

import json

import pytest
from choosing_samples import sample_catalog
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import keyart
from keyart.campaigns.participation import MAX_MESSAGE_BYTES
from keyart.errors import MessageError


@pytest.fixture(scope="module")
def device(bundle):
    with keyart.Personalizer.open(
        "memory", catalog=sample_catalog(), bundle=bundle, keys=keyart.EphemeralKey(), engine="numpy"
    ) as art:
        art.consent.grant("personalization")
        art.consent.grant("federated")
        yield art


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | anything.map(lambda x: json.dumps(x).encode()))
@example(b"[" * 60_000)
@example(b"\xff\xfe")
@example(b'{"keyart": 1, "kind": "training"}')  # of protocol 1, which sent vectors that their receiver could read
@example(b" " * (MAX_MESSAGE_BYTES + 1))
def test_garbage(device, message):
    with pytest.raises(MessageError):
        device.answer(message)
    assert device.federated.sent() == []


def test_not_even_bytes(device):
    for message in (None, "text", 3, {}):
        with pytest.raises(MessageError):
            device.answer(message)
