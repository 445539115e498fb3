"""A training campaign over a simulated fleet: the campaign's own `ask` and `read`, and the driver of its rounds."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import keyart
from keyart.campaigns import Limits, Offer
from keyart.errors import RoundFailed
from keyart.model import EncodedCatalog, FeatureSpec, HeadPrior
from keyart.secagg import Identity

from .. import campaigns
from ..accounting import Skellam, composed
from ..accounting.privacy import Privacy, TrainingPlan
from ..campaigns import DeployedModel, PrivateSum, RoundRequest
from ..campaigns.campaign import Campaign
from ..export import write_bundle
from ..learning.model import GlobalModel
from .identities import keys_of
from .local_fleet import SimulatedFleet

log = logging.getLogger("keyart.federated")

START: Final = datetime(2026, 1, 1, tzinfo=UTC)  # of simulated time; a simulated round takes a day


def limits_of(privacy: Privacy | None, plan: TrainingPlan, seed: int) -> Limits:
    """Return the limits of simulated devices: the campaign's budget is theirs, and no day of theirs is too full."""
    server, issuer = keys_of(seed)
    return Limits(
        servers=[Identity(server).public],
        issuers=[issuer.public],
        epsilon=math.inf if privacy is None else privacy.epsilon,
        delta=1e-6 if privacy is None else privacy.delta,
        minimum_devices=plan.minimum_devices,
        least_noise=0.0,
        unprotected=privacy is None,
        contributions_a_day=1000,
    )


class TrainingRun:
    """A campaign from its first question to its last model.

    Attributes:
        base: what the fleet runs on now.
        offers: what it was asked so far.

    Args:
        folder: where bundles are written.
        catalog: the world's catalogue.
        plan: rounds, cohort and noise of the campaign.
        privacy: the budget; None: none.
        seed: seed of the campaign's randomness.
        head: prior of the devices' heads.
        steps_per_round: impressions of a device in a simulated round.
        policy: by which devices draw artworks.
        campaign_id: id of the campaign, from which its randomness follows.
        start: the first bundle's model; None: zero-shot.
    """

    def __init__(
        self,
        folder: Path,
        catalog: keyart.Catalog,
        *,
        plan: TrainingPlan,
        privacy: Privacy | None,
        seed: int,
        head: HeadPrior | None,
        steps_per_round: int,
        policy: keyart.Policy,
        campaign_id: str = "simulation",
        start: GlobalModel | None = None,
    ) -> None:
        self._campaign_id = campaign_id
        self.offers: list[Offer] = []
        self._folder, self.plan, self._privacy, self._seed = folder, plan, privacy, seed
        self._steps = steps_per_round
        spec = FeatureSpec.from_catalog(catalog)
        model = start or GlobalModel.zero_shot(EncodedCatalog.build(catalog, spec))
        training = {"round": 0, "devices": 0}
        bundle = write_bundle(
            folder / "1", model, catalog, data="Nothing yet.", training=training, head=head, created=START
        )
        self.base = DeployedModel(catalog, bundle, model.version, spec, policy=policy)
        self._state: bytes | None = None
        self._number, self._failed, self._trained_at = 1, 0, 0
        self.rounds = 0
        self.client_updates, self.bytes_up = 0, 0
        self._events: list[Skellam] = []

    def campaign(self, decisions: float) -> Campaign:
        """Return the campaign as the server would keep it. decisions: of a device since the last round."""
        plan, privacy = self.plan, self._privacy
        settings: dict[str, Any] = {
            "minimum_devices": plan.minimum_devices,
            "wanted": plan.cohort,
            "threshold_permille": plan.threshold_permille,
            "hours": 0.0,
            "gates": 0.0,
            "clip": plan.clip,
            "decisions": decisions,
        }
        return Campaign(
            self._campaign_id,
            "Simulation",
            "training",
            "running",
            math.inf if privacy is None else privacy.epsilon,
            1e-6 if privacy is None else privacy.delta,
            len(plan.rounds),
            START,
            START,
            campaigns.checked("training", settings),
        )

    @property
    def epsilon(self) -> float | None:
        """The ε of a device that answered each round, failed ones included. None without privacy."""
        if self._privacy is None:
            return None
        return composed(((event, 1) for event in self._events), self._privacy.delta) if self._events else 0.0

    def after_round(self, number: int, fleet: SimulatedFleet) -> None:
        """Train after simulated round `number` (from 1), if the plan says so. A round that fails is logged."""
        if number not in self.plan.rounds:
            return
        at = START + timedelta(days=number)
        made = float((number - self._trained_at) * self._steps)
        campaign = self.campaign(decisions=made)
        while True:
            asked = campaigns.ask(campaign, self._state, self._number, self._failed, self.base, at)
            if not isinstance(asked, RoundRequest):
                return
            self._number += 1
            try:
                summed = self._summed(asked, fleet, at)
            except RoundFailed as failure:  # the last good model stays, as in a deployment
                log.warning("Round %d: %s", number, failure)
                self._failed += 1
                return
            used = self._read(campaign, summed)
            if asked.offer.kind == "training":
                self._trained_at = number
                if used:
                    self.client_updates += summed.survivors
                return

    def _summed(self, asked: RoundRequest, fleet: SimulatedFleet, at: datetime) -> PrivateSum:
        server, _ = keys_of(self._seed)
        message = asked.offer.sign(server)
        self.offers.append(asked.offer)
        self._events.append(asked.event)  # charged before anybody is asked, whatever comes of the round
        found = fleet.contribute(message, at.timestamp())
        self.bytes_up += asked.offer.terms(message).vector_bytes
        return PrivateSum(asked.offer, found.total, found.devices, asked.pending)

    def _read(self, campaign: Campaign, summed: PrivateSum) -> bool:
        """Take a round's sum; whether it was of use."""
        read = campaigns.read(campaign, self._state, summed, self.base)
        self._state = read.state
        if not read.result["used"]:
            log.warning("A sum is not used: %s", read.result["reason"])
        if read.candidate is not None:
            folder = self._folder / str(self.base.next_version)
            folder.mkdir(parents=True)
            for name, data in read.candidate.items():
                (folder / name).write_bytes(data)
            self.base = replace(self.base, bundle=folder, version=self.base.next_version)
            self.rounds += 1
        return bool(read.result["used"])
