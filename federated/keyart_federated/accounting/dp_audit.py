"""Audit: what an attacker who sees a release can really tell, held against what the accountant says he cannot.

A proof covers the mechanism on paper; these tests run the one that is built. They can refute a claim, never prove it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyart.dp.skellam import RandomBytes
from keyart.errors import SettingError

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Run = Callable[[Bools], Doubles]

MOST_EPSILON = 64.0
TOLERANCE = 1e-4  # of ε
BINS = 16  # of a lane's values
STEPS, RIDGE = 12, 1.0  # of the regression


@dataclass(frozen=True, slots=True)
class Audit:
    """epsilon_lower: no smaller ε is true, with the confidence asked for; 0 where nothing was found. correct: of
    `guesses` about who was in."""

    epsilon_lower: float
    guesses: int
    correct: int


@dataclass(frozen=True, slots=True)
class Distinguished:
    """correct: of `tried` views told from which world they come; by: the distinguisher that did best in training."""

    correct: int
    tried: int
    by: str

    @property
    def accuracy(self) -> float:
        """One half is a coin."""
        return self.correct / self.tried


def audit_one_run(
    run: Run,
    canaries: int,
    guesses: int,
    delta: float = 0.0,
    confidence: float = 0.95,
    random: RandomBytes = os.urandom,
) -> Audit:
    """A lower bound on the ε of a mechanism, from one run with many canaries, each in by the throw of a coin.

    run: [canaries] who is in → a score [canaries] of each, read off the release; the higher, the likelier it is in.
    Half of the guesses say "in" of the highest scores, the others "out" of the lowest. guesses: to be settled before
    the run; few where noise is large, since only extreme scores then tell anything. random: tosses the coins.

    Steinke, Nasr, Jagielski 2023, "Privacy auditing with one (1) training run": against an (ε, δ) mechanism the
    number of right guesses is about one of coins that fall right with probability e^ε / (1 + e^ε). Raises
    SettingError.
    """
    if not 2 <= guesses <= canaries or guesses % 2:
        raise SettingError(f"guesses is {guesses}; it must be even, and from 2 to the {canaries} canaries.")
    bits = np.unpackbits(np.frombuffer(random(-(-canaries // 8)), dtype=np.uint8))
    included = bits[:canaries].astype(np.bool_)
    scores = np.asarray(run(included.copy()), dtype=np.float64)
    if scores.shape != (canaries,) or not np.isfinite(scores).all():
        raise SettingError(f"A run gives one finite score for each of the {canaries} canaries.")
    order, half = np.argsort(scores, kind="stable"), guesses // 2
    correct = int(included[order[-half:]].sum()) + int((~included[order[:half]]).sum())
    return Audit(epsilon_lower(correct, guesses, canaries, delta, confidence), guesses, correct)


def epsilon_lower(correct: int, guesses: int, canaries: int, delta: float = 0.0, confidence: float = 0.95) -> float:
    """The largest ε that `correct` of `guesses` refute, to `TOLERANCE`; 0 for none. Raises SettingError."""
    if not 0 <= correct <= guesses <= canaries:
        raise SettingError(f"{correct} of {guesses} guesses about {canaries} canaries cannot be; count them again.")
    if not (0 <= delta < 1 and 0 < confidence < 1):
        raise SettingError(f"delta ({delta}) lies in [0, 1), and confidence ({confidence}) between 0 and 1.")

    def refuted(epsilon: float) -> bool:
        return _chance(correct, guesses, canaries, epsilon, delta) <= 1.0 - confidence

    low, high = 0.0, MOST_EPSILON
    if not refuted(low):
        return 0.0
    while high - low > TOLERANCE:
        middle = (low + high) / 2
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low


def _chance(correct: int, guesses: int, canaries: int, epsilon: float, delta: float) -> float:
    """The most that (ε, δ) allows for the probability of so many right guesses, or more.

    P[W ≥ v] + 2 m δ max_i P[v > W ≥ v − i] / i over i = 1 … v, for v right of r guesses about m canaries, and W
    binomial of r and e^ε / (1 + e^ε): the paper's main theorem; δ = 0 is its pure case.
    """
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, guesses + 1)))])  # logarithms
    k = np.arange(guesses + 1)
    right, wrong = -math.log1p(math.exp(-epsilon)), -epsilon - math.log1p(math.exp(-epsilon))
    mass = np.exp(factorials[-1] - factorials - factorials[::-1] + k * right + (guesses - k) * wrong)
    below = np.cumsum(mass[:correct][::-1]) / np.arange(1, correct + 1)
    return float(mass[correct:].sum() + 2 * canaries * delta * below.max(initial=0.0))


def distinguish(first: npt.NDArray[np.unsignedinteger], second: npt.NDArray[np.unsignedinteger]) -> Distinguished:
    """How well views of two worlds are told apart: the best of three simple distinguishers.

    first, second: lanes [n, d] as a server sees them, a row a view. Every second row trains: the mean of the lanes,
    how uneven their values are (chi-square), and a logistic regression on them. The other rows are told by the one
    that did best. Raises SettingError.
    """
    if first.shape != second.shape or first.ndim != 2 or len(first) < 4 or first.dtype != second.dtype:
        raise SettingError("Views are two arrays [n, d] of one shape and type, with at least 4 rows.")
    lanes = np.concatenate([first, second]) / float(np.iinfo(first.dtype).max) - 0.5
    world = np.repeat([False, True], len(first))
    trains = np.arange(len(lanes)) % len(first) % 2 == 0
    best, by = np.zeros(len(lanes), dtype=np.bool_), ""
    for name, told in (
        ("mean", _cut(lanes.mean(axis=1), world, trains)),
        ("chi-square", _cut(_chi_square(lanes), world, trains)),
        ("regression", _regression(lanes, world, trains)),
    ):
        if not by or (told == world)[trains].sum() > (best == world)[trains].sum():
            best, by = told, name
    return Distinguished(int((best == world)[~trains].sum()), int((~trains).sum()), by)


def _cut(figure: Doubles, world: Bools, trains: Bools) -> Bools:
    """By the cut through a figure [n], and the side of it, that tell most rows in training."""
    order = np.argsort(figure[trains], kind="stable")
    values, second = figure[trains][order], world[trains][order]
    cuts = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2])
    gained = np.cumsum(np.where(second, -1, 1))  # by calling the rows so far "first" instead of "second"
    right = second.sum() + np.concatenate([[0], np.where(values[1:] > values[:-1], gained[:-1], 0)])
    wrong = len(second) - right
    upwards = right.max() >= wrong.max()
    return np.asarray((figure > cuts[np.argmax(right if upwards else wrong)]) == upwards)


def _chi_square(lanes: Doubles) -> Doubles:
    """Of each row's values against uniform ones, in `BINS` of equal width."""
    bins = np.minimum(((lanes + 0.5) * BINS).astype(np.intp), BINS - 1)
    counts = (bins[..., None] == np.arange(BINS)).sum(axis=1)
    return np.asarray(((counts - counts.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) * (BINS / lanes.shape[1]))


def _regression(lanes: Doubles, world: Bools, trains: Bools) -> Bools:
    """Ridge logistic regression by Newton's steps."""
    spread = max(float(lanes[trains].std()), 1e-12)
    x = np.concatenate([lanes / spread, np.ones((len(lanes), 1))], axis=1)
    known, weights = x[trains], np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = 0.5 * (1.0 + np.tanh(known @ weights / 2))  # σ, without overflow
        curvature = (known * (p * (1 - p))[:, None]).T @ known + RIDGE * np.eye(len(weights))
        weights += np.linalg.solve(curvature, known.T @ (world[trains] - p) - RIDGE * weights)
    return np.asarray(x @ weights > 0)
