"""A round as the API describes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from keyart.secagg import Stage

from .. import budget
from ..http.pagination import Page
from . import round_store
from .result_resource import ResultResource
from .round import STATUS_OF_STAGE, Round, RoundStatus


class CohortResource(BaseModel):
    """The number of devices that completed each stage of a round; for the open stage, so far."""

    keys: int = Field(description="Devices that registered with their keys.", examples=[900])
    shares: int = Field(description="Devices that sent key shares.", examples=[890])
    masked: int = Field(description="Devices that sent a masked update.", examples=[850])
    revealed: int = Field(description="Devices that helped to unmask the sum.", examples=[849])


class RoundResource(BaseModel):
    """A round of a campaign: one private sum over a cohort of devices."""

    id: str = Field(description="Identifier of the round.", examples=["0" * 64])
    number: int = Field(description="Number in its campaign, from 1.", examples=[3])
    topic: str = Field(description="What the round asks for.", examples=["rates"])
    standing: RoundStatus = Field(description="Open stage, or how the round ended.", examples=["masked"])
    opened: datetime = Field(description="Time at which the round began.")
    changed: datetime = Field(description="Time of the last change of its status.")
    closes: datetime | None = Field(description="Time at which the open stage ends at the latest; else null.")
    target: int = Field(description="Target cohort, in devices.", examples=[1000])
    cohort: CohortResource
    survivors: int = Field(description="Number of devices in the sum.", examples=[850])
    charge: float | None = Field(
        description="ε of the fleet after this round; null if the round was not charged.", examples=[1.25]
    )
    failure: str | None = Field(description="Sentence that says why the round failed; else null.", examples=[None])
    result: ResultResource | None = Field(description="What was read from the sum; null before.")


class RoundPage(Page[RoundResource]):
    """One page of the rounds of a campaign, newest first."""


def describe_rounds(session: Session, campaign_id: str, rounds: Sequence[Round]) -> list[RoundResource]:
    """Return rounds of a campaign as the API describes them, with a fixed number of queries."""
    submitted = round_store.submissions_by_stage(session, [round_ for round_ in rounds if round_.is_active])
    spent = budget.spent_after(session, campaign_id, [round_.number for round_ in rounds])
    return [
        RoundResource(
            id=round_.id,
            number=round_.number,
            topic=round_.topic,
            standing=round_.standing,
            opened=round_.opened,
            changed=round_.changed,
            closes=round_.changed + timedelta(seconds=round_.patience) if round_.is_active else None,
            target=round_.wanted,
            cohort=_cohort(round_, submitted.get(round_.id, {})),
            survivors=round_.survivors,
            charge=spent.get(round_.number),
            failure=round_.failure or None,
            result=ResultResource.of(round_) if round_.standing == "done" else None,
        )
        for round_ in rounds
    ]


def _cohort(round_: Round, submitted: dict[Stage, int]) -> CohortResource:
    devices = {
        stage: submitted.get(stage, 0) if standing == round_.standing else round_.answered[stage]
        for stage, standing in STATUS_OF_STAGE.items()
    }
    return CohortResource(
        keys=devices[Stage.KEYS],
        shares=devices[Stage.SHARE],
        masked=devices[Stage.MASKED],
        revealed=devices[Stage.UNMASK],
    )
