"""A round of a campaign: one sum over devices, and where it stands. Pure.

keys ─► share ─► masked ─► unmask ─► answered ─► done        the campaign reads the sum between the last two
  └───────┴────────┴─────────┴──────► failed                 paid for from `masked` on
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from keyart.secagg import AggregationParameters, Stage

Standing = Literal["keys", "share", "masked", "unmask", "answered", "done", "failed"]

OF_STAGE: Final[Mapping[Stage, Standing]] = {
    Stage.KEYS: "keys",
    Stage.SHARE: "share",
    Stage.MASKED: "masked",
    Stage.UNMASK: "unmask",
}
GOING_ON: Final[tuple[Standing, ...]] = tuple(OF_STAGE.values())
ENDED: Final[tuple[Standing, ...]] = ("done", "failed")
# Begin the topics of rounds that judge a release; the release's version follows, and what else tells them apart.
COMPARE, GUARD = "/compare ", "/guard "


@dataclass(frozen=True, slots=True)
class Round:
    """id: of its terms, in hex. number: in its campaign, from 1. topic: of the offer, or its kind where it has none.

    low, high: the draws of devices that are asked lie in between (`keyart.client.draw`). wanted: of devices, the
    most. patience: seconds that a stage may take. answered: how many devices had answered at each stage's end.
    failure: a sentence, "" unless it failed. told: what the campaign read in the sum: numbers by name, never of one
    device.
    """

    id: str
    campaign_id: str
    number: int
    topic: str
    standing: Standing
    low: float
    high: float
    wanted: int
    patience: float
    opened: datetime
    changed: datetime
    answered: Mapping[Stage, int]
    failure: str
    told: Mapping[str, Any]

    @property
    def going_on(self) -> bool:
        return self.standing in GOING_ON

    @property
    def judges(self) -> bool:
        """Whether it is about a release, and not the campaign's own work."""
        return self.topic.startswith((COMPARE, GUARD))

    @property
    def survivors(self) -> int:
        """Devices whose vectors are in the sum."""
        return self.answered[Stage.MASKED]


@dataclass(frozen=True, slots=True)
class Open:
    """What a round needs while it goes on, beside what everybody may see. offer: the signed message. key: makes its
    tickets. issuers are the server's."""

    id: str
    standing: Standing
    offer: bytes
    terms: AggregationParameters
    event: str
    key: bytes
    waiting: bytes
    low: float
    high: float
    wanted: int
    patience: float
    total: bytes | None
