"""The feasibility of a campaign as the API describes it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from keyart_federated.campaigns import Feasibility
from keyart_federated.campaigns.findings import Severity, Subject


class FindingResource(BaseModel):
    """A finding about a campaign."""

    subject: Subject = Field(description="What the finding is about.", examples=["cohort"])
    severity: Severity = Field(description="`blocking` if the campaign cannot finish because of it.")
    sentence: str = Field(description="What is the case.", examples=["Training round: about 27 of 30 devices …"])
    advice: str = Field(description="What to do; empty if nothing needs to be done.")
    numbers: dict[str, float | None] = Field(description="Values behind the sentence.", examples=[{"minimum": 50}])


class FeasibilityResource(BaseModel):
    """Whether a campaign can finish on this fleet, and what its results will be worth."""

    verdict: Literal["feasible", "doubtful", "cannot finish"] = Field(description="The judgement in a word or two.")
    can_finish: bool = Field(description="Whether nothing is known that keeps the campaign from finishing.")
    devices: int = Field(description="Size of the fleet that was assumed; 0 if it is not known.", examples=[30])
    findings: list[FindingResource] = Field(description="Findings, the most severe ones first.")

    @classmethod
    def of(cls, found: Feasibility) -> FeasibilityResource:
        """Describe a judgement."""
        return cls(
            verdict=found.verdict,
            can_finish=found.can_finish,
            devices=found.devices,
            findings=[
                FindingResource(
                    subject=finding.subject,
                    severity=finding.severity,
                    sentence=finding.sentence,
                    advice=finding.advice,
                    numbers=dict(finding.numbers),
                )
                for finding in found.findings
            ],
        )
