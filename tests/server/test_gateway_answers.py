"""What a door takes and what it does not, and that nothing counts twice."""

from __future__ import annotations

import logging
import os
import socket
from itertools import product

import httpx
import pytest
from sqlalchemy import func, select
from support import gateway as gateway_samples
from support.gateway import Round
from support.rounds import ISSUER, key_hash
from support.server import Clock

from keyart.client import sampling_bucket
from keyart.secagg import DeviceSession, Identity, Stage, certify
from keyart.secagg.messages import REPLY_FLAG, message_header
from keyart_server.gateway.tickets import Ticket
from keyart_server.rounds import exclusions, round_store, stage_windows
from keyart_server.service import Service
from keyart_server.state.tables import MemberRow, PartialSumRow, RoundRow, SubmissionRow

LATER = [Stage.SHARE, Stage.MASKED, Stage.UNMASK]


@pytest.fixture
def made(service: Service, clock: Clock) -> Round:
    return Round(service.state, clock, devices=3)


def rows(service: Service, table: type = SubmissionRow) -> int:
    with service.state.reading() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def identified() -> Identity:
    """Of a device that is certified."""
    new = Identity.create(os.urandom)
    return Identity(new.private, certify(ISSUER.private, new.public, 2**40))


def keys(made: Round, identity: Identity) -> bytes:
    """New ones of this device for this round."""
    session = DeviceSession.start(made.of, identity, [ISSUER.public], gateway_samples.NOW, os.urandom)
    return session.answer(made.coordinator.invitation, lambda: made.vectors[0])[1]


def refusal(answer: httpx.Response) -> int:
    """The status of a refusal, which says why."""
    assert answer.json()["detail"]
    return answer.status_code


def test_the_same_keys_give_the_same_ticket_at_any_time(service: Service, made: Round, door: httpx.Client) -> None:
    made.opens(Stage.KEYS)
    first = made.keys(0)
    tickets = {door.post(f"{made.path}/keys", content=first).text for _ in range(3)}
    made.join(door, 1), made.join(door, 2)
    made.closes(Stage.KEYS)
    tickets.add(door.post(f"{made.path}/keys", content=first).text)  # a device that was killed comes late
    assert len(tickets) == 1 and rows(service) == rows(service, MemberRow) == 3


def test_other_keys_of_the_same_device_are_refused(service: Service, made: Round, door: httpx.Client) -> None:
    made.opens(Stage.KEYS)
    identity = identified()
    answers = [door.post(f"{made.path}/keys", content=keys(made, identity)) for _ in range(2)]
    assert answers[0].status_code == 200 and refusal(answers[1]) == 409
    with service.state.reading() as session:
        assert session.scalars(select(MemberRow.device_key_hash)).all() == [key_hash(identity.public)]


@pytest.mark.parametrize("stage", LATER)
def test_replays_count_once_and_another_answer_is_refused(
    stage: Stage, service: Service, made: Round, door: httpx.Client
) -> None:
    made.through(door, stage)
    reply = made.reply(door, stage, 0)
    other = reply[:-1] + bytes([reply[-1] ^ 1])
    assert [made.hand_in(door, stage, 0, reply).status_code for _ in range(3)] == [204] * 3
    assert refusal(made.hand_in(door, stage, 0, other)) == 409
    for i in (1, 2):
        made.hand_in(door, stage, i, made.reply(door, stage, i))
    made.closes(stage)
    assert made.hand_in(door, stage, 0, reply).status_code == 204, "it is in the round, however late it asks"
    assert refusal(made.hand_in(door, stage, 0, other)) == 409
    with service.state.reading() as session:
        answers = select(func.count()).select_from(SubmissionRow).where(SubmissionRow.stage == stage)
        assert session.scalars(answers).one() == 3
    if stage is Stage.UNMASK:
        assert (made.coordinator.result.total == made.vectors.sum(axis=0)).all()


def test_nobody_without_the_ticket_of_this_round(
    service: Service, clock: Clock, made: Round, door: httpx.Client
) -> None:
    made.through(door, Stage.SHARE)
    before = rows(service)
    number, gateway, key, mac = made.tickets[0].split(".")
    other = Round(service.state, clock, devices=3)
    other.opens(Stage.KEYS)
    other.join(door, 0)
    forged = Ticket(int(number), gateway, key).to_text(bytes(32), made.of.round_id)
    wrong = [
        None, "", "Ticket", "Ticket .", f"Bearer {made.tickets[0]}", f"ticket {made.tickets[0]}", f"Ticket {forged}",
        f"Ticket {other.tickets[0]}", f"Ticket {(int(number) + 1) % 2**32}.{gateway}.{key}.{mac}",
        f"Ticket {number}.west.{key}.{mac}", f"Ticket {int(number) + 2**32}.{gateway}.{key}.{mac}",
    ]  # fmt: skip
    for text, stage, method in product(wrong, LATER, ("GET", "POST")):
        headers = {} if text is None else {"Authorization": text}
        answer = door.request(method, f"{made.path}/{stage.name.lower()}", headers=headers, content=b"x")
        assert refusal(answer) == 401 and answer.headers["www-authenticate"] == "Ticket", text
    assert rows(service) == before + 1


def test_a_valid_ticket_of_a_number_that_is_not_asked(service: Service, made: Round, door: httpx.Client) -> None:
    made.through(door, Stage.MASKED)
    reply = made.reply(door, Stage.MASKED, 0)
    with service.state.reading() as session:
        opened = round_store.find_open(session, made.id)
        members = {row.number: row.device_key_hash for row in session.scalars(select(MemberRow))}
    assert opened is not None
    number, (another, key) = next(n for n in range(9) if n not in members), next(iter(members.items()))
    for ticket in (Ticket(number, "main", key), Ticket(another, "main", "f" * 64)):  # the latter: of another key
        made.tickets[9] = ticket.to_text(opened.key, made.of.round_id)
        assert refusal(made.ask(door, Stage.MASKED, 9)) == refusal(made.hand_in(door, Stage.MASKED, 9, reply)) == 410
    assert rows(service, PartialSumRow) == 0


@pytest.mark.parametrize("stage", LATER)
def test_before_and_after_its_stage(stage: Stage, made: Round, door: httpx.Client, clock: Clock) -> None:
    made.through(door, Stage(stage - 1), {})
    for i in range(3):
        before = Stage(stage - 1)
        if before is Stage.KEYS:
            made.join(door, i)
        else:
            made.hand_in(door, before, i, made.reply(door, before, i))
    waits = made.ask(door, stage, 0)
    assert (waits.status_code, waits.content) == (202, b"") and int(waits.headers["retry-after"]) > 0
    early = message_header(stage | REPLY_FLAG, made.of.round_id) + bytes(10)
    assert refusal(made.hand_in(door, stage, 0, early)) == 410
    made.closes(before)
    assert made.ask(door, stage, 0).status_code == 202, "no relay has opened its window"
    assert refusal(made.hand_in(door, stage, 0, early)) == 410
    made.opens(stage, patience=60.0)
    reply = made.reply(door, stage, 0)
    assert made.ask(door, stage, 0).status_code == 200
    clock.pass_by(seconds=60)
    assert refusal(made.ask(door, stage, 0)) == refusal(made.hand_in(door, stage, 0, reply)) == 410


def test_no_masked_vector_before_the_round_is_paid(service: Service, made: Round, door: httpx.Client) -> None:
    """Though its relay has opened the window already."""
    made.through(door, Stage.MASKED)
    reply = made.reply(door, Stage.MASKED, 0)
    for standing, question, answer in (("share", 202, 410), ("masked", 200, 204)):
        with service.state.writing() as session:
            session.get_one(RoundRow, made.id).standing = standing
        assert made.ask(door, Stage.MASKED, 0).status_code == question
        assert made.hand_in(door, Stage.MASKED, 0, reply).status_code == answer


@pytest.mark.parametrize("stage", LATER)
def test_a_window_that_is_closed(stage: Stage, service: Service, made: Round, door: httpx.Client) -> None:
    made.through(door, stage)
    reply = made.reply(door, stage, 0)
    with service.state.writing() as session:
        stage_windows.close_window(session, made.of, stage, "main")
    before = rows(service)
    assert refusal(made.ask(door, stage, 0)) == refusal(made.hand_in(door, stage, 0, reply)) == 410
    assert rows(service) == before


def test_keys_before_the_window_come_again_and_after_it_too_late(
    service: Service, made: Round, door: httpx.Client, clock: Clock
) -> None:
    early = made.join(door, 0)
    assert refusal(early) == 503 and int(early.headers["retry-after"]) > 0
    made.opens(Stage.KEYS, patience=60.0)
    assert made.join(door, 0).status_code == 200
    clock.pass_by(seconds=60)
    assert refusal(made.join(door, 1)) == 410
    assert rows(service, MemberRow) == 1


def test_a_round_that_is_full(service: Service, clock: Clock, door: httpx.Client) -> None:
    made = Round(service.state, clock, devices=3, changes={"wanted": 2})
    made.opens(Stage.KEYS)
    assert [made.join(door, i).status_code for i in (0, 1, 2, 0)] == [200, 200, 410, 200]
    assert rows(service, MemberRow) == 2


def test_a_device_whose_draw_is_not_asked(service: Service, clock: Clock, door: httpx.Client) -> None:
    """Such as one that is held out."""
    identity = identified()
    place = sampling_bucket(identity.public)
    for low, high, status in ((place, 1.0, 200), (0.0, place, 403), (place + 1e-9, 1.0, 403), (0.0, 1.0, 200)):
        made = Round(service.state, clock, devices=2, changes={"low": low, "high": high})
        made.opens(Stage.KEYS)
        assert door.post(f"{made.path}/keys", content=keys(made, identity)).status_code == status


def test_a_device_that_the_campaign_excludes(service: Service, clock: Clock, made: Round, door: httpx.Client) -> None:
    """Before it has joined and after, in this campaign and in no other."""
    made.opens(Stage.KEYS)
    assert made.join(door, 1).status_code == 200
    other = Round(service.state, clock, devices=3)
    other.opens(Stage.KEYS)
    with service.state.writing() as session:
        campaign_id = session.get_one(RoundRow, made.id).campaign_id
        for i in (0, 1):
            key = key_hash(made.fleet.sessions[i].device)
            exclusions.exclude(session, clock(), campaign_id, 1, [key])
            exclusions.exclude(session, clock(), campaign_id, 1, [key])
    for i in (0, 1):
        answer = made.join(door, i)
        assert answer.status_code == 403 and "excluded from this campaign" in answer.json()["detail"]
    assert [made.join(door, 2).status_code, other.join(door, 0).status_code] == [200, 200]
    assert rows(service, MemberRow) == 3


def test_keys_that_are_of_no_device(service: Service, made: Round, door: httpx.Client, clock: Clock) -> None:
    made.opens(Stage.KEYS)
    good = made.keys(0)
    stranger = Identity(b"x" * 32)
    now = int(clock().timestamp())
    certificates = {"stranger": certify(stranger.private, stranger.public, 2**40)}
    certificates["expired"] = certify(ISSUER.private, stranger.public, now - 1)
    wrong = {"empty": b"", "short": good[:-1], "another round": good[:4] + bytes(32) + good[36:]}
    wrong["signature"] = good[:-1] + bytes([good[-1] ^ 1])
    wrong["stage"] = good[:3] + bytes([Stage.SHARE | REPLY_FLAG]) + good[4:]
    for name, certificate in certificates.items():
        wrong[name] = keys(made, Identity(stranger.private, certificate))
    wrong["no registration"] = good[:-64]
    wrong["another's registration"] = good[:-64] + made.keys(1)[-64:]
    for name, content in wrong.items():
        assert refusal(door.post(f"{made.path}/keys", content=content)) == 400, name
    assert refusal(door.post(f"{made.path}/keys", content=good + b"x")) == 413
    assert rows(service, MemberRow) == rows(service) == 0


@pytest.mark.parametrize("stage", LATER)
def test_answers_that_are_none(stage: Stage, service: Service, made: Round, door: httpx.Client) -> None:
    made.through(door, stage)
    good, before = made.reply(door, stage, 0), (rows(service), rows(service, PartialSumRow))
    wrong = [b"", b"\0" * 100, good[:20], good[:4] + bytes(32) + good[36:], good[:3] + b"\x81" + good[4:]]
    if stage is Stage.MASKED:
        wrong += [good[:-1], good[:-20], good + b"x", good + bytes(20)]
    for content in wrong:
        assert refusal(made.hand_in(door, stage, 0, content)) == 400
    assert (rows(service), rows(service, PartialSumRow)) == before
    assert made.hand_in(door, stage, 0, good).status_code == 204, "and nothing of it is held against the device"


def test_one_bad_answer_among_many_does_not_touch_the_others(
    service: Service, made: Round, door: httpx.Client
) -> None:
    """They come together, so they are written together."""
    made.through(door, Stage.MASKED)
    replies = [made.reply(door, Stage.MASKED, i) for i in range(3)]
    replies[1] = replies[1][:-4]
    statuses = gateway_samples.together(
        door, [(f"{made.path}/masked", replies[i], made.bearing(i)["Authorization"]) for i in (0, 1, 2, 0, 0)]
    )
    assert statuses == [204, 400, 204, 204, 204]
    assert rows(service, PartialSumRow) <= 2


def test_two_different_answers_of_one_device_at_once(service: Service, made: Round, door: httpx.Client) -> None:
    made.through(door, Stage.MASKED)
    reply, ticket = made.reply(door, Stage.MASKED, 0), made.bearing(0)["Authorization"]
    others = [reply[:-1] + bytes([n]) for n in range(4)]
    statuses = gateway_samples.together(door, [(f"{made.path}/masked", content, ticket) for content in others])
    assert sorted(statuses) == [204, 409, 409, 409]


@pytest.mark.parametrize("stage", LATER)
def test_too_long(stage: Stage, made: Round, door: httpx.Client) -> None:
    """Refused by what it says of itself before any of it is read, and while it comes if it says nothing."""
    made.through(door, stage)
    with socket.create_connection((door.base_url.host, door.base_url.port or 80)) as link:
        head = f"POST {made.path}/{stage.name.lower()} HTTP/1.1\r\nHost: x\r\nContent-Length: 7999999\r\n"
        link.sendall(f"{head}Authorization: {made.bearing(0)['Authorization']}\r\n\r\n".encode())
        assert link.recv(100).startswith(b"HTTP/1.1 413 ")
    pieces = iter([bytes(100_000)] * 20)
    assert made.hand_in(door, stage, 0, pieces).status_code == 413  # type: ignore[arg-type]


def test_a_body_that_breaks_off_is_nothing(
    service: Service, made: Round, door: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    made.through(door, Stage.MASKED)
    reply = made.reply(door, Stage.MASKED, 0)
    before = rows(service)
    with caplog.at_level(logging.WARNING, "keyart.server"):
        with socket.create_connection((door.base_url.host, door.base_url.port or 80)) as link:
            head = f"POST {made.path}/masked HTTP/1.1\r\nHost: x\r\nContent-Length: {len(reply)}\r\n"
            link.sendall(f"{head}Authorization: {made.bearing(0)['Authorization']}\r\n\r\n".encode() + reply[:-1])
        assert made.hand_in(door, Stage.MASKED, 1, made.reply(door, Stage.MASKED, 1)).status_code == 204
    assert rows(service) == before + 1 and not [record for record in caplog.records if record.name == "keyart.server"]


def test_rounds_that_are_not_there_or_over(service: Service, made: Round, door: httpx.Client, clock: Clock) -> None:
    made.opens(Stage.KEYS)
    made.join(door, 0)
    assert door.get(f"{made.path}/offer").content == b"an offer"
    nowhere = f"/device/rounds/{'0' * 64}"
    for method, step in [("GET", "offer"), ("POST", "keys"), ("GET", "share"), ("POST", "masked")]:
        assert refusal(door.request(method, f"{nowhere}/{step}", headers=made.bearing(0))) == 404
        assert refusal(door.request(method, f"/device/rounds/{'A' * 64}/{step}")) == 422
    first = made.keys(0)
    with service.state.writing() as session:
        round_store.fail(session, clock(), made.id, "nobody came")
    assert refusal(door.get(f"{made.path}/offer")) == refusal(door.post(f"{made.path}/keys", content=first)) == 410
    for stage in LATER:
        said = message_header(stage | REPLY_FLAG, made.of.round_id)
        assert refusal(made.ask(door, stage, 0)) == refusal(made.hand_in(door, stage, 0, said)) == 410
    assert rows(service) == rows(service, MemberRow) == 0, "what was forgotten does not come back"


def test_nothing_of_a_device_is_logged_or_counted(
    made: Round, door: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "keyart"):
        made.through(door, Stage.MASKED)
        made.hand_in(door, Stage.MASKED, 0, b"garbage")
        door.get(f"{made.path}/masked", headers={"Authorization": "Ticket wrong"})
    said = [str(vars(record)) for record in caplog.records] + [door.get("/metrics").text]
    secrets = [made.tickets[0], made.tickets[0].split(".")[0] + ".", made.fleet.sessions[0].device.hex()]
    for secret in [*secrets, key_hash(made.fleet.sessions[0].device), made.id]:
        assert not [line for line in said if secret in line]
    assert 'route="/device/rounds/{round_id}/masked",status="400"' in said[-1]
