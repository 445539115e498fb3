"""Looks: what one noised sum tells of the arms, and the file that keeps all of them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from keyart.bundle.durable import replace_file
from keyart.dp.clip import UNITS, clip_vectors, round_vectors
from keyart.dp.skellam import RandomBytes, skellam_noise
from keyart.errors import FederatedError, InputError, RoundFailed

from .boundary import Doubles
from .experiment import LEAST_DEVIATIONS, ROUNDING, Experiment

FORMAT = "keyart-experiment/1"
MOST_BYTES = 1 << 26
MOST_THETA = 1.5
LEAST_PAST = 5.0  # deviations of the noise, that Σ x² is to measure


@dataclass(frozen=True, slots=True)
class Told:
    """One look as it came: total [layout.size], the noised sum of `survivors` integer vectors, with noise of
    `variance` in each entry, all devices' together. day: after the start. thetas: by metric, that were asked with."""

    day: float
    thetas: tuple[float, ...]
    survivors: int
    variance: float
    total: tuple[int, ...]


@dataclass(frozen=True)
class Look:
    """The same in numbers of devices. devices [A]; z, zz [A, M]: sums by arm. xz, xx [M]: of all arms. groups
    [G, A, 3]: devices, z and z² of the first metric. Names with `_noise`: variance of the noise in each, of one
    number or by metric."""

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


def read(experiment: Experiment, told: Told) -> Look:
    """Raises RoundFailed for a sum of another experiment, FederatedError where noise drowns the number of devices."""
    question = experiment.question(told.thetas)
    layout, weights = question.layout, question.weights
    total = np.array(told.total, dtype=np.float64)
    if total.shape != (layout.size,) or told.survivors < 1 or not 0 <= told.variance < math.inf:
        raise RoundFailed(
            f"A sum of shape {total.shape} is none of experiment {experiment.name!r}, whose vectors have "
            f"{layout.size} entries; read it with the experiment that asked for it."
        )
    values = layout.parts(total / (UNITS * weights))
    noises = layout.parts((told.variance + ROUNDING * told.survivors) / (UNITS * weights) ** 2)
    a, m = layout.arms, layout.metrics
    arms, noise = values["arms"].reshape(a, 1 + 2 * m), noises["arms"].reshape(a, 1 + 2 * m)[0]
    devices = arms[:, 0]
    if devices.min() < LEAST_DEVIATIONS * math.sqrt(noise[0]):
        raise FederatedError(
            f"The noise drowns the number of devices in an arm of {experiment.name!r} on day {told.day:g}; ask more "
            "devices a look, or look less often."
        )
    group_noise = noises["groups"].reshape(-1, a, 3)
    return Look(
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


def next_thetas(experiment: Experiment, looks: Sequence[Look]) -> tuple[float, ...]:
    """What the next look is asked with: by least squares of all looks so far, Σ (x z + θ x²) / Σ x²; the baselines'
    where nothing is known, or noise hides it. It depends on earlier looks alone, so no later one is biased by it."""
    thetas = np.array([known.correlation for known in experiment.metrics.values()])
    if not looks:
        return tuple(thetas.tolist())
    xx = np.sum([look.xx for look in looks], axis=0)
    xy = np.sum([look.xz + np.array(look.thetas) * look.xx for look in looks], axis=0)
    doubt = np.sqrt(np.sum([look.past_noise for look in looks], axis=0))
    learnt = np.clip(xy / np.maximum(xx, 1e-9), 0.0, MOST_THETA)
    return tuple(np.where(xx > LEAST_PAST * doubt, learnt, thetas).tolist())


@dataclass(frozen=True)
class Results:
    """All that there is of an experiment: no device, no person, a few noised sums. note: what it was run on."""

    experiment: Experiment
    told: tuple[Told, ...] = ()
    note: str = ""

    @property
    def looks(self) -> list[Look]:
        """Raises RoundFailed, FederatedError."""
        return [read(self.experiment, one) for one in self.told]

    def with_look(self, told: Told) -> Results:
        """And one more."""
        return replace(self, told=(*self.told, told))

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
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
        """Whole or not at all. Raises OSError."""
        replace_file(path, json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False).encode())

    @classmethod
    def load(cls, path: Path) -> Results:
        """What `save` wrote. Raises InputError for anything else."""
        try:
            if path.stat().st_size > MOST_BYTES:
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
        """Inverse of `to_dict`. Raises ValueError, TypeError, KeyError, AttributeError, FederatedError."""
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {document['format']!r}, this keyart reads {FORMAT!r}")
        experiment = Experiment.from_dict(document["experiment"])
        told = []
        for one in document["looks"]:
            total = np.array(one["sum"])
            if total.dtype.kind != "i" or total.ndim != 1 or len(one["thetas"]) != len(experiment.metrics):
                raise ValueError("a sum is none")
            survivors, day, variance = one["survivors"], float(one["day"]), float(one["variance"])
            told.append(Told(day, tuple(map(float, one["thetas"])), int(survivors), variance, tuple(total.tolist())))
        results = cls(experiment, tuple(told), str(document.get("note", "")))
        _ = results.looks  # refuses what cannot be read
        return results


def added(
    experiment: Experiment, look: int, vectors: Doubles, random: RandomBytes | None
) -> tuple[tuple[int, ...], float]:
    """What a masked sum of these devices' vectors [d, size] comes to, and the variance of the noise in it.

    random: of rounding and noise; None: exact, for what is to be compared with the private sum.
    """
    numbers, _ = clip_vectors(vectors, 1.0)
    if random is None:
        return tuple(np.rint(UNITS * numbers.sum(axis=0)).astype(int).tolist()), 0.0
    variance = experiment.variance(look)
    noise = skellam_noise(vectors.size, variance, random).reshape(vectors.shape)
    return tuple((round_vectors(numbers, UNITS, random) + noise).sum(axis=0).tolist()), float(variance * len(vectors))
