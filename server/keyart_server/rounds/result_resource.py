"""The result of a round as the API describes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from keyart_federated.campaigns.campaign import Kind
from keyart_federated.experiments.device_metrics import MEASURES

from ..http.pagination import Page
from .round import Round
from .round_result import Difference, parse_result


class RateResource(BaseModel):
    """The rate of one segment, with its interval."""

    segment: str = Field(description="Segment of devices, or the evaluated model.", examples=["all"])
    mean: float | None = Field(description="The rate; null if no device of the segment was counted.", examples=[0.12])
    low: float = Field(description="Lower end of the 95 % interval; 0 if nothing is known.", examples=[0.04])
    high: float = Field(description="Upper end of the 95 % interval; 1 if nothing is known.", examples=[0.2])
    drowned: bool = Field(
        description="Whether noise drowns the rate: the interval reaches further than half of the rate to each side.",
        examples=[True],
    )


class DifferenceResource(BaseModel):
    """The difference between an arm of an experiment and its control arm, with a simultaneous interval."""

    metric: str = Field(description="Metric that devices measure.", examples=["quality_plays"])
    unit: str = Field(description="Unit of the numbers; % stands for shares from 0 to 1.", examples=["%"])
    group: str | None = Field(description="Group of devices; null for all devices.", examples=[None])
    arm: str = Field(description="The arm.", examples=["treatment"])
    mean: float = Field(description="The difference.", examples=[0.011])
    low: float = Field(description="Lower end of the interval.", examples=[0.002])
    high: float = Field(description="Upper end of the interval.", examples=[0.02])
    improvement: bool | None = Field(
        description="Whether it is an improvement; null if the interval includes zero.", examples=[True]
    )

    @classmethod
    def of(cls, difference: Difference) -> DifferenceResource:
        """Return a difference as the API describes it."""
        return cls(
            metric=difference.metric,
            unit=MEASURES[difference.metric].unit,
            group=difference.group or None,
            arm=difference.arm,
            mean=difference.rate.mean,
            low=difference.rate.low,
            high=difference.rate.high,
            improvement={"good": True, "bad": False, "still": None}[difference.tone],
        )


class VerdictResource(BaseModel):
    """The verdict about one arm of an experiment."""

    arm: str = Field(description="The arm.", examples=["treatment"])
    verdict: str = Field(description="The verdict in one or two words.", examples=["not yet"])
    sentence: str = Field(description="The verdict in a sentence.")
    forecast: str = Field(description="The time that is still needed at the present pace, a sentence; or empty.")


class ResultResource(BaseModel):
    """The result that a campaign read from the sum of one round."""

    number: int = Field(description="Number of the round in its campaign.", examples=[3])
    topic: str = Field(description="What the round asked for.", examples=["rates"])
    at: datetime = Field(description="Time at which the sum was read.")
    devices: int = Field(description="Number of devices in the sum.", examples=[812])
    used: bool = Field(description="Whether the campaign could use the sum.", examples=[True])
    reason: str | None = Field(description="Why the sum was of no use, a sentence; else null.", examples=[None])
    rates: list[RateResource] = Field(description="Rates by segment; those that noise drowns are included.")
    differences: list[DifferenceResource] = Field(description="Differences between arms of an experiment.")
    verdicts: list[VerdictResource] = Field(description="Verdicts about the arms of an experiment.")
    values: dict[str, float | str] = Field(description="Other values, by name.", examples=[{"version": 14}])

    @classmethod
    def of(cls, round_: Round) -> ResultResource:
        """Return the result of a round whose sum was read as the API describes it."""
        stored: Mapping[str, Any] = round_.result
        result = parse_result(stored)
        values = dict(result.rest)
        reason = values.pop("reason", None)
        return cls(
            number=round_.number,
            topic=round_.topic,
            at=round_.changed,
            devices=round_.survivors,
            used=bool(stored.get("used", True)),
            reason=None if reason is None else str(reason),
            rates=[
                RateResource(segment=rate.segment, mean=rate.mean, low=rate.low, high=rate.high, drowned=rate.drowned)
                for rate in result.segments
            ],
            differences=[DifferenceResource.of(difference) for difference in result.differences],
            verdicts=[
                VerdictResource(
                    arm=verdict.arm, verdict=verdict.word, sentence=verdict.text, forecast=verdict.forecast
                )
                for verdict in result.verdicts
            ],
            values=values,
        )


class ResultPage(Page[ResultResource]):
    """One page of the results of a campaign, newest round first."""

    campaign: str = Field(description="Identifier of the campaign.", examples=["0a1b2c3d4e5f6071"])
    kind: Kind = Field(description="Kind of the campaign.", examples=["statistics"])
