"""The driver of a round over transports that are made up: what it asks of whom and when, and how it fails."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from keyart.errors import FederatedError, RoundFailed, SettingError
from keyart.secagg import AggregationParameters, DeviceSession, Identity, Stage, certify
from keyart_federated.rounds import run_round
from keyart_federated.secagg import Coordinator, InProcessTransport
from keyart_federated.simulation.randomness import Stream

NOW, SIZE, DEVICES = 1_800_000_000, 4, 12
GATEWAYS = {"beta": (0, 3, 6, 9), "alpha": (1, 4, 7, 10), "gamma": (2, 5, 8, 11)}


@dataclass
class Noted:
    """A coordinator that writes down how it is driven, and fails at a stage if told."""

    noted: list[str] = field(default_factory=list)
    fails: Mapping[Stage, Exception] = field(default_factory=dict)
    silent: Collection[int] = ()
    stage: int = 1

    invitation, stages = b"come", tuple(Stage)

    @property
    def result(self) -> str:
        return f"sum after stage {self.stage - 1}"

    def due(self, gateway: int) -> int:
        return 0 if gateway in self.silent else 3

    def ask(self, gateway: int) -> bytes:
        return f"{self.stage}>{gateway}".encode()

    def receive(self, gateway: int, message: bytes) -> None:
        self.noted.append(f"{gateway}:{message.decode()}")

    def close(self) -> None:
        if Stage(self.stage) in self.fails:
            raise self.fails[Stage(self.stage)]
        self.noted.append(f"closed {self.stage}")
        self.stage += 1


@dataclass
class Scripted:
    """A transport whose gateways answer in a given order with their names; absent: who is silent from which stage."""

    names: Collection[str]
    absent: Mapping[str, Stage] = field(default_factory=dict)
    fails: Mapping[Stage, Exception] = field(default_factory=dict)
    exchanged: list[tuple[Stage, bytes, dict[str, bytes]]] = field(default_factory=list)
    advanced: list[tuple[Stage, dict[str, bytes], dict[str, bytes]]] = field(default_factory=list)

    def exchange(self, stage, invitation, requests):
        if stage in self.fails:
            raise self.fails[stage]
        self.exchanged.append((stage, invitation, dict(requests)))
        asked = [name for name in self.names if stage is Stage.KEYS or name in requests]
        return {name: name.encode() for name in asked if self.absent.get(name, Stage.UNMASK + 1) > stage}

    def advance(self, stage, requests, replies):
        self.advanced.append((stage, dict(requests), dict(replies)))


@pytest.mark.parametrize("names", [("b", "a", "c"), ("c", "b", "a"), ("a", "b", "c")])
def test_gateways_are_numbered_and_heard_by_name_whatever_the_order_of_their_replies(names):
    coordinator, transport = Noted(), Scripted(names)
    assert run_round(coordinator, transport) == "sum after stage 4"
    assert coordinator.noted == [word for stage in range(1, 5) for word in ("0:a", "1:b", "2:c", f"closed {stage}")]


def test_each_stage_asks_what_the_coordinator_has_for_each_gateway():
    transport = Scripted(("b", "a"))
    run_round(Noted(), transport)
    assert transport.exchanged == [
        (Stage.KEYS, b"come", {}),
        (Stage.SHARE, b"", {"a": b"2>0", "b": b"2>1"}),
        (Stage.MASKED, b"", {"a": b"3>0", "b": b"3>1"}),
        (Stage.UNMASK, b"", {"a": b"4>0", "b": b"4>1"}),
    ]


def test_a_stage_is_noted_with_the_next_requests_before_these_are_sent():
    """A transport that survives a kill has then what it needs to ask again; after the last stage nothing is left."""
    transport = Scripted(("b", "a"))
    run_round(Noted(), transport)
    assert [stage for stage, _, _ in transport.advanced] == [Stage.KEYS, Stage.SHARE, Stage.MASKED]
    for (_, requests, replies), (_, _, next_requests) in zip(
        transport.advanced, transport.exchanged[1:], strict=True
    ):
        assert requests == next_requests and set(replies) == {"a", "b"}


def test_gateways_without_devices_left_are_asked_no_more():
    transport = Scripted(("a", "b", "c"))
    run_round(Noted(silent={1}), transport)
    assert [sorted(requests) for _, _, requests in transport.exchanged] == [[], *[["a", "c"]] * 3]


def test_a_gateway_keeps_its_number_when_others_fall_silent():
    coordinator, transport = Noted(), Scripted(("a", "b", "c"), {"a": Stage.SHARE})
    run_round(coordinator, transport)
    assert coordinator.noted[:7] == ["0:a", "1:b", "2:c", "closed 1", "1:b", "2:c", "closed 2"]


def test_a_gateway_that_comes_late_gets_a_number_of_its_own():
    class Late(Scripted):
        def exchange(self, stage, invitation, requests):
            found = super().exchange(stage, invitation, requests)
            return {**found, "aa": b"late"} if stage is Stage.SHARE else found

    coordinator = Noted()
    run_round(coordinator, Late(("a", "b")))
    assert coordinator.noted[3:6] == ["0:a", "2:late", "1:b"]


@pytest.mark.parametrize("stage", Stage)
def test_too_few_devices_end_the_round_at_that_stage(stage):
    """Nothing is asked after it: the masks of so few are never taken off."""
    coordinator, transport = Noted(fails={stage: RoundFailed("5 devices came where 9 must.")}), Scripted(("a",))
    with pytest.raises(RoundFailed, match="where 9 must"):
        run_round(coordinator, transport)
    assert [at for at, _, _ in transport.exchanged] == list(Stage)[: stage.value]
    assert len(transport.advanced) == stage.value - 1


def test_a_number_of_devices_that_no_graph_holds_is_a_failed_round():
    coordinator = Noted(fails={Stage.KEYS: SettingError("No graph holds 1 device.")})
    with pytest.raises(RoundFailed, match="No graph holds"):
        run_round(coordinator, Scripted(("a",)))


@pytest.mark.parametrize("error", [RoundFailed("gone"), FederatedError("not now")], ids=["failed", "not now"])
@pytest.mark.parametrize("stage", Stage)
def test_what_a_transport_raises_is_the_callers(stage, error):
    coordinator, transport = Noted(), Scripted(("a",), fails={stage: error})
    with pytest.raises(type(error)) as caught:
        run_round(coordinator, transport)
    assert caught.value is error
    assert coordinator.stage == stage.value  # the stage is open, and may be driven again


# With real devices


def round_of(seed: int = 0, threshold: int = 700):
    """Return a coordinator, and the transport of a round of `DEVICES` devices, with everything drawn from a seed."""
    random = Stream(f"driver {seed} ")
    terms = AggregationParameters(SIZE, 32, 2**20, threshold, 9, random(32))
    issuer = Identity.create(random)
    sessions = {}
    for number in range(DEVICES):
        new = Identity.create(random)
        identity = Identity(new.private, certify(issuer.private, new.public, NOW))
        sessions[number] = DeviceSession.start(terms, identity, [issuer.public], NOW, random)
    vectors = np.random.default_rng(seed).integers(-1000, 1000, (DEVICES, SIZE))
    vector_of = {number: partial(vectors.__getitem__, number) for number in range(DEVICES)}
    return Coordinator(terms, [issuer.public], NOW), terms, sessions, vector_of, vectors


class Told(InProcessTransport):
    """Notes what it is asked, and answers what it answered before to the same request."""

    def __init__(self, *arguments, order=tuple(GATEWAYS), **settings) -> None:
        super().__init__(*arguments, **settings)
        self.exchanged, self.order = [], order

    def exchange(self, stage, invitation, requests):
        self.exchanged.append((stage, invitation, dict(requests)))
        replies = super().exchange(stage, invitation, requests)
        return {name: replies[name] for name in self.order if name in replies}


def test_the_sum_is_that_of_all_vectors():
    coordinator, terms, sessions, vector_of, vectors = round_of()
    found = run_round(coordinator, InProcessTransport(terms, GATEWAYS, sessions, vector_of))
    assert found.survivors == tuple(range(DEVICES))
    np.testing.assert_array_equal(found.total, vectors.sum(axis=0))


@pytest.mark.parametrize("stage", [None, *Stage])
def test_a_round_that_is_resumed_comes_to_the_same_requests(stage):
    """A server that ends in a stage drives a new coordinator through the replies that were there, and goes on."""
    coordinator, terms, sessions, vector_of, vectors = round_of()
    whole = Told(terms, GATEWAYS, dict(sessions), vector_of)
    expected = run_round(coordinator, whole)

    class Killed(Told):
        def exchange(self, at, invitation, requests):
            replies = super().exchange(at, invitation, requests)
            if at is stage and not resumed:
                raise KeyboardInterrupt
            return replies

    resumed: list[bool] = []
    first, *_ = round_of()
    devices = Killed(terms, GATEWAYS, dict(sessions), vector_of)
    if stage is not None:
        with pytest.raises(KeyboardInterrupt):
            run_round(first, devices)
    resumed.append(True)
    again, *_ = round_of()
    # Gateways are new, too; sessions live on the devices, and answer the same message in the same way.
    after = Told(terms, GATEWAYS, devices._sessions, vector_of, order=("gamma", "alpha", "beta"))
    found = run_round(again, after)
    assert after.exchanged == whole.exchanged
    assert found.survivors == expected.survivors
    np.testing.assert_array_equal(found.total, expected.total)
    np.testing.assert_array_equal(found.total, vectors.sum(axis=0))


@pytest.mark.parametrize("stage", Stage)
def test_the_order_of_the_gateways_does_not_matter(stage):
    silent = {1, 6, 8}
    found = []
    for order in (("alpha", "beta", "gamma"), ("gamma", "beta", "alpha")):
        coordinator, terms, sessions, vector_of, vectors = round_of()
        transport = Told(
            terms, GATEWAYS, sessions, vector_of, order=order,
            answers=lambda number, at: number not in silent or at < stage,
        )  # fmt: skip
        found.append((run_round(coordinator, transport), transport.exchanged))
    (one, asked), (other, asked_otherwise) = found
    assert asked == asked_otherwise and one.survivors == other.survivors
    left = [number for number in range(DEVICES) if stage is Stage.UNMASK or number not in silent]
    np.testing.assert_array_equal(one.total, vectors[left].sum(axis=0))


@pytest.mark.parametrize("stage", Stage)
def test_a_round_of_too_few_real_devices_gives_no_sum(stage):
    coordinator, terms, sessions, vector_of, _ = round_of()
    transport = Told(terms, GATEWAYS, sessions, vector_of, answers=lambda number, at: number < 8 or at < stage)
    with pytest.raises(RoundFailed, match=r"8 .*where 9 must"):
        run_round(coordinator, transport)
    assert transport.exchanged[-1][0] is stage
    with pytest.raises(RoundFailed, match="no sum yet"):
        _ = coordinator.result


def test_a_device_that_refuses_a_message_is_missing_and_logged(caplog):
    """It has answered another message of the stage; the others go on without it."""
    coordinator, terms, sessions, vector_of, vectors = round_of()
    other, *_ = round_of(seed=0)
    used = dict(sessions)
    members = {"alpha": (*GATEWAYS["alpha"], *GATEWAYS["beta"], 2)}
    run_round(other, InProcessTransport(terms, members, used, vector_of))
    sessions[2] = used[2]
    with caplog.at_level(logging.WARNING, logger="keyart.federated"):
        found = run_round(coordinator, InProcessTransport(terms, GATEWAYS, sessions, vector_of))
    assert "Device 2 refuses to go on" in caplog.text
    assert found.survivors == tuple(number for number in range(DEVICES) if number != 2)
    np.testing.assert_array_equal(found.total, np.delete(vectors, 2, axis=0).sum(axis=0))
