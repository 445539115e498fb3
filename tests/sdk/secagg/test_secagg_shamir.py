"""Shares: any t of them give the secret; t − 1 say nothing about it; a wrong one gives something else."""

from __future__ import annotations

import itertools
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyart.secagg.shamir import (
    PRIME,
    SHARE_BYTES,
    interpolate_share,
    join_shares,
    random_bytes_needed,
    split_secrets,
)


def dealt(secret: bytes, threshold: int, holders: int) -> list[bytes]:
    shares = split_secrets([secret], threshold, holders, os.urandom(random_bytes_needed(1, threshold)))
    return [share.tobytes() for share in shares[:, 0]]


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=16, max_size=16), st.integers(1, 12), st.integers(0, 12), st.randoms(use_true_random=False))
def test_any_threshold_of_shares_gives_the_secret(secret, threshold, more, rng):
    holders = threshold + more
    shares = dealt(secret, threshold, holders)
    chosen = tuple(rng.sample(range(holders), threshold))
    assert join_shares(chosen, [shares[i] for i in chosen]) == secret


def test_all_choices_of_three_in_six():
    secret = bytes(range(240, 256))
    shares = dealt(secret, 3, 6)
    assert {join_shares(c, [shares[i] for i in c]) for c in itertools.combinations(range(6), 3)} == {secret}


def test_several_secrets_at_once_are_shared_apart():
    secrets = [os.urandom(16) for _ in range(3)]
    shares = split_secrets(secrets, 4, 9, os.urandom(random_bytes_needed(3, 4)))
    assert shares.shape == (9, 3, SHARE_BYTES)
    for i, secret in enumerate(secrets):
        assert join_shares((8, 0, 3, 5), [shares[j, i].tobytes() for j in (8, 0, 3, 5)]) == secret


def test_fewer_shares_say_nothing():
    """One share of two, and two of three, are uniform in the field whatever the secret: chi-square over 16 bins."""
    draws = 3000
    for secret in (bytes(16), b"\xff" * 16):
        seen = np.stack(
            [split_secrets([secret], 3, 2, os.urandom(random_bytes_needed(1, 3)))[:, 0] for _ in range(draws)]
        )
        values = seen.reshape(draws, 2, SHARE_BYTES).copy().view("<u4")  # [draws, 2 holders, 5 limbs]
        mixed = [values[:, 0, 0], values[:, 1, 4], (values[:, 0, 0].astype(np.int64) + 5 * values[:, 1, 0]) % PRIME]
        for column in mixed:
            counts = np.bincount((column.astype(np.float64) * 16 / PRIME).astype(int), minlength=16)
            assert ((counts - draws / 16) ** 2 / (draws / 16)).sum() < 60  # 15 degrees of freedom: p = 2e-7


def test_one_share_fewer_joins_to_another_secret():
    secret = os.urandom(16)
    shares = dealt(secret, 5, 8)
    assert join_shares((0, 1, 2, 3), shares[:4]) != secret


def test_a_wrong_share_does_not_give_the_secret_and_is_foretold():
    secret = os.urandom(16)
    shares = dealt(secret, 3, 5)
    wrong = bytes([shares[1][0] ^ 1]) + shares[1][1:]
    assert join_shares((0, 1, 2), [shares[0], wrong, shares[2]]) != secret
    good = (0, 2, 3)
    foretold = interpolate_share(good, [shares[i] for i in good], 1).astype("<u4").tobytes()
    assert foretold == shares[1] != wrong


def test_values_beyond_the_field_count_as_their_remainder():
    """A hostile share must not make the arithmetic overflow."""
    beyond = np.full(5, 2**32 - 1, dtype="<u4").tobytes()
    reduced = np.full(5, (2**32 - 1) % PRIME, dtype="<u4").tobytes()
    for holder in (-1, 7):
        np.testing.assert_array_equal(
            interpolate_share((0, 1), [beyond] * 2, holder), interpolate_share((0, 1), [reduced] * 2, holder)
        )


@pytest.mark.parametrize("threshold", [1, 2, 40])
def test_a_share_of_the_same_randomness_is_the_same(threshold):
    random = os.urandom(random_bytes_needed(1, threshold))
    np.testing.assert_array_equal(
        split_secrets([b"s" * 16], threshold, 50, random), split_secrets([b"s" * 16], threshold, 50, random)
    )
