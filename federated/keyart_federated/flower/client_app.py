"""The ClientApp of a simulation: a node with simulated devices, the gateway of their sum.

A SuperNode answers each message in a new process, so that all state rests in `Context.state`: what was shown before
the present bundle came, and which rounds the devices have answered. All else follows: devices are deterministic.
"""

from __future__ import annotations

import json
import logging
import tempfile
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message
from flwr.clientapp import ClientApp

from keyart.campaigns.offer import Offer
from keyart.errors import MessageError, RoundFailed
from keyart.secagg import Stage, session_codec

from ..propensity_check import Calibration
from ..secagg import Gateway
from ..simulation.devices import Devices
from ..simulation.fleet import LocalFleet
from ..simulation.identities import sessions_of
from ..simulation.local import devices_in_parts
from ..simulation.participation import Bools, Participation
from ..simulation.setup import SimulationSetup
from ..simulation.training_run import limits_of
from .simulation_messages import TOTAL, FleetReply, FleetRequest

log = logging.getLogger("keyart.federated")

JOURNAL, ANSWERED, SPAN, SESSIONS = "journal", "answered", "span", "sessions"

app = ClientApp()


@app.train()
def answer(message: Message, context: Context) -> Message:
    """Play the impressions of a request, and answer its offer."""
    request = FleetRequest.read(message)
    if SPAN in context.state and request.number < int(context.state[SPAN]["number"]):
        return FleetReply({}).to(message)  # a repetition that came late: the server has its answer, and went on
    setup = _setup(str(context.run_config["simulation"]))
    part, fleet, participation = _fleet(setup, context)
    with tempfile.TemporaryDirectory(prefix="keyart-node-") as name:
        bundle = Path(name) / "bundle"
        bundle.mkdir()
        for file, data in request.bundle.items():
            (bundle / file).write_bytes(data)
        before = _restore(part, context, request.first)
        fleet.play(bundle, request.first, request.last - request.first)
    kept = {**part.state(), **before, **{f"last/{name}": array for name, array in part.calibration.state().items()}}
    context.state[JOURNAL] = ArrayRecord({name: Array(np.ascontiguousarray(array)) for name, array in kept.items()})
    context.state[SPAN] = ConfigRecord({"first": request.first, "last": request.last, "number": request.number})
    if request.journal:
        return FleetReply({"members": part.members, **part.state(), **part.calibration.state()}).to(message)
    if not request.offer:
        return FleetReply({}).to(message)
    try:
        offer, drawn = fleet.judge(request.offer, request.at)
    except RoundFailed as error:
        return FleetReply({TOTAL: np.zeros(1, dtype=np.int64)}, 0, str(error)).to(message)
    mine = np.zeros_like(drawn)
    mine[part.members] = drawn[part.members]
    context.state[ANSWERED] = ConfigRecord(participation.state())
    if request.stage:
        return FleetReply({}, stage_reply=_stage(request, offer, mine, fleet, setup.seed, context)).to(message)
    return FleetReply({TOTAL: fleet.sum_of(offer, mine)}, int(mine.sum())).to(message)


def _restore(part: Devices, context: Context, first: int) -> dict[str, npt.NDArray[np.generic]]:
    """Take the devices back to where they met the bundle whose first impression is `first`.

    Returns:
        The calibration of propensities there, which a request that is repeated starts from again.
    """
    if JOURNAL in context.state:
        arrays = {name: array.numpy() for name, array in context.state[JOURNAL].items()}
        part.restore(arrays, first)
        moment = "first" if int(context.state[SPAN]["first"]) == first else "last"
        part.calibration = Calibration.from_state(
            {name: arrays[f"{moment}/{name}"] for name in part.calibration.state()}
        )
    return {f"first/{name}": array for name, array in part.calibration.state().items()}


def _stage(request: FleetRequest, offer: Offer, mine: Bools, fleet: LocalFleet, seed: int, context: Context) -> bytes:
    """One stage of a masked round, for the node's devices that answer: the node is their gateway."""
    terms, stage = offer.terms(request.offer), Stage(request.stage)
    gateway = Gateway(terms)
    if stage is Stage.KEYS:
        sessions = sessions_of(terms, seed, np.flatnonzero(mine).tolist())
        asked = dict.fromkeys(sessions, request.stage_message)
    else:
        kept = context.state[SESSIONS].items()
        sessions = {int(number): session_codec.session_from_bytes(bytes(data)) for number, data in kept}
        gateway.stage = Stage(stage - 1)
        asked = gateway.deliver(request.stage_message)
    rows = fleet.rows(offer, mine) if stage is Stage.MASKED else {}
    replies = {}
    for number, message in asked.items():
        try:
            sessions[number], replies[number] = sessions[number].answer(message, partial(rows.__getitem__, number))
        except MessageError as error:
            log.warning("Device %d does not go on with its round: %s", number, error)
    context.state[SESSIONS] = ConfigRecord(
        {str(number): session_codec.session_to_bytes(session) for number, session in sessions.items()}
    )
    return gateway.collect(replies)


@lru_cache(maxsize=2)
def _setup(text: str) -> SimulationSetup:
    return SimulationSetup.from_config(json.loads(text))


def _fleet(setup: SimulationSetup, context: Context) -> tuple[Devices, LocalFleet, Participation]:
    """The node's devices, every num-partitions-th of the world's, with the ledgers of all."""
    node: dict[str, Any] = dict(context.node_config)
    partition, partitions = int(node["partition-id"]), int(node["num-partitions"])
    world = setup.world
    (part,) = devices_in_parts(setup, [np.arange(partition, world.devices, partitions)])
    participation = Participation(world.devices, limits_of(setup.privacy, setup.plan, setup.seed))
    if ANSWERED in context.state:
        participation.restore(context.state[ANSWERED])
    fleet = LocalFleet([part], participation, setup.seed, setup.cohort / world.devices, devices=world.devices)
    return part, fleet, participation
