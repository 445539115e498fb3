"""Measures of rounds, one number a round, for charts. Pure.

Every number comes from a noised sum or counts devices; none is of one device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keyart.secagg import Stage
from keyart_federated.charts import Axis, Series

from ..budget import Charge
from ..releases.release import Release
from ..rounds import Round
from ..rounds.round_result import parse_result
from . import formatting, lineage

Estimate = tuple[float, float, float]  # value, low, high; NaN ends for a value without an interval
ROUND_AXIS: Final = Axis("Round", formatting.number, whole=True)


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that rounds have.

    Attributes:
        title: title of its chart.
        axis: the vertical axis.
        of: returns the number of a round, or None.
    """

    title: str
    axis: Axis
    of: Callable[[Round], Estimate | None]


@dataclass(frozen=True, slots=True)
class Run:
    """A campaign with everything that charts need.

    Attributes:
        name: name of the campaign.
        rounds: its own rounds, oldest first.
        added: ε that each of its charges added to that of the fleet, by number of the round.
        releases: the models that it made, oldest first.
    """

    name: str
    rounds: tuple[Round, ...]
    added: Mapping[int, float]
    releases: tuple[Release, ...] = ()

    @property
    def read(self) -> list[Round]:
        """Return the rounds whose sum was read and used."""
        return [round_ for round_ in self.rounds if round_.standing == "done" and round_.result.get("used", True)]

    def cumulative_epsilon(self) -> dict[int, float]:
        """Return the ε that the campaign had added to the fleet after each round."""
        total, by_number = 0.0, {}
        for number in sorted(self.added):
            total += self.added[number]
            by_number[number] = total
        return by_number


def runs(
    campaigns: Mapping[str, str],
    rounds: Sequence[Round],
    charges: Sequence[Charge],
    releases: Sequence[Release] = (),
) -> list[Run]:
    """Return a run for each campaign.

    Args:
        campaigns: names by id, in the order of the result.
        rounds: rounds of these campaigns, in any order.
        charges: all charges of the fleet, oldest first.
        releases: releases in any order.
    """
    added: dict[str, dict[int, float]] = {campaign_id: {} for campaign_id in campaigns}
    spent_before = 0.0
    for charge in charges:
        if charge.campaign_id in added:
            added[charge.campaign_id][charge.number] = charge.spent - spent_before
        spent_before = charge.spent
    return [
        Run(
            name,
            tuple(
                sorted(
                    (one for one in rounds if one.campaign_id == campaign_id and not one.evaluates_release),
                    key=lambda round_: round_.number,
                )
            ),
            added[campaign_id],
            tuple(
                sorted(
                    (one for one in releases if one.campaign_id == campaign_id), key=lambda release: release.number
                )
            ),
        )
        for campaign_id, name in campaigns.items()
    ]


def series(run: Run, measure: Measure, name: str, by_epsilon: bool = False) -> Series:
    """Return the series of a measure over the rounds of a run, or over the ε that it had added by then."""
    epsilon = run.cumulative_epsilon()
    rows = [
        (epsilon.get(round_.number, math.nan) if by_epsilon else float(round_.number), estimate)
        for round_ in run.read
        if (estimate := measure.of(round_)) is not None
    ]
    has_intervals = any(math.isfinite(low) for _, (_, low, _) in rows)
    return Series(
        name,
        tuple((x, value) for x, (value, _, _) in rows),
        intervals=tuple((low, high) for _, (_, low, high) in rows) if has_intervals else (),
    )


def gain_series(run: Run, name: str) -> Series:
    """Return the reward of each candidate minus that of the model before, on held-out devices, by round."""
    rows = [
        (float(release.number), gain.mean, gain.low, gain.high)
        for release in run.releases
        if (gain := lineage.gain_over_base(release)) is not None
    ]
    return Series(
        name,
        tuple((x, mean) for x, mean, _, _ in rows),
        "points",
        tuple((low, high) for _, _, low, high in rows),
    )


def _plain(value: Any) -> Estimate | None:
    """Return a number without an interval, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value), math.nan, math.nan


def _reward(round_: Round) -> Estimate | None:
    reward = round_.result.get("reward")
    if isinstance(reward, Mapping):
        return float(reward["mean"]), float(reward["low"]), float(reward["high"])
    return _plain(round_.result.get("quality_plays"))


def _rate(round_: Round) -> Estimate | None:
    rate = parse_result(round_.result).main_rate
    return None if rate is None else (rate.mean, rate.low, rate.high)


def _clipped(round_: Round) -> Estimate | None:
    unclipped = _plain(round_.result.get("unclipped"))
    return None if unclipped is None else (1 - unclipped[0], math.nan, math.nan)


def _dropout(round_: Round) -> Estimate | None:
    registered = round_.answered[Stage.KEYS]
    return None if not registered else (1 - round_.answered[Stage.UNMASK] / registered, math.nan, math.nan)


DROPOUT_AXIS: Final = Axis("Share of the registered devices", formatting.percent, floor=0.0)
DEVICES_AXIS: Final = Axis("Devices", formatting.number, whole=True, floor=0.0)
REWARD: Final = Measure("Reward on devices", Axis("Quality plays per decision", formatting.percent), _reward)
RATE: Final = Measure("Rate", Axis("Rate", formatting.percent), _rate)
UPDATE_NORM: Final = Measure(
    "Update norm",
    Axis("L2 norm of the change of the weights", formatting.number, floor=0.0),
    lambda round_: _plain(round_.result.get("step")),
)
CLIPPED: Final = Measure("Clipped updates", Axis("Share of the cohort", formatting.percent, floor=0.0), _clipped)
COHORT: Final = Measure("Cohort", DEVICES_AXIS, lambda round_: _plain(round_.survivors))
DROPOUT: Final = Measure("Dropout", DROPOUT_AXIS, _dropout)
MEASURES: Final = (REWARD, RATE, UPDATE_NORM, CLIPPED, COHORT, DROPOUT)
