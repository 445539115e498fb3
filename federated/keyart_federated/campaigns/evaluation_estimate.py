"""Evaluation: what a noised sum tells about a candidate that nobody has seen yet
(`keyart.campaigns.kinds.evaluation`).

The unit is a device: decisions on one device depend on each other, devices do not. Without noise the same comes out
of the logs themselves (`keyart_federated.evaluation.by_device`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from keyart.campaigns.kinds.evaluation import MOST, PART_NORM, EvaluationLayout
from keyart.errors import FederatedError, NoOverlap, RoundFailed, SettingError

from ..evaluation.devices import LEAST_WEIGHT, hardly_shown

LEAST_DEVIATIONS: Final = 5.0  # of the noise, that Σ w is to measure: a ratio to less is not nearly normal
MOST_DOUBT: Final = 0.25  # deviation of the noise in the variance, as a share of it
ROUNDING: Final = 0.25  # the most that rounding by chance adds to the variance of an integer, a device


@dataclass(frozen=True, slots=True)
class Evaluation:
    """value: reward a decision, under the candidate. standard_error: of it, noise included. logged_value: reward of
    what was shown, by models with latents and with a head that had seen more: to compare like with like, evaluate the
    installed model as a candidate, too. effective: as how many devices of equal weight the estimate counts. devices:
    that had decisions, estimated."""

    value: float
    standard_error: float
    logged_value: float
    effective: float
    devices: float

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Where the value is, in `level` of all campaigns. Raises SettingError."""
        if not 0 < level < 1:
            raise SettingError(f"The level of an interval is {level}; it must be between 0 and 1.")
        reach = NormalDist().inv_cdf((1 + level) / 2) * self.standard_error
        return self.value - reach, self.value + reach


def read(total: npt.NDArray[np.int64], units: int, devices: int, variance: float) -> Evaluation:
    """What the sum tells. total [7]: noised sum of integer vectors of `units` to the norm 1, of so many devices, with
    noise of `variance` in each entry (all devices' together).

    The estimate is v = Σ b / Σ a, with a device's mean weight a and mean weighted reward b (Swaminathan and Joachims
    2015, eq. 7, by device). Its variance is Σ (b − v a)² / (Σ a)² by the delta method (Owen 2013, "Monte Carlo
    theory, methods and examples", chapter 9), and (1 + v²) τ² / (Σ a)² more for the noise in both sums, whose
    variance τ² is known.

    Raises RoundFailed for a sum of another shape, FederatedError where no interval would hold: the noise is too loud
    for so few devices, or the devices' logs show too little of what the candidate would.
    """
    layout = EvaluationLayout()
    if total.shape != (layout.size,) or units < 1 or devices < 1 or not 0 <= variance < math.inf:
        raise RoundFailed(
            f"A sum of shape {total.shape} (units {units}, devices {devices}, variance {variance}) is none; "
            "read it with the numbers of its own offer."
        )
    steps = {name: most / (units * PART_NORM) for name, most in MOST.items()}
    told = {name: float(part[0]) * steps[name] for name, part in layout.parts(total.astype(np.float64)).items()}
    noise = {name: math.sqrt(variance + ROUNDING * devices) * step for name, step in steps.items()}
    for name in ("devices", "weight"):
        if told[name] < LEAST_DEVIATIONS * noise[name] or told[name] <= 0:
            raise FederatedError(
                f"The noise drowns the sum of {name!r}; ask more devices, or about a nearer candidate."
            )
    weight, rewarded = told["weight"], told["rewarded"]
    if weight < LEAST_WEIGHT * told["devices"]:
        raise NoOverlap(hardly_shown(weight / told["devices"]))
    value = rewarded / weight
    scatter = told["rewarded_rewarded"] - 2 * value * told["weight_rewarded"] + value**2 * told["weight_weight"]
    doubt = noise["weight_weight"] * math.sqrt(1 + 4 * value**2 + value**4)
    spread = max(scatter, 0.0) + noise["weight"] ** 2 * (1 + value**2)
    if doubt > MOST_DOUBT * spread:
        raise FederatedError(
            f"The noise hides how far {told['devices']:.0f} devices differ: no interval would hold; ask more devices."
        )
    least = weight**2 / told["devices"]  # what Σ a² is where all have the same weight; noise may have left less
    return Evaluation(
        value=value,
        standard_error=math.sqrt(spread) / weight,
        logged_value=told["logged"] / told["devices"],
        effective=weight**2 / max(told["weight_weight"], least),
        devices=told["devices"],
    )
