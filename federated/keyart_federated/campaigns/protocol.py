"""The protocol between a driver of rounds and a kind of campaign.

All of it are values, and the same input gives the same output:

ask ──► Wait          not now; ask again later
    ──► Finished      nothing is left to ask
    ──► RoundRequest  the next round ──► its sum ──► read ──► RoundResult: state, result, perhaps a candidate
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import keyart
from keyart import Catalog
from keyart.bundle import load_model
from keyart.campaigns import Offer
from keyart.model import EncodedCatalog, FeatureSpec, LoadedModel
from keyart_federated.accounting import Skellam

from .campaign import Campaign
from .noise import PlannedRounds
from .private_sum import PrivateSum


@dataclass(frozen=True)
class DeployedModel:
    """The state of the fleet that a round builds on.

    Attributes:
        catalog: The server's catalogue.
        bundle: Folder of the newest bundle that all devices are offered.
        version: Model version of that bundle.
        spec: Feature spec of that bundle.
        others: Folders of other bundles by version, published or candidates.
        refused: Versions above `version` that no device will get, since a gate refused them or a person took them
            back. Their numbers are used up.
        policy: The policy by which devices draw artworks, as far as the server knows.
    """

    catalog: Catalog
    bundle: Path
    version: int
    spec: FeatureSpec
    others: Mapping[int, Path] = field(default_factory=dict)
    refused: frozenset[int] = frozenset()
    policy: keyart.Policy = field(default_factory=keyart.Policy)

    @cached_property
    def loaded(self) -> LoadedModel:
        """The model of the bundle, as a device with our catalogue has it. Raises a BundleError."""
        return load_model(self.bundle, self.catalog, "numpy")

    @cached_property
    def encoded(self) -> EncodedCatalog:
        """Our catalogue in the places of the fleet's feature spec, all of it."""
        return EncodedCatalog.build(self.catalog, self.spec)

    @property
    def next_version(self) -> int:
        """The version number of a new candidate."""
        return max(self.version, *self.refused, 0) + 1


@dataclass(frozen=True)
class RoundRequest:
    """A round to begin.

    Attributes:
        offer: What devices are asked for.
        event: The privacy cost of the round, as the budget charges it.
        pending: Bytes that `read` needs beside the signed offer. They are kept while the round is open.
        low: Devices with a sampling bucket below it are not asked.
        high: Devices with a sampling bucket of this or above are not asked.
        wanted: Target cohort, in devices, and the maximum.
        patience: Timeout of a stage, in seconds.
    """

    offer: Offer
    event: Skellam
    pending: bytes
    low: float
    high: float
    wanted: int
    patience: float


@dataclass(frozen=True)
class Wait:
    """The next round is not due. `reason` is a sentence for the dashboard."""

    reason: str


@dataclass(frozen=True)
class Finished:
    """No round is left. `result` is that of the whole campaign, as in `RoundResult`."""

    result: Mapping[str, Any]


@dataclass(frozen=True)
class RoundResult:
    """The outcome of a round.

    Attributes:
        state: Bytes for the next `ask` and `read`.
        result: Finite numbers and texts for people, as JSON, without a title's id. "used" says whether the sum was
            used; if it was not, "reason" says why.
        candidate: Files by name of a new bundle, of version `DeployedModel.next_version`.
    """

    state: bytes
    result: Mapping[str, Any]
    candidate: Mapping[str, bytes] | None = None


class CampaignKind(Protocol):
    """The server's half of a kind of campaign. Modules of this package implement it."""

    def plan(self, campaign: Campaign, base: DeployedModel) -> Mapping[str, PlannedRounds]:
        """Return what all rounds of the campaign cost, by purpose.

        Raises:
            SettingError: The settings or ε cannot be kept here.
        """

    def ask(
        self, campaign: Campaign, state: bytes | None, number: int, failed: int, base: DeployedModel, at: datetime
    ) -> RoundRequest | Wait | Finished:
        """Return what comes next.

        Args:
            campaign: The campaign.
            state: State of the last `read`. None before the first.
            number: The next number that is free among the campaign's rounds.
            failed: Rounds that were charged and never read. Whoever also counts those that failed uncharged gets
                fewer rounds, and spends no more.
            base: What the fleet runs on.
            at: The time now.

        Raises:
            SettingError: No offer follows from the settings here, such as an ε below what devices can noise.
            FederatedError: The state cannot be read, or is of another campaign.
        """

    def read(self, campaign: Campaign, state: bytes | None, summed: PrivateSum, base: DeployedModel) -> RoundResult:
        """Return the result of a round's sum. `state` is as it was for `ask`.

        A sum that cannot be used changes nothing but the count of rounds: one that no honest devices make, that noise
        drowns, that too few devices stand behind, or that is about another model, feature spec or catalogue.

        Raises:
            FederatedError: The state cannot be read or is of another campaign, or the sum is of an offer that this
                campaign did not make.
        """
