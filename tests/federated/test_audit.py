"""The audit: what an attacker reads off a release stays below what is claimed, and a broken mechanism is caught."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scipy.linalg import hadamard
from scipy.stats import binom

from keyart.dp.clip import UNITS, clip_vectors, integer_norm, round_vectors
from keyart.dp.skellam import skellam_noise
from keyart.errors import SettingError
from keyart.secagg import Stage, device_session
from keyart.secagg.messages import MaskedReply
from keyart_federated.accounting import noise_for
from keyart_federated.accounting.dp_audit import Audit, audit_one_run, distinguish, epsilon_lower
from keyart_federated.secagg import Gateway, run_in_process, unmasking
from keyart_federated.secagg import in_process as process

DELTA = 1e-6
AT_ONCE = 1_000  # devices whose vectors are held at a time


def seeded(seed: int) -> Callable[[int], bytes]:
    return np.random.default_rng(seed).bytes


def device_variance(epsilon: float, devices: int, size: int) -> int:
    """Of each device's noise in one sum that costs ε: as `Plan.variance`, where all survive."""
    l2 = integer_norm(UNITS, size)
    return math.ceil((noise_for(epsilon, DELTA, 1, l2=l2, dimension=size) * l2) ** 2 / devices)


def alone(rows: np.ndarray, size: int) -> np.ndarray:
    """Unit vectors [n, size] of canaries: an entry for each."""
    return (rows[:, None] == np.arange(size)).astype(np.float64)


def spread(rows: np.ndarray, size: int) -> np.ndarray:
    """Likewise, over all entries; orthogonal, so that no canary hides another. size: a power of 2."""
    return hadamard(size)[rows] / math.sqrt(size)


def audited(epsilon: float, canaries: int, guesses: int, weaker: int = 1, masked: bool = False, at=alone) -> Audit:
    """Of one noised sum of as many devices as canaries, each as long as may be; who is not in sends noise alone.
    weaker: what the variance is divided by."""
    random = seeded(1)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], canaries)[:, None]
    variance = device_variance(epsilon, canaries, canaries) // weaker
    chunks = np.split(np.arange(canaries), range(AT_ONCE, canaries, AT_ONCE))

    def noised(included: np.ndarray) -> Iterator[np.ndarray]:
        for rows in chunks:
            vectors = at(rows, canaries) * signs[rows] * included[rows, None]
            integers = round_vectors(clip_vectors(vectors, 1.0)[0], UNITS, random)
            yield integers + skellam_noise(integers.size, variance, random).reshape(integers.shape)

    def run(included: np.ndarray) -> np.ndarray:
        if masked:
            result = run_in_process(np.concatenate(list(noised(included))), 1.0)
            assert len(result.survivors) == canaries
            total = result.total
        else:
            total = sum(integers.sum(axis=0) for integers in noised(included))
        return np.concatenate([at(rows, canaries) @ total for rows in chunks]) * signs[:, 0]

    return audit_one_run(run, canaries, guesses, DELTA, random=random)


@pytest.mark.parametrize("at", [alone, spread])
@pytest.mark.parametrize(("epsilon", "guesses"), [(1.0, 100), (8.0, 200)])
def test_the_mechanism_keeps_what_it_claims(epsilon, guesses, at):
    found = audited(epsilon, 1024, guesses, at=at)
    assert found.epsilon_lower <= epsilon
    assert found.correct > guesses / 2  # the attacker does see something: the audit is not blind


@pytest.mark.parametrize("at", [alone, spread])
def test_too_little_noise_is_caught(at):
    assert audited(1.0, 1024, 200, weaker=20, at=at).epsilon_lower > 1.0


def test_no_noise_is_caught():
    found = audited(8.0, 1000, 800, weaker=10**12)
    assert found.correct == 800 and found.epsilon_lower > 5.0  # near the most that 1,000 canaries can show


def test_masks_change_nothing():
    assert audited(1.0, 60, 20, masked=True).epsilon_lower <= 1.0
    found = audited(1.0, 60, 40, weaker=10**12, masked=True)
    assert found.correct == 40 and found.epsilon_lower > 1.0


@pytest.mark.slow
def test_too_little_noise_is_caught_at_a_large_epsilon():
    """No fewer canaries can refute ε = 8: .05^(1/9000) is what its coins do."""
    assert audited(8.0, 11_000, 10_000, weaker=20).epsilon_lower > 8.0


def test_the_bound_is_that_of_coins():
    doubt = 0.05
    perfect = doubt ** (1 / 200)  # a coin of this bias falls right 200 times with a chance of .05
    assert epsilon_lower(200, 200, 1000) == pytest.approx(math.log(perfect / (1 - perfect)), abs=1e-3)
    for correct in (65, 80, 99):
        found = epsilon_lower(correct, 100, 1000)
        assert binom.sf(correct - 1, 100, 1 / (1 + math.exp(-found))) == pytest.approx(doubt, abs=1e-3)


def test_the_bound_allows_for_delta():
    """Against the theorem's formula, written out with another library."""
    for correct, guesses, canaries, delta in ((95, 100, 1000, 1e-5), (100, 100, 2000, 1e-4), (70, 100, 100, 1e-4)):
        found = epsilon_lower(correct, guesses, canaries, delta)
        coins = binom(guesses, 1 / (1 + math.exp(-found)))
        alpha = max((coins.cdf(correct - 1) - coins.cdf(correct - i - 1)) / i for i in range(1, correct + 1))
        assert coins.sf(correct - 1) + 2 * canaries * delta * alpha == pytest.approx(0.05, abs=1e-3)
        assert found < epsilon_lower(correct, guesses, canaries)
    assert epsilon_lower(100, 100, 1000, 1e-2) == 0.0  # so large a δ may explain it all


def test_few_right_guesses_say_nothing():
    assert epsilon_lower(0, 100, 1000) == epsilon_lower(50, 100, 1000) == epsilon_lower(55, 100, 1000) == 0.0
    found = [epsilon_lower(correct, 100, 1000, DELTA) for correct in range(60, 101, 5)]
    assert found == sorted(found)


def test_the_bound_holds_in_nineteen_of_twenty_runs():
    """Randomised response of ε = 1 meets the theorem with equality: coverage is no better than it must be."""
    rng, epsilon = np.random.default_rng(3), 1.0

    def run(included: np.ndarray) -> np.ndarray:
        keeps = rng.random(len(included)) < 1 / (1 + math.exp(-epsilon))
        return (included == keeps) + rng.random(len(included)) / 2

    found = [audit_one_run(run, 400, 200, random=rng.bytes).epsilon_lower for _ in range(400)]
    assert binom.ppf(1e-4, 400, 0.95) <= sum(lower <= epsilon for lower in found)
    assert np.mean(found) > 0.6 * epsilon


def test_who_is_in_is_tossed_by_the_operating_system():
    seen = []
    for _ in range(2):
        audit_one_run(lambda included: seen.append(included) or included * 1.0, 256, 100)
    assert (seen[0] != seen[1]).any() and 60 < seen[0].sum() < 196


@pytest.mark.parametrize("guesses", [0, -2, 3, 102])
def test_refuses_guesses_that_cannot_be(guesses):
    with pytest.raises(SettingError, match="guesses"):
        audit_one_run(lambda included: included * 1.0, 100, guesses)


@pytest.mark.parametrize("scores", [np.zeros(99), np.full(100, np.nan), np.zeros((100, 1))])
def test_refuses_scores_that_are_none(scores):
    with pytest.raises(SettingError, match="score"):
        audit_one_run(lambda included: scores, 100, 10)


@pytest.mark.parametrize(
    "settings", [(11, 10, 100), (-1, 10, 100), (5, 10, 9), (5, 10, 10, -0.1), (5, 10, 10, 1.0), (5, 10, 10, 0.0, 1.0)]
)
def test_refuses_counts_and_chances_that_cannot_be(settings):
    with pytest.raises(SettingError):
        epsilon_lower(*settings)


# The server's view of a masked round, in two worlds whose sums are the same.
DEVICES, SIZE, ROUNDS = 24, 48, 6
SIGN = np.where(np.arange(DEVICES) % 2, 1, -1)[:, None]
WORLDS = np.zeros((DEVICES, SIZE), dtype=np.int64), np.repeat(SIGN * process.BOUND, SIZE, axis=1)


@pytest.fixture
def views(monkeypatch) -> Callable[[], list[np.ndarray]]:
    """[n, `SIZE`] a world: each masked vector, as if every gateway told the server all."""

    def both() -> list[np.ndarray]:
        seen = []

        class Telling(Gateway):
            def collect(self, replies):
                if self.stage is Stage.MASKED:
                    for row, reply in replies.items():
                        lanes = MaskedReply.from_bytes(reply, self.terms, self._packets[row]).lanes
                        seen.append(np.frombuffer(lanes, "<u4"))
                return super().collect(replies)

        monkeypatch.setattr(process, "Gateway", Telling)
        found = []
        for vectors in WORLDS:
            seen.clear()
            for _ in range(ROUNDS):
                assert not run_in_process(vectors, 0.8).total.any()
            found.append(np.stack(seen))
        return found

    return both


def test_two_worlds_look_alike_to_the_server(views):
    found = distinguish(*views())
    low, high = binom.ppf([1e-6, 1 - 1e-6], found.tried, 0.5)
    assert found.tried == DEVICES * ROUNDS and low <= found.correct <= high


def test_without_masks_they_do_not(views, monkeypatch):
    for place in (device_session, unmasking):
        monkeypatch.setattr(place, "mask_lanes", lambda key, size, bits: np.zeros(size, dtype=f"<u{bits // 8}"))
    assert distinguish(*views()).accuracy == 1.0


RNG = np.random.default_rng(5)


def uniform(n: int = 200, size: int = 32) -> np.ndarray:
    return RNG.integers(0, 2**32, (n, size), dtype=np.uint32)


def pattern(strength: int) -> np.ndarray:
    """Uneven by place alone: neither mean nor spread of a row tells it."""
    half = uniform() // 2
    return half + np.where(np.arange(32) % 2, strength, 0).astype(np.uint32)


@pytest.mark.parametrize(
    ("first", "second", "by"),
    [
        (uniform(), uniform() // 2, "mean"),
        (uniform(), uniform() // 2 + np.uint32(2**30), "chi-square"),
        (pattern(2**31 - 1), pattern(2**31 - 1)[:, ::-1], "regression"),
    ],
)
def test_each_distinguisher_finds_what_it_is_for(first, second, by):
    found = distinguish(first, np.ascontiguousarray(second))
    assert found.by == by and found.accuracy > 0.85


def test_views_of_one_world_are_a_coin():
    found = distinguish(uniform(), uniform())
    assert found.tried == 200 and 66 <= found.correct <= 134


def test_refuses_views_that_do_not_match():
    for second in (uniform(100), uniform(200, 31), uniform().astype(np.uint64)):
        with pytest.raises(SettingError, match="Views"):
            distinguish(uniform(), second)
    with pytest.raises(SettingError, match="Views"):
        distinguish(uniform(2), uniform(2))
