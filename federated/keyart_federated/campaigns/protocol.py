"""What the engine and a campaign's work say to each other. All values; the same question gets the same answer.

ask ──► Wait       not now; ask again later
    ──► Finished   there is nothing more to ask
    ──► Asked      the next round ──► its sum ──► read ──► memory, told, maybe a candidate
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import keyart
from keyart import Catalog
from keyart.campaigns.offer import Offer
from keyart.model.features import FeatureSpec
from keyart_federated.accounting import Skellam

from .campaign import Campaign
from .private_sum import Sum


@dataclass(frozen=True)
class Base:
    """What the fleet runs on. bundle: folder of the newest that all devices are offered; version, spec: its own.
    others: folders of other bundles by version, published or candidates. refused: versions above this one that no
    device will get, since a gate refused them or a person took them back; their numbers are used up. policy: by which
    devices draw artworks, as far as the server knows."""

    catalog: Catalog
    bundle: Path
    version: int
    spec: FeatureSpec
    others: Mapping[int, Path] = field(default_factory=dict)
    refused: frozenset[int] = frozenset()
    policy: keyart.Policy = field(default_factory=keyart.Policy)

    @property
    def next_version(self) -> int:
        """The number of a new candidate: the next one, unless that is used up."""
        return max(self.version, *self.refused, 0) + 1


@dataclass(frozen=True)
class Asked:
    """A round to begin. event: what it costs, as `budget` charges it. waiting: what `read` needs again beside the
    signed offer. low, high: draws of the devices that are asked lie in between. wanted: of devices, the most.
    patience: seconds that a stage may take."""

    offer: Offer
    event: Skellam
    waiting: bytes
    low: float
    high: float
    wanted: int
    patience: float


@dataclass(frozen=True)
class Wait:
    """reason: a sentence for the dashboard."""

    reason: str


@dataclass(frozen=True)
class Finished:
    """told: what the whole campaign came to, as in `Read`."""

    told: Mapping[str, Any]


@dataclass(frozen=True)
class Read:
    """memory: for the next `ask` and `read`. told: for people: finite numbers and texts, JSON, no title's id; "used"
    says whether the sum was of use, and if not, "reason" says why. candidate: the files of a new bundle by name, of
    version `Base.next_version`."""

    memory: bytes
    told: Mapping[str, Any]
    candidate: Mapping[str, bytes] | None = None


class Work(Protocol):
    """What campaigns of a kind ask and read."""

    def ask(
        self, campaign: Campaign, memory: bytes | None, number: int, failed: int, base: Base, at: datetime
    ) -> Asked | Wait | Finished:
        """What comes next. memory: of the last `read`, None before the first. number: the next that is free among the
        campaign's rounds. failed: rounds of `ask` that were paid for and never read; whoever also counts those that
        failed unpaid gets fewer rounds, and spends no more.

        Raises SettingError for settings that no offer comes of here, such as an ε below what devices can noise,
        and FederatedError for a memory that cannot be read.
        """

    def read(self, campaign: Campaign, memory: bytes | None, summed: Sum, base: Base) -> Read:
        """What a round's sum tells. memory: as it was for `ask`.

        A sum that no honest devices make, or that noise drowns, changes nothing but the count of rounds.
        """
