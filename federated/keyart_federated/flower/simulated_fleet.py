"""A simulated fleet on Flower's nodes: each node plays a part of the devices, and is the gateway of their sum."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import numpy as np
from flwr.app import Message, MessageType
from flwr.serverapp import Grid

from keyart.campaigns.offer import Offer
from keyart.dp.skellam import skellam
from keyart.errors import RoundFailed

from ..simulation.fleet import Arrays, Contribution, require_enough
from ..simulation.randomness import fleet_randomness
from .retrying_grid import PATIENCE_SECONDS, PatientGrid
from .simulation_messages import TOTAL, FleetReply, FleetRequest

NODE_WAIT_SECONDS: Final = 60.0
ROUND_SECONDS: Final = 3600.0
POLL_SECONDS: Final = 0.5


class FlowerFleet:
    """See `keyart_federated.simulation.fleet.SimulatedFleet`.

    Args:
        grid: Flower's grid.
        nodes: number of nodes to wait for; each holds an equal part of the devices.
        server: public key of the server that signs offers.
        seed: seed of the noise of all devices together.
        patience_seconds: a node that has not answered is asked again after so many seconds.
    """

    def __init__(
        self, grid: Grid, nodes: int, server: bytes, seed: int, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._grid, self._nodes = PatientGrid(grid, patience_seconds), nodes
        self._server, self._seed = server, seed
        self._bundle: dict[str, bytes] = {}
        self._folder: Path | None = None
        self._first = self._last = self._asked = 0  # impressions; the last one is of the last request

    def play(self, bundle: Path, first: int, steps: int) -> None:
        """See `SimulatedFleet`. Nodes play when they are next asked for a sum, or for their journals."""
        if bundle != self._folder:
            if self._last > self._asked:
                self._ask(FleetRequest(self._bundle, self._first, self._last))
            self._folder, self._first = bundle, first
            self._bundle = {path.name: path.read_bytes() for path in sorted(bundle.iterdir())}
        self._last = first + steps

    def contribute(self, message: bytes, at: float) -> Contribution:
        """See `SimulatedFleet`."""
        offer = Offer.read(message, [self._server])
        if offer is None:
            raise RoundFailed("The offer is not signed by this simulation's server.")
        replies = self._ask(FleetRequest(self._bundle, self._first, self._last, message, at))
        devices = sum(reply.devices for reply in replies)
        require_enough(offer, devices, next((reply.reason for reply in replies if reply.reason), ""))
        total = np.asarray(np.sum([reply.arrays[TOTAL] for reply in replies], axis=0, dtype=np.int64))
        return Contribution(
            total + skellam(offer.size, offer.variance * devices, fleet_randomness(self._seed, offer)), devices
        )

    def collect(self) -> list[Arrays]:
        """Return each node's journal: its devices' numbers, what was shown, and what came of it."""
        return [
            dict(reply.arrays)
            for reply in self._ask(FleetRequest(self._bundle, self._first, self._last, journal=True))
        ]

    def _ask(self, request: FleetRequest) -> list[FleetReply]:
        record = request.to_record()
        messages = [Message(record, dst_node_id=node, message_type=MessageType.TRAIN) for node in self._connected()]
        replies = [FleetReply.read(reply) for reply in self._grid.send_and_receive(messages, timeout=ROUND_SECONDS)]
        if len(replies) < self._nodes:
            raise RoundFailed(
                f"{len(replies)} of {self._nodes} nodes answered. The last good model stays; see the nodes' "
                "logs, then start again."
            )
        self._asked = request.last
        return replies

    def _connected(self) -> list[int]:
        deadline = time.monotonic() + NODE_WAIT_SECONDS
        while True:
            nodes = sorted(self._grid.get_node_ids())
            if len(nodes) >= self._nodes:
                return nodes[: self._nodes]
            if time.monotonic() > deadline:
                raise RoundFailed(
                    f"{len(nodes)} of {self._nodes} nodes are connected after {NODE_WAIT_SECONDS:.0f} s. Start the "
                    "missing SuperNodes, then start again."
                )
            time.sleep(POLL_SECONDS)
