"""Interim analyses: the noised sum of one look in numbers of devices, and the file that keeps all of them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from keyart.bundle import replace_file
from keyart.dp import UNITS, RandomBytes, clip_vectors, round_vectors, skellam_noise
from keyart.errors import FederatedError, InputError, RoundFailed

from ..rounding import sum_variance
from ..types import Doubles
from .experiment_design import MIN_DEVICE_DEVIATIONS, Experiment

FORMAT = "keyart-experiment/1"
MAX_BYTES = 1 << 26
MAX_THETA = 1.5
MIN_PAST_DEVIATIONS = 5.0  # deviations of the noise, that Σ x² is to measure


@dataclass(frozen=True, slots=True)
class InterimSum:
    """The noised sum of one look as it came.

    Attributes:
        day: Day after the start.
        thetas: Coefficients of the past that devices subtracted, by metric.
        survivors: Number of integer vectors in the sum.
        variance: Variance of the noise in each entry, that of all devices together.
        total: The sum, [layout.size].
    """

    day: float
    thetas: tuple[float, ...]
    survivors: int
    variance: float
    total: tuple[int, ...]


@dataclass(frozen=True)
class InterimAnalysis:
    """The same in numbers of devices. Names with `_noise` are variances of the noise, of one number or by metric.

    Attributes:
        day: Day after the start.
        thetas: Coefficients of the past that devices subtracted, by metric.
        devices: Devices by arm, [A].
        z: Sums of z by arm and metric, [A, M].
        zz: Sums of z² by arm and metric, [A, M].
        xz: Sums of x z of all arms, with x the past, [M].
        xx: Sums of x² of all arms, [M].
        groups: Devices, z and z² of the first metric by group and arm, [G, A, 3].
    """

    day: float
    thetas: tuple[float, ...]
    devices: Doubles
    z: Doubles
    zz: Doubles
    xz: Doubles
    xx: Doubles
    groups: Doubles
    devices_noise: float
    z_noise: Doubles
    zz_noise: Doubles
    past_noise: Doubles
    group_noise: Doubles


def read(experiment: Experiment, told: InterimSum) -> InterimAnalysis:
    """Return the interim analysis of a look's sum.

    Raises:
        RoundFailed: The sum is of another experiment.
        FederatedError: Noise drowns the number of devices.
    """
    question = experiment.question(told.thetas)
    layout, weights = question.layout, question.weights
    total = np.array(told.total, dtype=np.float64)
    if total.shape != (layout.size,) or told.survivors < 1 or not 0 <= told.variance < math.inf:
        raise RoundFailed(
            f"A sum of shape {total.shape} is none of experiment {experiment.name!r}, whose vectors have "
            f"{layout.size} entries; read it with the experiment that asked for it."
        )
    values = layout.parts(total / (UNITS * weights))
    noises = layout.parts(sum_variance(told.variance, told.survivors) / (UNITS * weights) ** 2)
    a, m = layout.arms, layout.metrics
    arms, noise = values["arms"].reshape(a, 1 + 2 * m), noises["arms"].reshape(a, 1 + 2 * m)[0]
    devices = arms[:, 0]
    if devices.min() < MIN_DEVICE_DEVIATIONS * math.sqrt(noise[0]):
        raise FederatedError(
            f"The noise drowns the number of devices in an arm of {experiment.name!r} on day {told.day:g}; ask more "
            "devices a look, or look less often."
        )
    group_noise = noises["groups"].reshape(-1, a, 3)
    return InterimAnalysis(
        day=told.day,
        thetas=told.thetas,
        devices=devices,
        z=arms[:, 1 : 1 + m],
        zz=arms[:, 1 + m :],
        xz=values["past"][:m],
        xx=values["past"][m:],
        groups=values["groups"].reshape(-1, a, 3),
        devices_noise=float(noise[0]),
        z_noise=noise[1 : 1 + m],
        zz_noise=noise[1 + m :],
        past_noise=noises["past"][:m],
        group_noise=group_noise[0, 0] if len(group_noise) else np.zeros(3),
    )


def next_thetas(experiment: Experiment, looks: Sequence[InterimAnalysis]) -> tuple[float, ...]:
    """Return the coefficients of the past for the next look, by metric.

    They are the least squares of all looks so far, Σ (x z + θ x²) / Σ x², or the baselines' where noise hides them.
    They depend on earlier looks alone, so no later one is biased by them.
    """
    thetas = np.array([known.correlation for known in experiment.metrics.values()])
    if not looks:
        return tuple(thetas.tolist())
    xx = np.sum([look.xx for look in looks], axis=0)
    xy = np.sum([look.xz + np.array(look.thetas) * look.xx for look in looks], axis=0)
    doubt = np.sqrt(np.sum([look.past_noise for look in looks], axis=0))
    learnt = np.clip(xy / np.maximum(xx, 1e-9), 0.0, MAX_THETA)
    return tuple(np.where(xx > MIN_PAST_DEVIATIONS * doubt, learnt, thetas).tolist())


@dataclass(frozen=True)
class Results:
    """The results of an experiment: no device, no person, a few noised sums.

    Attributes:
        experiment: The design.
        told: Sums of the looks so far.
        note: A sentence about the devices that it was run on.
    """

    experiment: Experiment
    told: tuple[InterimSum, ...] = ()
    note: str = ""

    @property
    def looks(self) -> list[InterimAnalysis]:
        """The interim analyses so far. Raises RoundFailed, FederatedError."""
        return [read(self.experiment, one) for one in self.told]

    def with_look(self, told: InterimSum) -> Results:
        """Return the results with one more look."""
        return replace(self, told=(*self.told, told))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        told = [
            {
                "day": t.day,
                "thetas": list(t.thetas),
                "survivors": t.survivors,
                "variance": t.variance,
                "sum": list(t.total),
            }
            for t in self.told
        ]
        return {"format": FORMAT, "note": self.note, "experiment": self.experiment.to_dict(), "looks": told}

    def save(self, path: Path) -> None:
        """Write the results to a file, whole or not at all. Raises OSError."""
        replace_file(path, json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False).encode())

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read the file that `save` wrote. Raises InputError for anything else."""
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ValueError("it is larger than any experiment")
            return cls.from_dict(json.loads(path.read_bytes()))
        except FileNotFoundError:
            raise InputError(f"No experiment at {path}. `keyart experiment run` makes one.") from None
        except OSError as error:
            raise InputError(
                f"Cannot read {path}: {error.strerror or error}. Name the file of an experiment."
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, FederatedError) as error:
            raise InputError(
                f"{path} is no experiment of keyart, or a damaged one ({error}). `keyart experiment run` makes one."
            ) from None

    @classmethod
    def from_dict(cls, document: Any) -> Results:
        """Return the results of `to_dict`. Raises ValueError, TypeError, KeyError, AttributeError, FederatedError."""
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {document['format']!r}, this keyart reads {FORMAT!r}")
        experiment = Experiment.from_dict(document["experiment"])
        told = []
        for one in document["looks"]:
            total = np.array(one["sum"])
            if total.dtype.kind != "i" or total.ndim != 1 or len(one["thetas"]) != len(experiment.metrics):
                raise ValueError("a sum is none")
            survivors, day, variance = one["survivors"], float(one["day"]), float(one["variance"])
            told.append(
                InterimSum(day, tuple(map(float, one["thetas"])), int(survivors), variance, tuple(total.tolist()))
            )
        results = cls(experiment, tuple(told), str(document.get("note", "")))
        _ = results.looks  # refuses what cannot be read
        return results


def added(
    experiment: Experiment, look: int, vectors: Doubles, random: RandomBytes | None
) -> tuple[tuple[int, ...], float]:
    """Return the masked sum of devices' vectors, and the variance of the noise in it.

    Args:
        experiment: The design.
        look: The look, from 0.
        vectors: Vectors of the devices, [d, size].
        random: Randomness of rounding and noise. None for the exact sum, to compare with the private one.
    """
    numbers, _ = clip_vectors(vectors, 1.0)
    if random is None:
        return tuple(np.rint(UNITS * numbers.sum(axis=0)).astype(int).tolist()), 0.0
    variance = experiment.variance(look)
    noise = skellam_noise(vectors.size, variance, random).reshape(vectors.shape)
    return tuple((round_vectors(numbers, UNITS, random) + noise).sum(axis=0).tolist()), float(variance * len(vectors))
