"""The plan of a private campaign: noise and effective sample by fleet size and rounds, and capture if measured."""

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
    """A fleet size and one number of rounds.

    Attributes:
        noise_multiplier: standard deviation of the sum's noise over the clipping norm.
        mean_noise: the same per coordinate of the mean.
        tau: σ² · dimension / devices, the noise's variance over the sample's, in one round.
        share: 1 / (1 + τ), the effective share of the sample.
        campaign_share: the same for the mean over all rounds.
        upload_bytes: per device and round, without keys and shares.
        whole, last_quarter: predicted capture; None if nothing was measured.
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
    """The plan; `alone` is the capture of devices without federated learning, None if it was not measured."""

    epsilon: float
    delta: float
    dimension: int
    l2: float | None
    rows: tuple[PlanRow, ...]
    alone: float | None

    def pays(self, row: PlanRow) -> bool | None:
        """Return whether federated learning is predicted to beat learning alone; None if that is unknown."""
        return None if self.alone is None or row.whole is None else row.whole > self.alone

    @property
    def half_devices(self) -> int:
        """Return the number of devices from which a campaign keeps half of its sample."""
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
    """Plan all combinations, for devices that take part in every round, since none can rely on secret sampling.

    Args:
        devices: fleet sizes.
        rounds: numbers of rounds.
        epsilon: ε of the privacy budget.
        delta: its δ.
        dimension: entries of the vector.
        l2: clipping norm in integer steps, for distributed Skellam noise; None for Gaussian noise, which Skellam
            noise
            in fine steps equals.
        runs: measured runs.

    Raises:
        SettingError: a setting is out of range.
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
    """Return the predicted capture over the whole run and over its last quarter; None without measured runs.

    Captures are interpolated in the logarithm of `effective_devices`. Outside of the measured range the nearest run
    is used: too low for larger fleets, too high for smaller ones.

    Raises:
        SettingError: a setting is out of range.
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
    target = math.log(effective_devices(devices, epsilon, delta, rounds, dimension))

    def at_here(name: str) -> float:
        means = [
            np.average([getattr(r, name) for r in points[p]], weights=[r.seeds for r in points[p]]) for p in places
        ]
        return float(np.interp(target, places, means))

    return at_here("whole"), at_here("last_quarter")


def effective_devices(devices: int, epsilon: float | None, delta: float, rounds: int, dimension: int) -> float:
    """Return devices / (1 + τ / rounds): the number of devices without noise to which a campaign is equivalent.

    τ = σ² · dimension / devices assumes vectors clipped to the same norm, spread over all coordinates, and a server
    that averages over rounds.
    """
    if epsilon is None:
        return float(devices)
    return devices / (1 + noise_for(epsilon, delta, rounds) ** 2 * dimension / devices / rounds)
