"""Compact vectors are the whole vectors without most of their zeros."""

from __future__ import annotations

import numpy as np

from keyart.campaigns import CompactVectors
from keyart.dp import clip_vectors, round_vectors


def seeded(seed: int):
    return np.random.default_rng(seed).bytes


def compact() -> CompactVectors:
    """Return vectors of 3 devices with 40 entries; the last two rows are filled up with zeros at place 0."""
    rng = np.random.default_rng(0)
    values, places = rng.normal(size=(3, 9)), np.sort([rng.choice(40, 9, replace=False) for _ in range(3)], axis=1)
    values[1, 6:] = values[2, 3:] = 0.0
    places[1, 6:] = places[2, 3:] = 0
    return CompactVectors(values, places, 40)


def test_whole_vectors_hold_the_entries_at_their_places():
    vectors = compact()
    whole = np.zeros((3, 40))
    for row, count in enumerate((9, 6, 3)):
        whole[row, vectors.places[row, :count]] = vectors.values[row, :count]
    np.testing.assert_array_equal(vectors.whole(), whole)
    np.testing.assert_array_equal(CompactVectors.of(whole).whole(), whole)
    some = np.array([True, False, True])
    np.testing.assert_array_equal(vectors.of_devices(some).whole(), whole[some])


def test_they_are_clipped_and_rounded_to_the_bits_of_the_whole_vectors():
    """On a device a vector is whole, and in a simulation it is compact."""
    vectors = compact()
    whole, factors = clip_vectors(vectors.whole(), 1.0)
    clipped, same_factors = clip_vectors(vectors.values, 1.0)
    np.testing.assert_array_equal(factors, same_factors)
    assert (factors < 1).all()
    alone = [round_vectors(row, 1000, seeded(n)) for n, row in enumerate(whole)]
    rounded = round_vectors(clipped, 1000, [seeded(n) for n in range(3)], dimension=40)
    made = CompactVectors(rounded.astype(np.float64), vectors.places, 40).whole()
    np.testing.assert_array_equal(made, alone)
    assert (np.abs(made) > 0).any(axis=1).all()
