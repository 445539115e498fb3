"""A simulated fleet on Flower's nodes: each node plays a part of the devices, and is the gateway of their sum."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from flwr.app import Message, MessageType
from flwr.serverapp import Grid

from keyart.campaigns import Offer
from keyart.errors import RoundFailed
from keyart.secagg import Stage

from ..rounds import run_round
from ..secagg import Coordinator
from ..simulation.identities import keys_of
from ..simulation.local_fleet import Arrays, Contribution, noised, require_enough
from ..types import Integers
from .retrying_grid import PATIENCE_SECONDS, RetryingGrid
from .simulation_messages import TOTAL, FleetReply, FleetRequest

NODE_WAIT_SECONDS: Final = 60.0
ROUND_SECONDS: Final = 3600.0
POLL_SECONDS: Final = 0.5


class FlowerFleet:
    """See `keyart_federated.simulation.local_fleet.SimulatedFleet`.

    Args:
        grid: Flower's grid.
        nodes: number of nodes to wait for; each holds an equal part of the devices.
        server: public key of the server that signs offers.
        seed: seed of the simulation.
        masked: whether sums go through the whole protocol of secure aggregation, a node being the gateway of its
            devices.
        patience_seconds: a node that has not answered is asked again after so many seconds.
    """

    def __init__(
        self,
        grid: Grid,
        nodes: int,
        server: bytes,
        seed: int,
        masked: bool = False,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._grid, self._nodes = RetryingGrid(grid, patience_seconds), nodes
        self._server, self._seed, self._masked = server, seed, masked
        self._bundle: dict[str, bytes] = {}
        self._folder: Path | None = None
        self._first = self._last = self._asked = 0  # impressions; the last one is of the last request
        self._number = 0  # of the last request

    def play(self, bundle: Path, first: int, steps: int) -> None:
        """See `SimulatedFleet`. Nodes play when they are next asked for a sum, or for their journals."""
        if bundle != self._folder:
            if self._last > self._asked:
                self.ask(self.request())
            self._folder, self._first = bundle, first
            self._bundle = {path.name: path.read_bytes() for path in sorted(bundle.iterdir())}
        self._last = first + steps

    def contribute(self, message: bytes, at: float) -> Contribution:
        """See `SimulatedFleet`."""
        offer = Offer.read(message, [self._server])
        if offer is None:
            raise RoundFailed("The offer is not signed by this simulation's server.")
        if self._masked:
            _, issuer = keys_of(self._seed)
            coordinator = Coordinator(offer.terms(message), [issuer.public], 0)
            result = run_round(coordinator, _NodesAsGateways(self, message, at))
            return Contribution(result.total, len(result.survivors))
        replies = self.ask(self.request(message, at))
        devices = sum(reply.devices for reply in replies.values())
        require_enough(offer, devices, next((reply.reason for reply in replies.values() if reply.reason), ""))
        total = np.sum([_total_of(reply, offer) for reply in replies.values()], axis=0, dtype=np.int64)
        return noised(offer, np.asarray(total), devices, self._seed)

    def request(self, message: bytes = b"", at: float = 0.0) -> FleetRequest:
        """Return a request about the bundle and the impressions of the day."""
        return FleetRequest(self._bundle, self._first, self._last, offer=message, at=at)

    def collect(self) -> list[Arrays]:
        """Return each node's journal: its devices' numbers, what was shown, and what came of it."""
        return [dict(reply.arrays) for reply in self.ask(replace(self.request(), journal=True)).values()]

    def ask(self, request: FleetRequest, of_node: Mapping[int, bytes] | None = None) -> dict[int, FleetReply]:
        """Send a request to the nodes and return their replies by node.

        Args:
            request: the request.
            of_node: the stage's message of each node that is asked; None: every node is asked the same.

        Raises:
            RoundFailed: a node is missing, has failed, or has not answered in time.
        """
        nodes = self._connected()
        self._number += 1
        request = replace(request, number=self._number)
        asked = dict.fromkeys(nodes, request)
        if of_node is not None:
            asked = {node: replace(request, stage_message=message) for node, message in of_node.items()}
        messages = [
            Message(one.to_record(), dst_node_id=node, message_type=MessageType.TRAIN) for node, one in asked.items()
        ]
        replies = {
            reply.metadata.src_node_id: FleetReply.read(reply)
            for reply in self._grid.send_and_receive(messages, timeout=ROUND_SECONDS)
        }
        if len(replies) < len(asked):
            raise RoundFailed(
                f"{len(replies)} of {len(asked)} nodes answered. The last good model stays; see the nodes' logs, "
                "then start again."
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


def _total_of(reply: FleetReply, offer: Offer) -> Integers:
    """Return a node's sum. Raises RoundFailed for anything but `offer.size` integers of some devices."""
    total = reply.arrays.get(TOTAL)
    if total is None or total.dtype != np.int64 or total.shape != (offer.size,) or reply.devices < 0:
        told = "no sum" if total is None else f"{total.dtype} {total.shape} of {reply.devices} devices"
        raise RoundFailed(
            f"A node answered with {told}, where int64 ({offer.size},) was asked for. The last good model stays; "
            "update keyart on every node."
        )
    return np.asarray(total)


class _NodesAsGateways:
    """The transport of a masked round (`keyart_federated.rounds.Transport`): gateways are named by their nodes."""

    def __init__(self, fleet: FlowerFleet, message: bytes, at: float) -> None:
        self._fleet, self._request = fleet, fleet.request(message, at)

    def exchange(self, stage: Stage, invitation: bytes, requests: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """See `Transport`."""
        request = replace(self._request, stage=int(stage), stage_message=invitation)
        of_node = None if stage is Stage.KEYS else {int(name): bundle for name, bundle in requests.items()}
        replies = self._fleet.ask(request, of_node)
        return {str(node): reply.stage_reply for node, reply in replies.items() if reply.stage_reply}

    def advance(self, stage: Stage, requests: Mapping[str, bytes], replies: Mapping[str, bytes]) -> None:
        """See `Transport`. Nodes keep their sessions; nothing is kept here."""
