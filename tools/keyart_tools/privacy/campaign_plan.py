"""The plan: noise, and what it leaves of a sample, by fleet size and rounds; capture as far as it was measured."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keyart.errors import SettingError
from keyart_federated.accounting import noise_for

from .measured_runs import MeasuredRun

MASKED_BYTES = 4  # a coordinate, modulo 2^32 ...
WIDE_BYTES = 8  # ... or 2^64, where the sum of all clips would not fit


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One fleet size and one number of rounds.

    noise_multiplier: deviation of the sum's noise over the clip. mean_noise: of a coordinate of the mean, over the
    clip. tau: σ² · dimension / devices, the noise's variance over the sample's, in a round. share: 1 / (1 + τ), the
    part of the sample that is left. campaign_share: the same for the mean over all rounds. upload_bytes: a device and
    round, without keys and shares. whole, last_quarter: predicted capture, None where nothing is measured.
    """

    devices: int
    rounds: int
    noise_multiplier: float
    mean_noise: float
    tau: float
    share: float
    campaign_share: float
    upload_bytes: int
    whole: float | None
    last_quarter: float | None


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """alone: capture over the whole run where nobody learns together, None where that is not measured."""

    epsilon: float
    delta: float
    dimension: int
    l2: float | None
    rows: tuple[PlanRow, ...]
    alone: float | None

    def pays(self, row: PlanRow) -> bool | None:
        """Whether learning together is predicted to beat learning alone; None where there is nothing to say."""
        return None if self.alone is None or row.whole is None else row.whole > self.alone

    @property
    def half_devices(self) -> int:
        """Devices from which on a campaign keeps half of its sample."""
        return math.ceil(min(row.noise_multiplier**2 / row.rounds for row in self.rows) * self.dimension)


def plan(
    devices: Sequence[int],
    rounds: Sequence[int],
    epsilon: float,
    delta: float,
    dimension: int,
    l2: float | None = None,
    runs: Sequence[MeasuredRun] = (),
) -> CampaignPlan:
    """All combinations, for devices that take part in every round, since none can rely on being sampled in secret.

    dimension: entries of the vector. l2: the clip in integer steps, for distributed Skellam noise; without it the
    noise is Gaussian, which Skellam noise in fine steps equals. Raises SettingError.
    """
    if not devices or not rounds or min(devices) < 1 or dimension < 1:
        raise SettingError("A plan needs fleets of 1 device or more, rounds, and a dimension of 1 or more.")
    if delta > 1 / max(devices):
        raise SettingError(
            f"δ = {delta} is more than one over {max(devices):,} devices: it would allow to publish somebody's data "
            "whole. Take a smaller one."
        )
    rows = []
    for number in rounds:
        noise = noise_for(epsilon, delta, number, l2=l2, dimension=None if l2 is None else dimension)
        for fleet in devices:
            tau = noise**2 * dimension / fleet
            capture = predict(fleet, epsilon, delta=delta, rounds=number, dimension=dimension, runs=runs)
            rows.append(
                PlanRow(
                    devices=fleet,
                    rounds=number,
                    noise_multiplier=noise,
                    mean_noise=noise / fleet,
                    tau=tau,
                    share=1 / (1 + tau),
                    campaign_share=1 / (1 + tau / number),
                    upload_bytes=dimension * (MASKED_BYTES if l2 is None or fleet * l2 < 2**31 else WIDE_BYTES),
                    whole=capture and capture[0],
                    last_quarter=capture and capture[1],
                )
            )
    alone = [run for run in runs if run.devices == 0]
    weights = sum(run.seeds for run in alone)
    mean = sum(run.seeds * run.whole for run in alone) / weights if alone else None
    return CampaignPlan(epsilon, delta, dimension, l2, tuple(rows), mean)


def predict(
    devices: int, epsilon: float | None, *, delta: float, rounds: int, dimension: int, runs: Sequence[MeasuredRun]
) -> tuple[float, float] | None:
    """Capture over the whole run and over its last quarter, None without measured runs.

    Interpolated in the logarithm of `effective_devices`. Beyond what was measured the nearest run speaks: too low for
    larger fleets, too high for smaller ones. Raises SettingError.
    """
    points: dict[float, list[MeasuredRun]] = defaultdict(list)
    for run in runs:
        if run.devices:
            at = effective_devices(
                run.devices, run.epsilon, run.delta or delta, run.rounds or rounds, run.dimension or dimension
            )
            points[math.log(at)].append(run)
    if not points:
        return None
    places = sorted(points)
    here = math.log(effective_devices(devices, epsilon, delta, rounds, dimension))

    def at_here(name: str) -> float:
        means = [
            np.average([getattr(r, name) for r in points[p]], weights=[r.seeds for r in points[p]]) for p in places
        ]
        return float(np.interp(here, places, means))

    return at_here("whole"), at_here("last_quarter")


def effective_devices(devices: int, epsilon: float | None, delta: float, rounds: int, dimension: int) -> float:
    """devices / (1 + τ / rounds): how many without noise a campaign is worth whose server averages over rounds.

    τ = σ² · dimension / devices takes every vector to be clipped to the same norm, spread over all coordinates.
    """
    if epsilon is None:
        return float(devices)
    return devices / (1 + noise_for(epsilon, delta, rounds) ** 2 * dimension / devices / rounds)
