"""A round that goes wrong fails loudly, and the last good model stays."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from keyart_federated.apps import wire
from keyart_federated.apps.client import client_app
from keyart_federated.strategy import FederatedRanker
from local_grid import LocalGrid
from world_samples import HandWorld

import keyart
from keyart.errors import RoundFailed
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.head import HeadPrior
from keyart_federated.flower.retrying_grid import PatientGrid
from keyart_federated.learning.model import Model
from keyart_federated.simulation.devices import Devices

NODES, STEPS, ROUNDS = 2, 3, 3


def context(node: int) -> Context:
    return Context(1, node, {"partition-id": node - 1}, RecordDict(), {})


class Fleet:
    """Two nodes of a small world, and a strategy. `spoil` says what a node does instead of answering."""

    def __init__(self, **settings: object) -> None:
        self.world = HandWorld(devices=6)
        self.spec = FeatureSpec.from_catalog(self.world.catalog)
        self.encoded = EncodedCatalog.build(self.world.catalog, self.spec)
        self.parts = [self._part(n) for n in range(NODES)]
        self.good = client_app(lambda ctx: self.parts[int(ctx.node_config["partition-id"])])
        self.checkpoints: list[int] = []
        base = {"steps": STEPS, "nodes": NODES, "policy": keyart.Policy(), "node_wait_seconds": 0.0}
        model = Model.zero_shot(self.encoded)
        self.strategy = FederatedRanker(
            self.encoded, model, **{**base, "on_round": lambda s: self.checkpoints.append(s.rounds), **settings}
        )

    def _part(self, n: int) -> Devices:
        return Devices(
            self.world,
            np.arange(n, 6, NODES),
            self.spec,
            STEPS * ROUNDS,
            policy=keyart.Policy(),
            reward=keyart.Reward(),
            head=HeadPrior(),
        )

    def grid(self, spoil=None, at: int = 2, nodes: int = NODES) -> LocalGrid:
        app = ClientApp()
        app.query()(self.good)

        @app.train()
        def train(message: Message, ctx: Context) -> Message:
            reply = self.good(message, ctx)
            order = wire.Order.from_config(message.content[wire.CONFIG])
            if spoil is not None and order.round == at and ctx.node_id == NODES:
                return spoil(message, wire.read(reply, self.strategy._layout.size, order.round))
            return reply

        return LocalGrid(app, {n + 1: context(n + 1) for n in range(nodes)})


def flat(state) -> np.ndarray:
    return np.concatenate([state.model.to_array(), state.play.step, state.keep.step, state.artwork_appeal.ravel()])


def reply_with(sum_, devices=3, round_=2):
    def spoil(message: Message, contribution: wire.Contribution) -> Message:
        values = sum_(contribution.sum) if callable(sum_) else sum_
        content = RecordDict(
            {
                wire.ARRAYS: ArrayRecord({wire.SUM: Array(values)}),
                wire.METRICS: MetricRecord({"devices": devices, "round": round_}),
            }
        )
        return Message(content, reply_to=message)

    return spoil


def raises(message: Message, contribution: wire.Contribution) -> Message:
    raise ValueError("the disk of this node is full")


def empty(message: Message, contribution: wire.Contribution) -> Message:
    return Message(RecordDict({}), reply_to=message)


SPOILT = {
    "NaN": (reply_with(lambda s: np.full(len(s), np.nan)), "NaN"),
    "infinity": (reply_with(lambda s: np.where(np.arange(len(s)) == 3, np.inf, s)), "NaN"),
    "floats": (reply_with(lambda s: s.astype(np.float64)), "int64"),
    "short": (reply_with(lambda s: s[:-1]), "shape"),
    "square": (reply_with(lambda s: s[None]), "shape"),
    "other round": (reply_with(lambda s: s, round_=1), "round 1"),
    "negative count": (reply_with(lambda s: s, devices=-1), "devices"),
    "empty": (empty, "cannot be read"),
    "raises": (raises, "disk of this node"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_round(name):
    spoil, word = SPOILT[name]
    spoilt, sound = Fleet(), Fleet()
    with pytest.raises(RoundFailed, match=word) as caught:
        spoilt.strategy.run(spoilt.grid(spoil), ROUNDS)
    assert "last good model" in str(caught.value)
    sound.strategy.run(sound.grid(), 1)
    assert spoilt.checkpoints == [1]
    assert spoilt.strategy.state.model.version == 2
    np.testing.assert_array_equal(flat(spoilt.strategy.state), flat(sound.strategy.state))


def test_sound_rounds():
    fleet = Fleet()
    state = fleet.strategy.run(fleet.grid(), ROUNDS)
    assert fleet.checkpoints == [1, 2, 3] and state.model.version == 4 and fleet.strategy.client_updates == 18
    assert np.isfinite(flat(state)).all()


@pytest.mark.parametrize("nodes", [0, 1])
def test_missing_nodes(nodes):
    fleet = Fleet()
    before = flat(fleet.strategy.state)
    with pytest.raises(RoundFailed, match="SuperNodes"):
        fleet.strategy.run(fleet.grid(nodes=nodes), ROUNDS)
    np.testing.assert_array_equal(flat(fleet.strategy.state), before)


def test_no_replies_at_all():
    """A timed-out round hands in nothing and raises nothing of its own."""
    fleet = Fleet()
    grid = fleet.grid()
    grid.pull_messages = lambda ids: []
    with pytest.raises(RoundFailed, match="0 of 2"):
        fleet.strategy.run(grid, ROUNDS, timeout=0.1)
    assert fleet.strategy.state.model.version == 1 and fleet.checkpoints == []


def test_a_step_to_infinity_is_not_taken(monkeypatch):
    from dataclasses import replace

    fleet = Fleet()
    state = fleet.strategy.state
    broken = replace(state, model=replace(state.model, theta=state.model.theta * np.nan))
    monkeypatch.setattr(fleet.strategy, "next_state", lambda total: broken)
    with pytest.raises(RoundFailed, match="not finite"):
        fleet.strategy.run(fleet.grid(), 1)
    assert fleet.strategy.state is state


def test_a_round_that_nobody_was_drawn_for():
    fleet = Fleet(cohort_share=1e-9)
    before = flat(fleet.strategy.state)
    fleet.strategy.run(fleet.grid(), 2)
    np.testing.assert_array_equal(flat(fleet.strategy.state), before)
    assert fleet.strategy.client_updates == 0


def test_the_order_of_replies_does_not_matter():
    forth, back = Fleet(), Fleet()
    grid = back.grid()
    pull = grid.pull_messages
    grid.pull_messages = lambda ids: pull(list(ids)[::-1])
    one, other = forth.strategy.run(forth.grid(), ROUNDS), back.strategy.run(grid, ROUNDS)
    np.testing.assert_array_equal(flat(one), flat(other))


def test_grid_turns_an_exception_into_an_error_reply():
    fleet = Fleet()
    grid = fleet.grid(raises, at=1)
    message = next(
        iter(fleet.strategy.configure_train(1, wire.model_record(fleet.strategy.state.model.to_array()), None, grid))
    )
    assert list(grid.get_node_ids()) == [1, 2] and message.metadata.dst_node_id == 1
    messages = fleet.strategy.configure_train(1, wire.model_record(fleet.strategy.state.model.to_array()), None, grid)
    replies = list(grid.send_and_receive(messages))
    assert [reply.has_error() for reply in replies] == [False, True]
    assert "disk" in replies[1].error.reason and isinstance(grid.errors[0], ValueError)
    sent = [m.metadata.message_id for m in messages]
    assert [reply.metadata.reply_to_message_id for reply in replies] == sent


def test_wire_round_trips():
    order = wire.Order(round=2, first=10, steps=5, cohort_share=0.25, seed=9)
    assert wire.Order.from_config(order.to_config()) == order
    x = np.random.default_rng(0).normal(size=50)
    np.testing.assert_array_equal(wire.model_of(wire.model_record(x)), x)
    fleet = Fleet()
    model = fleet.strategy.state.model
    again = Model.from_array(fleet.encoded, model.to_array())
    for field in fields(Model):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(model, field.name))


class LosingGrid(LocalGrid):
    """Loses every answer of the last node the first time it is asked anything."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.asked: set[str] = set()
        self.lost = 0

    def push_messages(self, messages):
        numbers = []
        for message in messages:
            (number,) = super().push_messages([message])
            question = f"{message.metadata.message_type} {message.content.object_id}"
            if message.metadata.dst_node_id == NODES and question not in self.asked:
                self.asked.add(question)
                self._replies.pop(number)
                self.lost += 1
            numbers.append(number)
        return numbers


def test_lost_answers_are_asked_for_again_and_count_once():
    losing, sound = Fleet(patience_seconds=0.0), Fleet()
    grid = losing.grid()
    grid.__class__ = LosingGrid
    grid.asked, grid.lost = set(), 0
    losing.strategy.run(grid, ROUNDS)
    sound.strategy.run(sound.grid(), ROUNDS)
    assert grid.lost == ROUNDS + 5  # one for each round, and for each question about what is watched together
    np.testing.assert_array_equal(flat(losing.strategy.state), flat(sound.strategy.state))


def test_patience_ends_with_the_time():
    now = [0.0]
    fleet = Fleet()
    grid = fleet.grid()
    grid.push_messages = lambda messages: [f"message {id(m)}" for m in messages]
    patient = PatientGrid(grid, 10.0, clock=lambda: now[0], sleep=lambda s: now.__setitem__(0, now[0] + s))
    content = wire.question(np.zeros((2, 1)))
    asked = [Message(content, dst_node_id=1, message_type="query")]
    assert list(patient.send_and_receive(asked, timeout=100.0)) == []
    assert 100.0 < now[0] < 102.0
