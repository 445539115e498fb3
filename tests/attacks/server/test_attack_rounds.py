"""Members of a round who attack it from within: with what it shows them of others, and with shares that are noise."""

from __future__ import annotations

import httpx
import numpy as np
import pytest
from attacks.server.wire import Target
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.gateway import Round
from support.server import Clock

from keyart.secagg import REPLY_FLAG, ShareRequest, Stage, message_header

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
