"""Two worlds: what the server sees, apart from the sum, is the same whatever the vectors are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from keyart.secagg import Stage
from keyart.secagg.masks import mask_lanes, to_lanes

N, SIZE = 10, 4000
MOST = 2**20
BINS = 256  # values of a byte: 255 degrees of freedom, standard deviation √510
LIMIT = 255 + 6 * 510**0.5


def same_each_time(seed: int) -> Callable[[int], bytes]:
    count = iter(range(10**6))
    return lambda size: hashlib.sha256(f"{seed}/{next(count)}".encode()).digest()[:size]


def chi_square(data: bytes) -> float:
    counts = np.bincount(np.frombuffer(data, np.uint8), minlength=BINS)
    return float(((counts - len(data) / BINS) ** 2 / (len(data) / BINS)).sum())


def seen(
    fleet, vectors: np.ndarray, seed: int = 0, silent: int | None = None
) -> tuple[dict[Stage, list[bytes]], object]:
    """All replies by stage, each device's masked vector included (as if gateways told them), and the fleet."""
    one = fleet(N, threshold=0.8, size=SIZE, random=same_each_time(seed))
    one.vectors = vectors
    view: dict[Stage, list[bytes]] = {stage: [] for stage in Stage}

    def spoil(stage: Stage, row: int, reply: bytes) -> bytes | None:
        if row == silent and stage >= Stage.MASKED:
            return None
        view[stage].append(reply)
        return reply

    result = one.run(spoil)
    alive = [row for row in range(N) if row != silent]
    np.testing.assert_array_equal(result.total, vectors[alive].sum(axis=0))
    return view, one


def lanes(replies: list[bytes]) -> list[np.ndarray]:
    return [np.frombuffer(reply[-4 * SIZE :], "<u4") for reply in replies]


def worlds() -> dict[str, np.ndarray]:
    sign = np.where(np.arange(N) % 2, 1, -1)[:, None]
    return {
        "all zero": np.zeros((N, SIZE), dtype=np.int64),
        "the same sum": np.repeat(sign * MOST, SIZE, axis=1),
        "all at their most": np.full((N, SIZE), MOST, dtype=np.int64),
    }


WORLDS = worlds()


@pytest.mark.parametrize("silent", [None, 4])
def test_but_for_masked_vectors_every_byte_is_the_same_in_any_world(fleet, silent):
    """Under the same randomness: keys, shares, pads and what is told in the end do not depend on a vector."""
    views = [seen(fleet, vectors, silent=silent)[0] for vectors in WORLDS.values()]
    for other in views[1:]:
        for stage in (Stage.KEYS, Stage.SHARE, Stage.UNMASK):
            assert other[stage] == views[0][stage]
        for mine, theirs in zip(views[0][Stage.MASKED], other[Stage.MASKED], strict=True):
            assert mine[: -4 * SIZE] == theirs[: -4 * SIZE] and mine != theirs


@pytest.mark.parametrize("world", WORLDS)
def test_a_masked_vector_is_uniform(fleet, world):
    """And stays so when the self-masks, which the server rebuilds, are taken off: chi-square over bytes."""
    view, one = seen(fleet, WORLDS[world], seed=1)
    round_id = one.terms.round_id
    again = fleet(N, threshold=0.8, size=SIZE, random=same_each_time(1))
    assert again.terms.round_id == round_id
    order = sorted(range(N), key=lambda row: row % 3)  # gateways relay their own devices
    for row, masked in zip(order, lanes(view[Stage.MASKED]), strict=True):
        assert chi_square(masked.tobytes()) < LIMIT
        own = mask_lanes(again.sessions[row]._seed("self-mask"), SIZE, 32)
        assert chi_square((masked - own).tobytes()) < LIMIT
    everything = b"".join(masked.tobytes() for masked in lanes(view[Stage.MASKED]))
    assert chi_square(everything) < LIMIT


def test_the_test_sees_a_vector_that_is_not_masked():
    plain = to_lanes(WORLDS["all at their most"][0], 32)
    assert chi_square(plain.tobytes()) > 1000 * LIMIT
    once = mask_lanes(b"k" * 16, SIZE // 8, 32)
    assert chi_square(np.repeat(once, 8).tobytes()) > LIMIT  # a mask that is used again


def test_two_worlds_of_one_sum_are_not_told_apart_by_any_masked_vector(fleet):
    """A distinguisher that thresholds the mean of a masked vector, the best against shifted uniform lanes without
    wrapping, is right half of the time."""
    guesses = []
    for seed in range(12):
        for world, name in enumerate(("all zero", "the same sum")):
            view, _ = seen(fleet, WORLDS[name], seed=100 + seed)
            # In the second world every second device adds MOST, the others take it away.
            means = [float(m.astype(np.float64).mean()) for m in lanes(view[Stage.MASKED])]
            guesses.append((means[0] > 2**31) == bool(world))
    assert 4 <= sum(guesses) <= 20  # of 24; outside with a chance of 3e-4 where the guess is a coin


def test_shares_and_locked_answers_are_uniform(fleet):
    view, one = seen(fleet, WORLDS["all at their most"], seed=3)
    k = N - 1
    sealed = b"".join(reply[36 + 64 :] for reply in view[Stage.SHARE])
    locked = b"".join(reply[-(20 * k + 16) :] for reply in view[Stage.UNMASK])
    assert chi_square(sealed) < LIMIT and chi_square(locked) < LIMIT and not one.refusals
