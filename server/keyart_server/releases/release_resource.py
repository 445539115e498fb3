"""A release as the API describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from ..http.pagination import Page
from . import release_store
from .gate import GateVerdict
from .release import MOVES, Release, ReleaseStatus
from .release_facts import ReleaseFacts, RollbackState, facts_by_version

PersonAction = Literal["promote", "hold", "withdraw"]

# A person also promotes a release that waits for a key or a decision: that publishes it.
_SOURCES: Final[Mapping[PersonAction, frozenset[ReleaseStatus]]] = {
    "promote": MOVES["promote"][0] | {"waiting"},
    "hold": MOVES["hold"][0],
    "withdraw": MOVES["withdraw"][0],
}


class GateResource(BaseModel):
    """The result of one gate: a check that a model must pass before more devices get it."""

    name: str = Field(description="Name of the gate.", examples=["quality all"])
    verdict: GateVerdict = Field(description="Whether the model passed.", examples=["passed"])
    sentence: str = Field(description="Explanation of the verdict.")
    numbers: dict[str, float | None] = Field(
        description="Values behind the verdict; null for one that was not measured.",
        examples=[{"mean": 0.004, "low": -0.001, "high": 0.009}],
    )


class PlanResource(BaseModel):
    """The plan by which a release is rolled out."""

    stages: list[float] = Field(description="Shares of devices, in order.", examples=[[0.01, 0.1, 1.0]])
    hours: float = Field(description="Duration of a stage.", examples=[24.0])
    margin: float = Field(description="Accepted drop of reward for all devices.", examples=[0.005])
    segment_margin: float = Field(description="Accepted drop of reward for one segment.", examples=[0.02])
    unclear: str = Field(description="What follows an unclear verdict.", examples=["hold"])
    reason: str = Field(
        description='Sentence that explains stages that were fitted to the size of the fleet; "" for any others.',
        examples=[""],
    )


class ReleaseResource(BaseModel):
    """A release: one model version on its way to the devices."""

    version: int = Field(description="Model version.", examples=[8])
    standing: ReleaseStatus = Field(description="Status of the release.", examples=["rolling"])
    status: str = Field(
        description="The status in words; a released model that a newer one replaced is `superseded`.",
        examples=["superseded"],
    )
    share: float = Field(
        description="Share of devices that its roll-out has reached; 0 once it is withdrawn.", examples=[0.1]
    )
    offered: float = Field(description="Share of devices that are offered it now.", examples=[0.1])
    superseded_by: int | None = Field(
        description="The next model that was released to all devices; null for the newest.", examples=[None]
    )
    restores: int | None = Field(
        description="For a rollback, the model version whose weights it has; null for any other.", examples=[None]
    )
    rollback: RollbackState = Field(
        description="Of a withdrawn release: `pending` until devices can have the rollback, then `available`; `none` "
        "if devices need none.",
        examples=["none"],
    )
    rollback_version: int | None = Field(description="Model version of that rollback.", examples=[None])
    reason: str = Field(description='Sentence that explains the status, or "".', examples=[""])
    gates: list[GateResource] = Field(description="Results of the gates so far.")
    campaign_id: str | None = Field(description="Campaign that produced it; null for an upload.", examples=[None])
    number: int = Field(description="Round of that campaign; 0 for an upload.", examples=[0])
    base: int | None = Field(description="Model version that it follows.", examples=[7])
    origin: int | None = Field(
        description="Model version that it was made from; for a rollback, the one whose weights it has.", examples=[7]
    )
    digest: str = Field(description="Digest of its manifest.", examples=["0" * 64])
    plan: PlanResource = Field(description="Plan of the roll-out.")
    created: datetime = Field(description="Time at which it was proposed.")
    changed: datetime = Field(description="Time of the last change of its status or share.")
    actions: list[PersonAction] = Field(description="Actions that its status allows now.", examples=[["withdraw"]])

    @classmethod
    def of(cls, release: Release, facts: ReleaseFacts) -> ReleaseResource:
        """Return a release as the API describes it."""
        actions = [action for action, sources in _SOURCES.items() if release.standing in sources]
        return cls.model_validate({**asdict(release), **asdict(facts), "actions": actions})


class ReleasePage(Page[ReleaseResource]):
    """One page of releases, newest version first."""


def describe_releases(session: Session, releases: Sequence[Release]) -> list[ReleaseResource]:
    """Return releases as the API describes them, beside all others."""
    facts = facts_by_version(release_store.list_all(session))
    return [ReleaseResource.of(release, facts[release.version]) for release in releases]
