"""The policy: from values to a distribution over candidates, and a draw from it with its exact propensity.

SquareCB (Foster and Rakhlin 2020, "Beyond UCB", eq. 2): with A candidates, best value v* and γ > 0,

    p_a = 1 / (A + γ (v* − v_a)) for a ≠ a*,  the rest on a*.

Pure: no clock and no randomness of its own; the uniform number of a draw is handed in.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import EngineError, SettingError
from ..types import Bools, Doubles, Ints

# γ = SHARPNESS / base rate · (1 − e) / e; at e = .01 and a base rate of 8 % that is the 20,000 of learning.md.
SHARPNESS = 16.0
UNTRAINED_EXPLORATION = 0.5  # without a bundle the values mean little yet


class Uniform(Protocol):
    """A source of uniform numbers: `random.Random`, a generator of numpy, or a test's own."""

    def random(self) -> float:
        """Return a number in [0, 1)."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings of choosing.

    Attributes:
        exploration: 0 always shows the best artwork, 1 draws uniformly; between, SquareCB explores close calls.
        stickiness: How long a title keeps its artwork within a daypart; 0 draws anew each time.
        misleading: "block" never shows an artwork whose genres or cast share nothing with the title's.
        diversity: Share of its value that an artwork loses for each kind of tags that fills the page; 0 turns it off.
        sensitive_kinds: Kinds of tags that are never used to personalise, beside `keyart.model.SENSITIVE_KINDS`.

    Raises:
        SettingError: A setting is out of range.
    """

    exploration: float = 0.01
    stickiness: timedelta = field(default=timedelta(hours=24))
    misleading: Literal["block", "allow"] = "block"
    diversity: float = 0.1
    sensitive_kinds: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not (isinstance(self.exploration, (int, float)) and 0 <= self.exploration <= 1):
            raise SettingError(f"Policy.exploration is {self.exploration!r}; it must be between 0 and 1.")
        if not isinstance(self.stickiness, timedelta) or self.stickiness < timedelta(0):
            raise SettingError(f"Policy.stickiness is {self.stickiness!r}; give a timedelta of 0 or more.")
        if not (isinstance(self.diversity, (int, float)) and 0 <= self.diversity <= 1):
            raise SettingError(f"Policy.diversity is {self.diversity!r}; it must be between 0 and 1.")
        if self.misleading not in ("block", "allow"):
            raise SettingError(f"Policy.misleading is {self.misleading!r}; use 'block' or 'allow'.")
        kinds = self.sensitive_kinds
        if not isinstance(kinds, (set, frozenset)) or not all(
            isinstance(kind, str) and kind.strip() for kind in kinds
        ):
            raise SettingError(f"Policy.sensitive_kinds is {kinds!r}; give a set of kinds such as {{'cast'}}.")
        object.__setattr__(self, "sensitive_kinds", frozenset(kind.strip().casefold() for kind in kinds))

    def gamma(self, base_rate: float | None) -> float:
        """Return SquareCB's γ. `base_rate` is the reward of a random artwork, from the bundle; None without one."""
        exploration = self.exploration
        if base_rate is None and exploration > 0:
            exploration = max(exploration, UNTRAINED_EXPLORATION)
        if exploration == 0:
            return math.inf
        rate = min(max(base_rate or 0.1, 1e-3), 1.0)
        return SHARPNESS / rate * (1 - exploration) / exploration


def distribution(values: npt.NDArray[np.floating], allowed: Bools, gamma: float) -> Doubles:
    """Return the probabilities of candidates.

    Args:
        values: […, A].
        allowed: True for candidates that may be shown, […, A].
        gamma: SquareCB's γ.

    Returns:
        […, A]; 0 for candidates that may not be shown, all of them included.
    """
    some = allowed.any(axis=-1, keepdims=True)
    if not some.all():
        return np.where(some, distribution(values, allowed | ~some, gamma), 0.0)
    v = np.where(allowed, values, -np.inf).astype(np.float64)
    best = v.argmax(axis=-1)[..., None]
    gap = np.where(allowed, v.max(axis=-1, keepdims=True) - np.where(allowed, v, 0.0), np.inf)
    if math.isinf(gamma):  # greedy; exact ties share
        tied = gap == 0
        return np.asarray(tied / tied.sum(axis=-1, keepdims=True), dtype=np.float64)
    count = allowed.sum(axis=-1, keepdims=True)
    p = np.where(allowed, 1.0 / (count + gamma * np.where(allowed, gap, 0.0)), 0.0)
    np.put_along_axis(p, best, 0.0, axis=-1)
    np.put_along_axis(p, best, 1.0 - np.cumsum(p, axis=-1)[..., -1:], axis=-1)  # summed in order, as `chances` does
    return p


def distribution_of_set(values: Sequence[float], gamma: float) -> list[float]:
    """Return `distribution` of one candidate set, the same to the last bit.

    It takes plain floats, without numpy's overhead.

    Args:
        values: −inf for candidates that may not be shown.
        gamma: SquareCB's γ.

    Raises:
        EngineError: A value is not a number.
    """
    if math.isnan(sum(values)):
        raise EngineError("The model's scores are not numbers; install another bundle, or open without one.")
    top = max(values)
    if top == -math.inf:
        return [0.0] * len(values)
    if math.isinf(gamma):
        share = 1.0 / values.count(top)
        return [share if value == top else 0.0 for value in values]
    count = len(values) - values.count(-math.inf)
    if gamma:
        p = [1.0 / (count + gamma * (top - value)) for value in values]  # 0 for −∞
    else:
        p = [1.0 / count if value > -math.inf else 0.0 for value in values]
    best = values.index(top)
    p[best] = 0.0
    *_, others = itertools.accumulate(p)
    p[best] = 1.0 - others
    return p


def draw_candidates(p: Doubles, uniform: Doubles | float) -> Ints:
    """Return the index drawn: the first whose cumulated probability exceeds the uniform number in [0, 1).

    Args:
        p: […, A]. Where all of them are 0, nothing can be drawn, and the index means nothing.
        uniform: […].
    """
    cumulated = np.cumsum(p, axis=-1)
    below = cumulated <= np.asarray(uniform)[..., None] * cumulated[..., -1:]  # less than the last, however rounded
    return np.asarray(np.minimum(below.sum(axis=-1), p.shape[-1] - 1), dtype=np.intp)


def draw_candidate(p: Sequence[float], uniform: float) -> int:
    """Return `draw_candidates` of one candidate set, the same index."""
    cumulated = list(itertools.accumulate(p))
    return bisect.bisect_right(cumulated, uniform * cumulated[-1])
