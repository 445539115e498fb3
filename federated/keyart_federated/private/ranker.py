"""PrivateRanker: rounds whose sums are clipped, noised, and masked if so asked; FederatedRanker with another step."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid

from keyart.errors import RoundFailed
from keyart.features import EncodedCatalog
from keyart.outbound.bounded import MAX_VIEWS, BoundedTogether, together_sums
from keyart.outbound.layout import Places
from keyart.outbound.noised import LATENT_BLOCKS, NoisedPopulation, NoisedTraining
from keyart.outbound.sums import Stage, Terms, width
from keyart.outbound.together import TogetherLayout

from .. import latents
from ..accounting import Skellam
from ..apps import wire as plain
from ..ledger import Ledger
from ..model import Doubles, Model
from ..strategy import FederatedRanker, send
from ..sums import Coordinator
from . import guard, wire
from .checkpoint import load, save
from .learner import ROUNDING, Learner
from .node import simulated_issuer
from .population import Population
from .privacy import MASKED_DEVICES, Plan, Privacy

log = logging.getLogger("keyart.federated")


class Lost(Exception):
    """A sum that was paid for and is not used: it is gone with the server that asked for it, or honest devices do not
    make such a one."""


LANE_BYTES = 4  # of a coordinate; keys and shares come on top (docs/protocol.md)
COWATCH = "keyart co-watch"  # in the ledger: questions about what is watched together, from 1
VIEWS_CLIP = 1.0  # norm of a device's views that noise has to cover: nearly everybody's count alike
CAMPAIGN = "keyart"  # in the ledger: the population is round 0, training is the round that it ends


class PrivateRanker(FederatedRanker):
    """Plays every round, and trains after those of `plan`. The ledger is charged before anything is released.

    rounds: in all. devices: in the fleet. ledger: None where `privacy` is exact. checkpoint: a file that is
    written after each round, and gone on from where it is there. A round that is paid for and not in it is lost with
    the server that ran it: its devices have answered, and would not answer twice; the next round goes on.
    """

    def __init__(
        self,
        encoded: EncodedCatalog,
        model: Model,
        *,
        privacy: Privacy,
        rounds: int,
        devices: int,
        ledger: Ledger | None,
        cohort_share: float = 1.0,
        checkpoint: Path | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(encoded, model, cohort_share=cohort_share, **settings)
        self.privacy, self.ledger = privacy, ledger
        training, with_latents = (
            NoisedTraining(encoded.spec, len(encoded.artwork), blocks).size for blocks in LATENT_BLOCKS[:2]
        )
        sizes = training, NoisedPopulation(encoded.spec, len(encoded.first) - 1).size
        titles = len(encoded.first) - 1
        cowatch = BoundedTogether(titles, min(latents.DIRECTIONS, titles)).size
        self.plan = Plan.of(
            privacy,
            rounds,
            devices,
            cohort_share,
            *sizes,
            cowatch_size=cowatch,
            titles=titles,
            latents_size=with_latents - training,
        )
        self.masked = devices <= MASKED_DEVICES if privacy.masked is None else privacy.masked
        self._devices, self._checkpoint = devices, checkpoint
        self._learner: Learner | None = None
        self._signal: float | None = None  # what the guard let pass so far
        self.bytes_up = 0  # that a device has handed in
        stood = load(checkpoint, encoded) if checkpoint is not None else None
        if stood is not None:
            self._learner, self.rounds_before = stood
            self.state = self._learner.state

    def _before(self, grid: Grid, timeout: float) -> None:
        """The titles' latents, from what is watched together, where the plan pays for them."""
        self._grid, self._timeout = grid, timeout
        known = self.state.rounds or self._learner is not None or self.state.model.title_latents.any()
        if self.plan.cowatch is None or known:
            return
        exchange = itertools.count(1)

        def ask(asked: Doubles) -> tuple[Doubles, float]:
            return self._watched_together(asked, next(exchange))

        rng = np.random.default_rng([self.seed, 5])
        try:
            found = latents.find_titles(ask, self.encoded, rng, self.plan.exchanges)
        except Lost as lost:
            log.warning("There are no latents: %s", lost)
            return
        if found.any():
            self.state = replace(self.state, model=replace(self.state.model, title_latents=found))

    def _watched_together(self, asked: Doubles, number: int) -> tuple[Doubles, float]:
        """Sums in the places of `TogetherLayout`, in views, for directions [T, D]; and the noise in its products."""
        assert self.plan.cowatch is not None  # noqa: S101
        stretch = float(np.linalg.norm(asked, 2))
        ask = self._ask("cowatch", 0, self.plan.cowatch)
        clip = self.plan.clip if self.privacy.exact else VIEWS_CLIP
        ask = replace(ask, clip=clip, scale=(asked / stretch).ravel())
        layout = BoundedTogether(*asked.shape)
        total, devices = self._sum(ask, number, self.plan.cowatch, layout.size, COWATCH)
        self._checked(total, devices, ask, layout)
        parts, back = together_sums(layout, total / ask.units, clip)
        parts["products"] *= stretch
        # In views, where a device's may have been shortened: by how many views devices have.
        has, views = parts["viewers"]
        factor = max(views * MAX_VIEWS, 1e-9) / max(parts["views"].sum(), 1e-9)
        for name, power in (("views", 1), ("weighted", 2), ("squares", 2), ("products", 2)):
            parts[name] = parts[name] * factor**power
        noise = np.sqrt((ask.variance + ROUNDING) * devices) / ask.units * back["products"] * stretch * factor**2
        parts["viewers"] = np.array([max(has, 1.0)])
        sums = np.concatenate([parts[name] for name in TogetherLayout(*asked.shape).sizes])
        return sums, float(noise)

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        return self._orders(server_round + self.rounds_before, arrays, grid, wire.PLAY)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        server_round += self.rounds_before
        self._good(replies, 0, server_round)
        if server_round in self.plan.rounds:
            try:
                new = self._trained(server_round)
            except Lost as lost:
                log.warning("Round %d: %s", server_round, lost)
            else:
                self._require_finite(new.state, server_round)
                self._learner, self.state = new, new.state
        if self._checkpoint is not None and self._learner is not None:
            save(self._checkpoint, self._learner, server_round, self.encoded.spec)
        self.on_round(self.state)
        return plain.model_record(self.state.model.to_array()), MetricRecord({"version": self.state.model.version})

    def _trained(self, server_round: int) -> Learner:
        rng = np.random.default_rng([self.seed, server_round])
        learner = self._learner = self._learner or self._started(server_round)  # it is paid for, whatever comes
        learner, asked = learner.ask(
            float(server_round * self._steps),
            self.plan.clip,
            self.encoded,
            self.policy,
            rng,
            self.privacy.units,
            self.plan.artwork_latents,
        )
        ask = self._ask("training", server_round, self.plan.training)
        ask = replace(ask, clip=asked.clip, most=asked.most, scale=asked.scale)
        layout = NoisedTraining(self.encoded.spec, len(self.encoded.artwork), asked.latents)
        total, devices = self._sum(ask, server_round, self.plan.training, layout.size)
        self._signal = self._checked(total, devices, ask, layout)
        self.client_updates += devices
        learner, asked = learner.heard(asked, float(devices), learner.decisions)
        return learner.answered(asked, total, ask.variance * devices, self.encoded)

    def _started(self, server_round: int) -> Learner:
        """A learner that knows the population; kept at once, since it was paid for."""
        ask = self._ask("population", 0, self.plan.population)  # a cohort of its own: drawn anew, as it is accounted
        devices, population = self._devices, Population.unknown(self.encoded)
        try:
            layout = NoisedPopulation(self.encoded.spec, len(self.encoded.first) - 1)
            total, devices = self._sum(ask, 0, self.plan.population, layout.size)
            self._checked(total, devices, ask, layout)
            population = Population.read(layout, total, ask.units, devices, ask.variance * devices)
        except Lost as lost:
            log.warning("The population stays unknown: %s", lost)
        learner = Learner.start(self.state, population, float(devices), self.encoded)
        if self._checkpoint is not None:
            save(self._checkpoint, learner, server_round - 1, self.encoded.spec)
        return learner

    def _checked(self, total: npt.NDArray[np.int64], devices: int, ask: wire.Ask, layout: Places) -> float:
        """Raises Lost for a sum that honest devices do not make."""
        if self.privacy.exact:
            return 1.0
        if devices > self._devices:
            raise Lost(f"{devices} devices are in the sum, of a fleet of {self._devices}.")
        try:
            return guard.check(total, devices, ask.variance, layout, self._signal)
        except RoundFailed as refused:
            raise Lost(str(refused)) from None

    def _ask(self, kind: wire.Kind, server_round: int, event: Skellam) -> wire.Ask:
        variance = self.plan.variance(event)
        return wire.Ask(kind, server_round, variance, self._cohort_share, self.seed, units=self.privacy.units)

    def _sum(
        self, ask: wire.Ask, number: int, event: Skellam, size: int, campaign: str = CAMPAIGN
    ) -> tuple[npt.NDArray[np.int64], int]:
        """The noised sum, and of how many devices. Paid for before anybody is asked."""
        if self.ledger is not None and self.ledger.charge(campaign, number, event).repeated:
            raise Lost("it was paid for before the server stopped. Its devices do not answer twice.")
        self.bytes_up += size * LANE_BYTES
        if self.masked:
            total, devices = self._masked(ask, size)
        else:
            questions = dict.fromkeys(self._connected(ask.round, self._grid), ask.to_record())
            good = self._good(send(self._grid, questions, wire.NOISED, self._timeout), size, ask.round)
            total = np.asarray(np.sum([one.sum for one in good], axis=0, dtype=np.int64))
            devices = sum(one.devices for one in good)
        if devices == 0 and self.privacy.exact:  # a small cohort is drawn by chance, and chance may draw nobody
            raise Lost("no device was drawn.")
        if devices < self.plan.survivors:
            raise RoundFailed(
                f"Round {ask.round}: {devices} devices answered where the noise counts on {self.plan.survivors}. "
                f"The sum is not used, and the last good model (version {self.state.model.version}) stays."
            )
        return total, devices

    def _masked(self, ask: wire.Ask, size: int) -> tuple[npt.NDArray[np.int64], int]:
        bound = ask.units + 12 * int(np.sqrt(ask.variance)) + 64
        invited = int(np.ceil(self._cohort_share * self._devices))
        terms = Terms(
            size=size,
            bits=width(2 * invited, bound),
            bound=bound,
            threshold_permille=int(1000 * self.privacy.threshold),
            minimum_devices=self.plan.survivors,
            nonce=os.urandom(32),
        )
        coordinator = Coordinator(terms, [simulated_issuer(self.seed).public], 0)
        for stage in Stage:
            head = bytes([stage])
            records = {
                node: ask.to_record(head + (coordinator.invitation if stage is Stage.KEYS else coordinator.ask(node)))
                for node in self._connected(ask.round, self._grid)
            }
            for reply in send(self._grid, records, wire.SUMS, self._timeout):
                if reply.has_error():
                    log.warning("Round %d: a gateway failed: %s", ask.round, reply.error.reason)
                else:
                    coordinator.receive(reply.metadata.src_node_id, wire.bundle_of(reply))
            coordinator.close()
        result = coordinator.result
        return result.total, len(result.survivors)
