"""Logged decisions, checked: rewards, propensities, and the probabilities of the policy that is evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from keyart.errors import InputError

from ..types import Doubles, Ints
from .ratio import Ratio

Values = npt.ArrayLike
Groups = Sequence[Any] | npt.NDArray[Any]
ROUNDING: Final = 1e-6  # by which a probability in float32 may be above 1
MIN_PROPENSITY: Final = 1e-9  # a picture that is drawn less often was not drawn by chance
MAX_REWARD: Final = 1e12  # of a reward, so that squares of what is weighted stay numbers


@dataclass(frozen=True, eq=False)
class Decisions:
    """Logged decisions, [n] each.

    Attributes:
        reward: Reward of the artwork that was shown.
        propensity: Probability with which it was drawn.
        target: Probability of the same artwork under the evaluated policy.
        predicted_shown: Its predicted reward; 0 without predictions.
        predicted_target: Expected predicted reward of the policy; 0 without predictions.
        unit: Place of the decision's device among the devices; without groups each decision is its own.
    """

    reward: Doubles
    propensity: Doubles
    target: Doubles
    predicted_shown: Doubles
    predicted_target: Doubles
    unit: Ints

    @classmethod
    def of(
        cls,
        rewards: Values,
        propensities: Values,
        target_probabilities: Values,
        predicted_shown: Values | None = None,
        predicted_target: Values | None = None,
        groups: Groups | None = None,
    ) -> Decisions:
        """Return checked decisions. Raises InputError, which counts decisions from 1."""
        reward = _numbers("reward", rewards)

        def given(predicted: Values | None) -> Values:
            return np.zeros(len(reward)) if predicted is None else predicted

        found = cls(
            reward=reward,
            propensity=_numbers("propensity", propensities, len(reward)),
            target=_numbers("target probability", target_probabilities, len(reward)),
            predicted_shown=_numbers("predicted reward", given(predicted_shown), len(reward)),
            predicted_target=_numbers("predicted reward of the policy", given(predicted_target), len(reward)),
            unit=np.arange(len(reward)) if groups is None else _places(groups, len(reward)),
        )
        for name, chance, least in (
            ("propensity", found.propensity, MIN_PROPENSITY),
            ("target probability", found.target, 0.0),
        ):
            _require(name, chance, least, 1.0)
        return found

    @cached_property
    def weight(self) -> Doubles:
        """The importance weights π / p, [n]."""
        return self.target / self.propensity

    @cached_property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest possible reward: 0 and 1, unless others occur."""
        return min(float(self.reward.min()), 0.0), max(float(self.reward.max()), 1.0)

    @cached_property
    def predicted(self) -> bool:
        """Return whether there are predicted rewards."""
        return bool(self.predicted_shown.any() or self.predicted_target.any())

    @cached_property
    def units(self) -> int:
        """Return the number of units."""
        return int(self.unit.max()) + 1

    def by_unit(self, of_decision: Doubles) -> Doubles:
        """Return sums by unit, [units]."""
        return np.bincount(self.unit, of_decision, self.units).astype(np.float64)

    def ratio(self, fixed: Doubles, factor: Doubles, offset: Doubles, denominator: Doubles) -> Ratio:
        """Return the ratio of Σ fixed + factor (reward − offset) to Σ denominator, all [n]."""
        numerator = self.by_unit(fixed + factor * (self.reward - offset))
        least, most = self.range
        worst, best = np.zeros(self.units), np.zeros(self.units)
        np.minimum.at(worst, self.unit, factor * (least - self.reward))
        np.maximum.at(best, self.unit, factor * (most - self.reward))
        return Ratio(
            numerator,
            self.by_unit(denominator),
            numerator + worst,
            numerator + best,
            self.by_unit(factor),
        )

    def logged(self) -> Ratio:
        """Return the mean reward of the artworks that were shown."""
        one = np.ones(len(self.reward))
        return self.ratio(0 * one, one, 0 * one, one)


def _numbers(name: str, values: Values, length: int | None = None) -> Doubles:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"A {name} is no number; give one a decision.") from None
    if found.ndim != 1 or (length is not None and len(found) != length):
        wanted = "one number a decision" if length is None else f"{length}, as many as there are rewards"
        raise InputError(f"The shape of {name} is {found.shape}; give {wanted}.")
    if not len(found):
        raise InputError("There are no decisions; give those of a log.")
    _require(name, found, -MAX_REWARD, MAX_REWARD)
    return found


def _require(name: str, values: Doubles, least: float, most: float) -> None:
    fine = (values >= least) & (values <= most * (1 + ROUNDING))
    if not fine.all():
        place = int(np.argmin(fine))
        raise InputError(
            f"The {name} of decision {place + 1} is {values[place]:g}; it must be from {least:g} to {most:g}."
        )


def _places(groups: Groups, length: int) -> Ints:
    found = np.asarray(groups)
    if found.shape != (length,):
        raise InputError(f"The shape of groups is {found.shape}; give {length}, the device of each decision.")
    if found.dtype.kind == "f" and np.isnan(found).any():
        raise InputError(f"The device of decision {int(np.isnan(found).argmax()) + 1} is a NaN; give each one.")
    if found.dtype.kind == "O":
        found = found.astype(str)  # so that values of several kinds can be sorted
    return np.unique(found, return_inverse=True)[1].astype(np.intp)
