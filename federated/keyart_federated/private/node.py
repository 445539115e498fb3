"""The ClientApp's part of private rounds: a node as the gateway of its devices."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import partial

import numpy as np
from flwr.app import ConfigRecord, Context, Message
from flwr.clientapp import ClientApp

from keyart.errors import MessageError
from keyart.outbound.sums import DeviceSession, Identity, Stage, Terms, certify
from keyart.outbound.sums.messages import KeysRequest

from ..apps import wire as plain
from ..devices import Devices
from ..model import Model
from ..sums import Gateway
from . import vectors, wire

log = logging.getLogger("keyart.federated")
SESSIONS, MODEL = "sessions", "model"
FOR_EVER = 2**40  # Unix seconds
DevicesOf = Callable[[Context], Devices]
Keep = Callable[[Context, Devices], None]


def add_private(app: ClientApp, devices_of: DevicesOf, keep: Keep) -> None:
    """Teaches a ClientApp the three messages of private rounds."""

    @app.train("play")
    def play(message: Message, context: Context) -> Message:
        order = plain.Order.from_config(message.content[plain.CONFIG])
        if (last := plain.kept(context.state, order.round)) is not None:
            return plain.answer(message, last)
        devices = devices_of(context)
        context.state[MODEL] = message.content[plain.ARRAYS]
        _install(devices, context)
        for k in range(order.first, order.first + order.steps):
            devices.step(k)
        keep(context, devices)
        nothing = plain.Contribution(np.zeros(0, dtype=np.int64), len(devices.members), order.round)
        plain.keep(context.state, nothing)
        return plain.answer(message, nothing)

    @app.query("noised")
    def noised(message: Message, context: Context) -> Message:
        ask, _ = wire.Ask.read(message)
        devices = devices_of(context)
        if ask.kind != "cowatch":  # asked before the first model
            _install(devices, context)
        cohort = devices.cohort(ask.cohort_share, ask.seed, ask.round)
        total = vectors.noised_sum(devices, ask, cohort, _random(ask, devices))
        return plain.answer(message, plain.Contribution(total, int(cohort.sum()), ask.round))

    @app.query("sums")
    def sums(message: Message, context: Context) -> Message:
        ask, bundle = wire.Ask.read(message)
        return wire.bundle_reply(message, _stage(ask, bundle, devices_of(context), context))


def _install(devices: Devices, context: Context) -> None:
    """The model that the last `play` brought, unless it is installed: most rounds bring no new one."""
    model = Model.from_array(devices.encoded, plain.model_of(context.state[MODEL]))
    if devices.version != model.version:
        devices.install(model)


def _random(ask: wire.Ask, devices: Devices) -> Callable[[int], bytes]:
    """Simulated people need no protection, and the same seed must give the same run: a real device draws from the
    operating system. The node that is asked again gives the same answer."""
    of_kind = ("population", "training", "cowatch").index(ask.kind)
    return np.random.default_rng([ask.seed, ask.round, 9, of_kind, int(devices.members[0])]).bytes


def _stage(ask: wire.Ask, bundle: bytes, devices: Devices, context: Context) -> bytes:
    """One stage of the masked sum, for all devices of the cohort on this node."""
    members = devices.members[devices.cohort(ask.cohort_share, ask.seed, ask.round)].tolist()
    stage = Stage(bundle[0])
    invitation = bundle[1:]
    if stage is Stage.KEYS:
        terms = KeysRequest.from_bytes(invitation).terms
        gateway = Gateway(terms)
        asked = dict.fromkeys(members, invitation)
        sessions = _start(terms, ask.seed, members)
    else:
        kept = context.state[SESSIONS]
        sessions = {int(number): DeviceSession.from_bytes(data) for number, data in kept.items()}
        gateway = Gateway(next(iter(sessions.values())).terms)
        gateway.stage = Stage(stage - 1)
        asked = gateway.deliver(invitation)
    rows = {}
    if stage is Stage.MASKED:
        if ask.kind != "cowatch":
            _install(devices, context)
        cohort = np.isin(devices.members, members)
        rows = dict(zip(members, vectors.noised(devices, ask, cohort, _random(ask, devices)), strict=True))
    replies = {}
    for number, message in asked.items():
        try:
            sessions[number], replies[number] = sessions[number].answer(message, partial(rows.__getitem__, number))
        except MessageError as error:
            log.warning("A device does not go on with round %d: %s", ask.round, error)
    context.state[SESSIONS] = ConfigRecord({str(n): session.to_bytes() for n, session in sessions.items()})
    return gateway.collect(replies)


def simulated_issuer(seed: int) -> Identity:
    """Who certifies simulated devices, for server and nodes alike: they are not people, and it is no secret."""
    return Identity(hashlib.sha256(f"keyart simulated issuer {seed}".encode()).digest())


def _drawn(terms: Terms, seed: int, label: str) -> Callable[[int], bytes]:
    return hashlib.shake_256(terms.round_id + f"{seed} {label}".encode()).digest


def _start(terms: Terms, seed: int, members: list[int]) -> dict[int, DeviceSession]:
    """Simulated devices draw their secrets from the seed: a node whose process is killed, or that is asked while it
    still works, must say the same thing again."""
    issuer, sessions = simulated_issuer(seed), {}
    for member in members:
        new = Identity.create(_drawn(terms, seed, f"identity of {member}"))
        identity = Identity(new.private, certify(issuer.private, new.public, FOR_EVER))
        secrets = _drawn(terms, seed, f"secrets of {member}")
        sessions[member] = DeviceSession.start(terms, identity, [issuer.public], 0, secrets)
    return sessions
