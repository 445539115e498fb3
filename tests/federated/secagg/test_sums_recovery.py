"""Recovery: a secret comes back though some shares are wrong, and their givers are remembered."""

from __future__ import annotations

import os

import numpy as np
import pytest

from keyart.secagg.shamir import join_shares, random_bytes_needed, split_secrets
from keyart_federated.secagg import recovery as recovery_module
from keyart_federated.secagg.recovery import Recovery

T, K = 20, 36
SECRET = b"a secret, 16 bts"


@pytest.fixture
def shares() -> dict[int, bytes]:
    dealt = split_secrets([SECRET], T, K, os.urandom(random_bytes_needed(1, T)))
    return {100 + i: dealt[i, 0].tobytes() for i in range(K)}


HOLDERS = {100 + i: i for i in range(K)}


def fits(secret: bytes) -> bool:
    return secret == SECRET


@pytest.mark.parametrize("wrong", [0, 1, 2, 4])
def test_comes_back_though_some_are_wrong(shares, wrong):
    spoilt = {giver: share if i >= wrong else os.urandom(20) for i, (giver, share) in enumerate(shares.items())}
    recovery = Recovery(T)
    assert recovery.secret(spoilt, HOLDERS, fits) == SECRET
    assert set(recovery.doubts) == {100 + i for i in range(wrong)}


def test_those_that_were_wrong_are_tried_last(shares, monkeypatch):
    spoilt = {**shares, 100: os.urandom(20)}
    recovery = Recovery(T)
    recovery.secret(spoilt, HOLDERS, fits)
    tries = []
    monkeypatch.setattr(recovery_module, "join_shares", lambda *given: tries.append(1) or join_shares(*given))
    assert recovery.secret(spoilt, HOLDERS, fits) == SECRET
    assert len(tries) == 1


def test_too_few_and_exactly_enough(shares):
    few = dict(list(shares.items())[: T - 1])
    assert Recovery(T).secret(few, HOLDERS, fits) is None
    enough = dict(list(shares.items())[:T])
    assert Recovery(T).secret(enough, HOLDERS, fits) == SECRET
    assert Recovery(T).secret({**enough, 100: os.urandom(20)}, HOLDERS, fits) is None


def test_nothing_comes_of_noise(shares):
    noise = {giver: np.random.default_rng(giver).bytes(20) for giver in shares}
    assert Recovery(T).secret(noise, HOLDERS, fits) is None
