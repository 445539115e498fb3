"""Members of a round who attack it from within: with what it shows them of others, and with shares that are noise."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import httpx
import numpy as np
import pytest
from attacks.server.wire import Target
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support import gateway, rounds
from support.driving import Nodes, Time
from support.gateway import Round
from support.rounds import ISSUER
from support.server import Clock

from keyart.secagg import (
    HEADER_BYTES,
    REPLY_FLAG,
    AggregationParameters,
    DeviceSession,
    Identity,
    ShareRequest,
    Stage,
    certify,
    message_header,
)
from keyart_server import budget
from keyart_server.campaigns import campaign_store
from keyart_server.flower import server_app
from keyart_server.flower.database_retries import RetryingDatabase
from keyart_server.flower.gateways import GatewayNodes
from keyart_server.rounds import round_store
from keyart_server.service import Service

ATTACKER, DEVICES = 0, 8


@pytest.fixture
def made(target: Target, clock: Clock) -> Round:
    """A round at its second stage, whose members are shown their neighbours' records."""
    of = Round(target.service.state, clock, devices=DEVICES)
    of.through(target.client, Stage.SHARE)
    return of


def forged_proofs(made: Round, record: bytes) -> list[bytes]:
    """What somebody who has another device's record alone can put behind it."""
    own = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
    signed = b"keyart/sums/1/registration" + made.of.round_id + record
    return [b"", bytes(64), record[-64:], own.sign(signed), made.keys(ATTACKER)[-64:]]


def hijack(client: httpx.Client, made: Round, record: bytes) -> str:
    """The ticket of the device of a record for somebody who has nothing else of it; "" if the gateway refuses."""
    head = message_header(Stage.KEYS | REPLY_FLAG, made.of.round_id)
    for proof in forged_proofs(made, record):
        answer = client.post(f"{made.path}/keys", content=head + record + proof)
        if answer.status_code == 200:
            return answer.text
        assert answer.status_code == 400, answer.text
    return ""


def test_a_member_registers_as_its_neighbours(target: Target, made: Round) -> None:
    """A member posts the records that it is shown, and answers for its neighbours with garbage.

    Before registrations proved the device's key: 7 of 7 tickets, and the neighbours' own shares were refused.
    """
    shown = made.ask(target.client, Stage.SHARE, ATTACKER).content
    records = ShareRequest.from_bytes(shown, made.of.round_id).records
    assert len(records) == DEVICES - 1
    tickets = [ticket for record in records if (ticket := hijack(target.client, made, record))]
    garbage = message_header(Stage.SHARE | REPLY_FLAG, made.of.round_id) + bytes(100)
    for ticket in tickets:
        target.client.post(f"{made.path}/share", content=garbage, headers={"Authorization": f"Ticket {ticket}"})
    accepted = [
        made.hand_in(target.client, Stage.SHARE, i, made.reply(target.client, Stage.SHARE, i)).status_code
        for i in range(DEVICES)
    ]
    assert (len(tickets), accepted) == (0, [204] * DEVICES)
    for stage in (Stage.SHARE, Stage.MASKED, Stage.UNMASK):
        if stage is not Stage.SHARE:
            made.opens(stage)
            for i in range(DEVICES):
                made.hand_in(target.client, stage, i, made.reply(target.client, stage, i))
        made.closes(stage)
    np.testing.assert_array_equal(made.coordinator.result.total, made.vectors.sum(axis=0))


def test_a_record_is_registered_before_its_own_device(target: Target, clock: Clock) -> None:
    """Whoever has a record before its device has registered gets no ticket, and keeps the device out of nothing."""
    made = Round(target.service.state, clock, devices=DEVICES)
    made.opens(Stage.KEYS)
    for session in made.fleet.sessions[1:]:
        assert hijack(target.client, made, session.record) == ""
    assert [made.join(target.client, i).status_code for i in range(DEVICES)] == [200] * DEVICES


@dataclass
class Visitor:
    """A device that goes through rounds over HTTP, as far as the gateway lets it. hostile: it deals noise for shares.

    refused: what the gateway said to its keys, by status.
    """

    identity: Identity
    hostile: bool = False
    session: DeviceSession | None = None
    ticket: str = ""
    refused: dict[int, str] = field(default_factory=dict)

    def join(self, of: AggregationParameters, now: int) -> None:
        self.session, self.ticket = DeviceSession.start(of, self.identity, [ISSUER.public], now, os.urandom), ""

    def step(self, client: httpx.Client, vector: np.ndarray) -> None:
        session = self.session
        if session is None or session.finished:
            return
        path = f"/device/rounds/{session.terms.round_id.hex()}"
        if not self.ticket:
            request = message_header(Stage.KEYS, session.terms.round_id) + session.terms.to_bytes()
            self.session, keys = session.answer(request)
            answer = client.post(f"{path}/keys", content=keys)
            if answer.status_code == 200:
                self.ticket = answer.text
            elif answer.status_code != 503:
                self.session, self.refused[answer.status_code] = None, answer.json()["detail"]
            return
        stage = Stage(len(session.answers) + 1)
        path, headers = f"{path}/{stage.name.lower()}", {"Authorization": f"Ticket {self.ticket}"}
        asked = client.get(path, headers=headers)
        if asked.status_code == 200:
            self.session, reply = session.answer(asked.content, lambda: vector)
            if self.hostile and stage is Stage.SHARE:
                dealt = HEADER_BYTES + 64  # behind both commitments
                reply = reply[:dealt] + os.urandom(len(reply) - dealt)
            assert client.post(path, content=reply, headers=headers).status_code == 204


@dataclass
class Campaign:
    """A campaign whose rounds are driven by the server's own code, over the gateway's routes."""

    service: Service
    time: Time = field(default_factory=Time)
    id: str = ""
    number: int = 0

    def __post_init__(self) -> None:
        with self.service.state.writing() as session:
            budget.configure(session, self.time.now(), 8.0, 1e-6)
            self.id = campaign_store.create(session, self.time.now(), "server", "Spring", "training").id

    def round(self, client: httpx.Client, devices: list[Visitor]) -> tuple[str, str]:
        """One more round; its standing and, if it has failed, the reason."""
        of, self.number = rounds.terms(DEVICES, size=12, least=5), self.number + 1
        vectors = np.random.default_rng(self.number).integers(-1000, 1001, (len(devices), 12))
        state = self.service.state
        with state.writing() as session:
            wanted = {"wanted": len(devices), "number": self.number}
            rounds.started(session, self.time.now(), self.id, of, **wanted)
        for device in devices:
            device.join(of, int(self.time.now().timestamp()))

        def meanwhile() -> None:
            for device, vector in zip(devices, vectors, strict=True):
                device.step(client, vector)

        self.time.meanwhile = [meanwhile]
        database = RetryingDatabase(state, 60.0, self.time.clock)
        nodes = GatewayNodes(Nodes(lambda patience: database, ["main"]), self.time.clock)
        server_app.drive(of.round_id.hex(), nodes, database, [ISSUER.public], 1, 60.0)
        with state.reading() as session:
            found, opened = (read(session, of.round_id.hex()) for read in (round_store.find, round_store.find_open))
        assert found is not None and opened is not None
        if found.standing == "answered":
            taken = [i for i, device in enumerate(devices) if device.session is not None]
            np.testing.assert_array_equal(round_store.total_of(opened), vectors[taken].sum(axis=0))
        return found.standing, found.failure


def certified() -> Identity:
    new = Identity.create(os.urandom)
    return Identity(new.private, certify(ISSUER.private, new.public, 2**40))


@pytest.fixture
def campaign(target: Target) -> Campaign:
    return Campaign(target.service)


@pytest.mark.slow
def test_a_dealer_of_noise(campaign: Campaign) -> None:
    """One device of eight deals noise for its shares, in each round that it gets into.

    Before such a device was excluded, 6 rounds of 6 failed through it, and each was charged.
    """
    devices = [Visitor(certified(), hostile=i == 3) for i in range(DEVICES)]
    with gateway.door(campaign.service.state, campaign.time.now) as client:
        outcomes = [campaign.round(client, devices) for _ in range(6)]
    with campaign.service.state.reading() as session:
        charged = [charge.number for charge in budget.list_charges(session)]
    assert [standing for standing, _ in outcomes] == ["failed"] + ["answered"] * 5
    assert charged == [2, 3, 4, 5, 6], "a round whose sum was never opened costs the fleet nothing"
    assert [i for i, device in enumerate(devices) if device.refused] == [3], "nobody else is excluded"
    assert "excluded from this campaign" in devices[3].refused[403]
