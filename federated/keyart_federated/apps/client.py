"""The ClientApp: a node with devices behind it. It brings them the model, lets them train, answers with their sum.

In a simulation the node plays its devices, too: they meet the impressions of their world with the new model.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message
from flwr.clientapp import ClientApp

import keyart
from keyart.model.features import FeatureSpec
from keyart.model.head import HeadPrior

from .. import worlds
from ..learning.model import Model
from ..learning.node import add_private
from ..simulation.devices import Devices
from ..world import World
from . import wire

STATE = "devices"
DevicesOf = Callable[[Context], Devices]


def client_app(devices_of: DevicesOf, keep: Callable[[Context, Devices], None] = lambda *_: None) -> ClientApp:
    """A ClientApp over the devices that `devices_of` finds for a node; `keep` puts them away after a round."""
    app = ClientApp()

    @app.query()
    def together(message: Message, context: Context) -> Message:
        devices = devices_of(context)
        asked = wire.asked_of(message, len(devices.encoded.first) - 1)
        return wire.answer(message, wire.Contribution(devices.together(asked), len(devices.members), round=0))

    @app.train()
    def train(message: Message, context: Context) -> Message:
        order = wire.Order.from_config(message.content[wire.CONFIG])
        if (last := wire.kept(context.state, order.round)) is not None:
            return wire.answer(message, last)
        devices = devices_of(context)
        flat = wire.model_of(message.content[wire.ARRAYS])
        devices.install(Model.from_array(devices.encoded, flat))
        for k in range(order.first, order.first + order.steps):
            devices.step(k)
        cohort = devices.cohort(order.cohort_share, order.seed, order.round)
        contribution = wire.Contribution(devices.train(cohort), int(cohort.sum()), order.round)
        keep(context, devices)
        wire.keep(context.state, contribution)
        return wire.answer(message, contribution)

    add_private(app, devices_of, keep)
    return app


@lru_cache(maxsize=4)
def _world(spec: str, settings: str) -> World:
    return worlds.load(spec, **json.loads(settings))


def devices_from_config(context: Context) -> Devices:
    """Every num-partitions-th device of the run's world, with the state that the last round left.

    A SuperNode answers each message in a new process, so that all state rests in `Context.state`.
    """
    run, node = context.run_config, context.node_config
    world = _world(str(run["world"]), str(run["world-settings"]))
    partition, partitions = int(node["partition-id"]), int(node["num-partitions"])
    devices = Devices(
        world,
        np.arange(partition, world.devices, partitions),
        FeatureSpec.from_catalog(world.catalog),
        int(run["impressions"]),
        seed=int(run["seed"]),
        policy=keyart.Policy(),
        reward=keyart.Reward(),
        head=HeadPrior() if run["personal-head"] else None,
    )
    if STATE in context.state:
        devices.restore({name: array.numpy() for name, array in context.state[STATE].items()})
    return devices


def keep_in_context(context: Context, devices: Devices) -> None:
    """Puts the devices' state away until the next message."""
    context.state[STATE] = ArrayRecord({name: Array(array) for name, array in devices.state().items()})


app = client_app(devices_from_config, keep_in_context)
