"""A summary goes to bytes and back; bytes that are none are None, so that the journal is read instead."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyart.profile.snapshot import BASIS_BYTES, Snapshot


def sample(tags: int = 5) -> Snapshot:
    rng = np.random.default_rng(3)
    half = rng.normal(size=(tags + 1, tags + 1)).astype(np.float32)
    titles = {"t1": 1.4, 'odd\n"id\0': 0.4}
    mean = rng.normal(size=tags + 1).astype(np.float32)
    own = rng.normal(size=(2, 2)).astype(np.float32)
    return Snapshot(
        b"b" * BASIS_BYTES,
        titles,
        {"t1": 0.75},
        ("ab" * 16, "cd" * 16),
        mean,
        half + half.T,
        ("t1/a", "odd\n"),
        own,
        77,
    )


def test_there_and_back():
    summary = sample()
    back = Snapshot.from_bytes(summary.to_bytes())
    assert back is not None
    assert (back.basis, back.titles, back.answers, back.waiting, back.pictures, back.updates) == (
        summary.basis,
        summary.titles,
        summary.answers,
        summary.waiting,
        summary.pictures,
        summary.updates,
    )
    np.testing.assert_array_equal(back.mean, summary.mean)
    np.testing.assert_array_equal(back.covariance, summary.covariance)
    np.testing.assert_array_equal(back.own, summary.own)


def test_the_head_of_a_hundred_tags_stays_small():
    assert len(sample(100).to_bytes()) < 32_000


DATA = sample().to_bytes()


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200) | st.integers(0, len(DATA) - 1).map(lambda cut: DATA[:cut]))
def test_other_bytes(data):
    assert Snapshot.from_bytes(data) is None


OTHER_TEXTS = [
    b"null",
    b"[]",
    b'[{}, [], ["a", "b"]]',  # as before there were answers
    b'[{}, {}, [], ["a", "b"]',
    b'[{}, {}, [], ["a"]]',
    b"[{}, {}, [], [1, 2]]",
    b'[{}, {}, [1], ["a", "b"]]',
    b'[[], {}, [], ["a", "b"]]',
    b'[{}, [], [], ["a", "b"]]',
    b'[{}, {"t1": "much"}, [], ["a", "b"]]',
    b'[{}, {}, {}, [], ["a", "b"]]',
]


@pytest.mark.parametrize("texts", OTHER_TEXTS)
def test_other_texts(texts):
    numbers = DATA[: DATA.index(zlib.compress(b"")[:2])]
    assert Snapshot.from_bytes(numbers + zlib.compress(texts)) is None
    assert Snapshot.from_bytes(numbers + texts) is None
    assert Snapshot.from_bytes(numbers + zlib.compress(b'[{}, {}, [], ["a", "b"]]')) is not None
