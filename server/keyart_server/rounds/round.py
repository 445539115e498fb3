"""A round of a campaign: one sum over devices, and its status. Pure.

keys ─► share ─► masked ─► unmask ─► answered ─► done        the campaign reads the sum between the last two
  └───────┴────────┴─────────┴──────► failed                 charged from `masked` on
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from keyart.secagg import AggregationParameters, Stage

RoundStatus = Literal["keys", "share", "masked", "unmask", "answered", "done", "failed"]

STATUS_OF_STAGE: Final[Mapping[Stage, RoundStatus]] = {
    Stage.KEYS: "keys",
    Stage.SHARE: "share",
    Stage.MASKED: "masked",
    Stage.UNMASK: "unmask",
}
ACTIVE: Final[tuple[RoundStatus, ...]] = tuple(STATUS_OF_STAGE.values())
ENDED: Final[tuple[RoundStatus, ...]] = ("done", "failed")
# Topic prefixes of rounds that evaluate a release; its version and other parameters follow.
COMPARISON_TOPIC, GUARD_TOPIC = "/compare ", "/guard "


def cohort_topics(topic: str, cohorts: int) -> list[str]:
    """Return the topics of the rounds of all sub-cohorts: `topic` alone, or followed by "1/3", "2/3" and so on."""
    return [topic] if cohorts == 1 else [f"{topic} {cohort + 1}/{cohorts}" for cohort in range(cohorts)]


@dataclass(frozen=True, slots=True)
class Round:
    """A round of a campaign.

    Attributes:
        id: id of its aggregation parameters, in hex.
        number: number in its campaign, from 1.
        topic: topic of the offer, or the campaign's kind.
        standing: its status.
        low: lower end of the sampling bucket range [low, high), see `keyart.client.sampling_bucket`.
        high: upper end of that range.
        wanted: target cohort, in devices.
        patience: stage timeout in seconds.
        answered: number of devices that completed each stage.
        failure: why it failed, or "".
        result: values that the campaign read from the sum, by name; never of one device.
    """

    id: str
    campaign_id: str
    number: int
    topic: str
    standing: RoundStatus
    low: float
    high: float
    wanted: int
    patience: float
    opened: datetime
    changed: datetime
    answered: Mapping[Stage, int]
    failure: str
    result: Mapping[str, Any]

    @property
    def is_active(self) -> bool:
        """Tell whether the round is waiting for devices."""
        return self.standing in ACTIVE

    @property
    def evaluates_release(self) -> bool:
        """Tell whether the round evaluates a release instead of doing the campaign's own work."""
        return self.topic.startswith((COMPARISON_TOPIC, GUARD_TOPIC))

    @property
    def survivors(self) -> int:
        """Return the number of devices whose vectors are in the sum."""
        return self.answered[Stage.MASKED]


@dataclass(frozen=True, slots=True)
class OpenRound:
    """The data that a round needs while it is active.

    Attributes:
        offer: the signed message.
        key: secret key of the round's tickets.
        waiting: state that the campaign needs to read the sum.
    """

    id: str
    standing: RoundStatus
    offer: bytes
    parameters: AggregationParameters
    key: bytes
    waiting: bytes
    low: float
    high: float
    wanted: int
    total: bytes | None
