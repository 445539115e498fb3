"""FederatedRanker: Flower's Strategy for keyart's rounds. It sends a model, checks and adds the sums, and steps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy

import keyart
from keyart.campaigns.kinds.gradient import FRACTION_BITS
from keyart.campaigns.together import TogetherLayout
from keyart.campaigns.vector_layout import TrainingLayout
from keyart.errors import RoundFailed
from keyart.model.features import EncodedCatalog

from .apps import wire
from .flower.retrying_grid import PATIENCE_SECONDS, PatientGrid
from .learning import curvature, latents, optimiser
from .learning.model import Doubles, Model

log = logging.getLogger("keyart.federated")
NODE_WAIT_SECONDS = 60.0
ROUND_SECONDS = 3600.0


class FederatedRanker(Strategy):
    """Rounds of the ranker. `state` is always the last good one: a round that fails raises and changes nothing.

    steps: impressions a round (simulated devices). cohort_share: share of devices that train in a round. nodes:
    how many nodes to wait for, and how many must answer. patience_seconds: after which a node that has not answered
    is asked again. on_round: called with each new state (a checkpoint, a
    progress bar).
    """

    def __init__(
        self,
        encoded: EncodedCatalog,
        model: Model,
        *,
        steps: int,
        cohort_share: float = 1.0,
        nodes: int = 1,
        seed: int = 0,
        policy: keyart.Policy,
        settings: optimiser.Settings | None = None,
        on_round: Callable[[optimiser.State], None] = lambda _: None,
        node_wait_seconds: float = NODE_WAIT_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.encoded, self.policy, self.seed = encoded, policy, seed
        self.state = optimiser.init(model, encoded)
        self.settings = settings or optimiser.Settings()
        self.client_updates = 0
        self.rounds_before = 0  # that a checkpoint tells of; this run's first is the one after
        self._steps, self._cohort_share, self._nodes = steps, cohort_share, nodes
        self.on_round, self._node_wait_seconds = on_round, node_wait_seconds
        self._patience_seconds = patience_seconds
        self._layout = TrainingLayout(encoded.spec, len(encoded.artwork))

    def run(self, grid: Grid, rounds: int, timeout: float = ROUND_SECONDS) -> optimiser.State:
        """All rounds. Raises RoundFailed; then `state` is that of the last good round."""
        grid = PatientGrid(grid, self._patience_seconds)
        self._before(grid, timeout)
        left = rounds - self.rounds_before
        if left > 0:
            self.start(grid, wire.model_record(self.state.model.to_array()), num_rounds=left, timeout=timeout)
        return self.state

    def _before(self, grid: Grid, timeout: float) -> None:
        """The titles' latents, from what is watched together; before the first round, in a few questions."""
        if self.state.rounds or self.state.model.title_latents.any():
            return

        def ask(asked: Doubles) -> Doubles:
            questions = dict.fromkeys(self._connected(0, grid), wire.question(asked))
            size = TogetherLayout(*asked.shape).size
            good = self._good(send(grid, questions, MessageType.QUERY, timeout), size, 0)
            return np.asarray(np.sum([one.sum for one in good], axis=0, dtype=np.int64) / float(1 << FRACTION_BITS))

        found = latents.find_titles(ask, self.encoded, np.random.default_rng([self.seed, 5]))
        if found.any():
            self.state = replace(self.state, model=replace(self.state.model, title_latents=found))

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        return self._orders(server_round + self.rounds_before, arrays, grid, MessageType.TRAIN)

    def _orders(self, server_round: int, arrays: ArrayRecord, grid: Grid, kind: str) -> list[Message]:
        order = wire.Order(
            round=server_round,
            first=(server_round - 1) * self._steps,
            steps=self._steps,
            cohort_share=self._cohort_share,
            seed=self.seed,
        )
        content = RecordDict({wire.ARRAYS: arrays, wire.CONFIG: order.to_config()})
        return [Message(content, dst_node_id=node, message_type=kind) for node in self._connected(server_round, grid)]

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        good = self._good(replies, self._layout.size, server_round)
        devices = sum(contribution.devices for contribution in good)
        if devices == 0:  # a small cohort is drawn by chance, and chance may draw nobody
            log.warning("Round %d: no device was drawn; the model stays as it is", server_round)
            return wire.model_record(self.state.model.to_array()), MetricRecord({"devices": 0})
        total = np.sum([contribution.sum for contribution in good], axis=0, dtype=np.int64)
        new = self.next_state(np.asarray(total))
        self._require_finite(new, server_round)
        self.state = new
        self.client_updates += devices
        self.on_round(new)
        return wire.model_record(new.model.to_array()), MetricRecord({"devices": devices})

    def _require_finite(self, new: optimiser.State, server_round: int) -> None:
        if not np.isfinite(new.model.to_array()).all():
            raise RoundFailed(
                f"Round {server_round}: the step leads to a model that is not finite. The last good model "
                f"(version {self.state.model.version}) stays."
            )

    def _good(self, replies: Iterable[Message], size: int, server_round: int) -> list[wire.Contribution]:
        """All answers, checked; raises RoundFailed where one is missing."""
        good = []
        failures = []
        for reply in replies:
            if reply.has_error():
                failures.append(f"{reply.error.reason}")
                log.warning("Round %d: a node failed: %s", server_round, reply.error.reason)
            else:
                good.append(wire.read(reply, size, server_round))
        if len(good) < self._nodes:
            reason = f"; the first failure: {failures[0]}" if failures else ""
            raise RoundFailed(
                f"Round {server_round}: {len(good)} of {self._nodes} nodes answered{reason}. The last good model "
                f"(version {self.state.model.version}) stays; see the nodes' logs, then start again from it."
            )
        return good

    def next_state(self, total: npt.NDArray[np.int64]) -> optimiser.State:
        """The optimiser's step for a cohort's integer sum; a part of the devices stands for all of them."""
        sums = total / float(1 << FRACTION_BITS) / self._cohort_share
        rng = np.random.default_rng([self.seed, self.state.rounds])
        simulated = curvature.simulated(sums, self.state.model, self.encoded, self.policy, rng)
        return optimiser.apply(self.state, sums, simulated, self.encoded, self.settings)

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        return []

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        return None

    def summary(self) -> None:
        log.info("Rounds of %d impressions on %d node(s)", self._steps, self._nodes)

    def _connected(self, server_round: int, grid: Grid) -> list[int]:
        deadline = time.monotonic() + self._node_wait_seconds
        while True:
            nodes = sorted(grid.get_node_ids())
            if len(nodes) >= self._nodes:
                return nodes
            if time.monotonic() > deadline:
                raise RoundFailed(
                    f"Round {server_round}: {len(nodes)} of {self._nodes} nodes are connected after "
                    f"{self._node_wait_seconds:.0f} s. Start the missing SuperNodes, then start again."
                )
            time.sleep(0.5)


def send(grid: Grid, contents: Mapping[int, RecordDict], message_type: str, timeout: float | None) -> list[Message]:
    """What the nodes answer to a content each, by node."""
    messages = [Message(content, dst_node_id=node, message_type=message_type) for node, content in contents.items()]
    return list(grid.send_and_receive(messages, timeout=timeout))
