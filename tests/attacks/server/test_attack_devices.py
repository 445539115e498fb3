"""Devices that are none, or none of this round: tickets, answers and keys that were forged, replayed, too large."""

from __future__ import annotations

import hashlib
import io
import logging
import re
import socket
import tracemalloc
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from attacks.server.wire import Target, served
from sqlalchemy import func, select
from support import bundles as bundle_samples
from support import gateway as gateway_samples
from support import rounds as round_samples
from support.gateway import Round
from support.server import Clock

from keyart.secagg import Identity, Stage, certify
from keyart.secagg.device_session import DeviceSession
from keyart_server.gateway.gateway_app import create_gateway
from keyart_server.monitoring.metrics import Metrics
from keyart_server.state.tables import EnrolledDeviceRow, MemberRow, PartialSumRow, SubmissionRow, TableBase

LATER = (Stage.SHARE, Stage.MASKED, Stage.UNMASK)


@pytest.fixture
def made(target: Target, clock: Clock) -> Round:
    """A round at its second stage: four devices have joined and are asked for their shares."""
    of = Round(target.service.state, clock)
    of.through(target.client, Stage.SHARE)
    return of


@pytest.fixture
def gateway(target: Target, clock: Clock) -> Iterator[httpx.Client]:
    """A gateway that stands alone, as the internet meets it."""
    app = create_gateway(target.service.state, "main", [round_samples.ISSUER.public], clock, Metrics("1"), tls=True)
    with served(app) as client:
        yield client


def rows(target: Target, table: type[TableBase]) -> int:
    with target.service.state.reading() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def ticketed(target: Target, method: str, path: str, ticket: str, content: bytes = b"x") -> int:
    headers = {"Authorization": f"Ticket {ticket}"}
    return target.client.request(method, path, headers=headers, content=content).status_code


def test_a_ticket_that_was_made_up(target: Target, made: Round) -> None:
    """Every stage with no ticket, with an administrator's token, and with tickets of every wrong shape."""
    number, gateway, key, mac = made.tickets[0].split(".")
    forged = [
        "x", f"{number}.{gateway}", f"{number}.{gateway}.", f"{number}.{gateway}.{key}", f"{number}.{gateway}.{mac}",
        f"{number}.{gateway}.{key}.{'0' * 32}", f"{number}..{key}.{mac}", f"{number}.{gateway}.{key}.{mac[:-1]}",
        f"{number}.{gateway}.{key}.{mac.upper()}x", f"0{number}.{gateway}.{key}.{mac}",
        f"{number}.{gateway}\\.{key}.{mac}", f"-{number}.{gateway}.{key}.{mac}", f"{2**32}.{gateway}.{key}.{mac}",
        f"{number}.{gateway}.{'0' * 64}.{mac}", "9" * 6000,
    ]  # fmt: skip
    for stage in LATER:
        path = f"{made.path}/{stage.name.lower()}"
        for method in ("GET", "POST"):
            for ticket in forged:
                assert ticketed(target, method, path, ticket) == 401, ticket
            assert target.client.request(method, path, headers=target.admin).status_code == 401
            assert target.client.request(method, f"{path}?ticket={made.tickets[0]}").status_code == 401
    assert rows(target, SubmissionRow) == made.devices, "the keys, and nothing else"


def test_a_ticket_with_another_number(target: Target, made: Round) -> None:
    """Number guessing: another member's number, or gateway, under a ticket's own seal."""
    tickets = [ticket.split(".") for ticket in made.tickets.values()]
    for number, *_ in tickets:
        for _, gateway, key, mac in tickets:
            ticket = f"{number}.{gateway}.{key}.{mac}"
            if ticket not in made.tickets.values():
                assert ticketed(target, "GET", f"{made.path}/share", ticket) == 401
    number, gateway, key, mac = tickets[0]
    for ticket in (f"{number}.west.{key}.{mac}", f"{number}.{gateway}.{tickets[1][2]}.{mac}"):
        assert ticketed(target, "GET", f"{made.path}/share", ticket) == 401


def test_a_seal_that_is_guessed(target: Target, made: Round) -> None:
    """Five hundred guesses of a seal: of 2¹²⁸ none is right, and no answer tells how near it was."""
    head, _, mac = made.tickets[0].rpartition(".")
    told = set()
    for i in range(500):
        right = i % 32  # of its characters; the next one is wrong
        rest = hashlib.sha256(str(i).encode()).hexdigest()[: 31 - right]
        guess = mac[:right] + ("1" if mac[right] == "0" else "0") + rest
        answer = target.client.get(f"{made.path}/share", headers={"Authorization": f"Ticket {head}.{guess}"})
        request = uuid.UUID(answer.headers["x-request-id"]).urn  # each request's own, and the only thing that differs
        told.add((answer.status_code, answer.text.replace(request, "")))
    assert len(told) == 1 and {status for status, _ in told} == {401}


def test_a_ticket_of_another_round(target: Target, made: Round, clock: Clock) -> None:
    """Replay: the ticket of one round in another one, in which its device is, too."""
    other = Round(target.service.state, clock)
    other.through(target.client, Stage.SHARE)
    for ticket in other.tickets.values():
        for method in ("GET", "POST"):
            assert ticketed(target, method, f"{made.path}/share", ticket) == 401


def test_another_device_s_answer(target: Target, made: Round) -> None:
    """Who has a ticket answers for nobody else: one that has answered keeps its answer, whatever others hand in."""
    replies = {i: made.reply(target.client, Stage.SHARE, i) for i in range(2)}
    for i, reply in replies.items():
        assert made.hand_in(target.client, Stage.SHARE, i, reply).status_code == 204
    assert made.hand_in(target.client, Stage.SHARE, 0, replies[1]).status_code == 409
    assert made.hand_in(target.client, Stage.SHARE, 0, replies[0]).status_code == 204, "the same again is no replay"
    assert rows(target, SubmissionRow) == made.devices + 2


def test_an_answer_of_another_stage_or_round(target: Target, made: Round, clock: Clock) -> None:
    """Replay: what was said at another stage, or in another round, under a right ticket."""
    other = Round(target.service.state, clock)
    other.through(target.client, Stage.SHARE)
    foreign = other.reply(target.client, Stage.SHARE, 0)
    for content in (foreign, made.keys(0), b"", b"x", bytes(1000)):
        assert made.hand_in(target.client, Stage.SHARE, 0, content).status_code == 400
    reply = made.reply(target.client, Stage.SHARE, 0)
    for stage in (Stage.MASKED, Stage.UNMASK):
        assert made.hand_in(target.client, stage, 0, reply).status_code in (400, 410)
    assert rows(target, SubmissionRow) == 2 * made.devices


def test_an_answer_before_its_time_and_after(target: Target, made: Round, clock: Clock) -> None:
    """Answers to a question that was not asked yet, after the window's time, and after it was closed."""
    replies = {i: made.reply(target.client, Stage.SHARE, i) for i in range(made.devices)}
    for i in range(3):
        assert made.hand_in(target.client, Stage.SHARE, i, replies[i]).status_code == 204
    for stage in (Stage.MASKED, Stage.UNMASK):
        assert made.ask(target.client, stage, 0).status_code == 202
    clock.pass_by(seconds=61)
    assert made.hand_in(target.client, Stage.SHARE, 3, replies[3]).status_code == 410
    assert rows(target, SubmissionRow) == made.devices + 3


def test_an_answer_of_somebody_who_is_not_asked(target: Target, clock: Clock) -> None:
    """Who was silent at one stage, with a right ticket at the next one."""
    made = Round(target.service.state, clock, least=2)
    made.through(target.client, Stage.MASKED, {Stage.SHARE: {3}})
    assert made.ask(target.client, Stage.MASKED, 3).status_code == 410
    reply = made.reply(target.client, Stage.MASKED, 0)
    assert made.hand_in(target.client, Stage.MASKED, 3, reply).status_code in (400, 410)
    assert rows(target, PartialSumRow) == 0


def test_a_vector_of_another_length(target: Target, clock: Clock) -> None:
    """A masked vector that is longer, shorter, or has other pads than it was asked for, moves no sum."""
    made = Round(target.service.state, clock)
    made.through(target.client, Stage.MASKED)
    reply = made.reply(target.client, Stage.MASKED, 0)
    for content in (
        reply + bytes(4),
        reply[:-4],
        reply[:36] + reply[-made.of.vector_bytes :],
        reply[:36] + bytes(32) + reply[36:],
    ):
        assert made.hand_in(target.client, Stage.MASKED, 0, content).status_code in (400, 413)
    assert rows(target, PartialSumRow) == 0
    assert made.hand_in(target.client, Stage.MASKED, 0, reply).status_code == 204


def test_one_answer_many_times_at_once(target: Target, clock: Clock) -> None:
    """A race: the same masked vector thirty times at the same moment counts once."""
    made = Round(target.service.state, clock)
    made.through(target.client, Stage.MASKED)
    for i in range(made.devices):
        reply = made.reply(target.client, Stage.MASKED, i)
        request = (f"{made.path}/masked", reply, made.bearing(i)["Authorization"])
        assert set(gateway_samples.together(target.client, [request] * 30)) == {204}
    made.closes(Stage.MASKED)
    made.opens(Stage.UNMASK)
    for i in range(made.devices):
        made.hand_in(target.client, Stage.UNMASK, i, made.reply(target.client, Stage.UNMASK, i))
    made.closes(Stage.UNMASK)
    assert (made.coordinator.result.total == made.vectors.sum(axis=0)).all()


def test_many_answers_at_once(target: Target, made: Round) -> None:
    """A race: thirty different answers of one device at the same moment: one of them counts, and stays."""
    reply = made.reply(target.client, Stage.SHARE, 0)
    different = [reply[:-1] + bytes([i]) for i in range(30)]
    who = made.bearing(0)["Authorization"]
    statuses = gateway_samples.together(target.client, [(f"{made.path}/share", one, who) for one in different])
    assert sorted(statuses) == [204] + [409] * 29
    assert made.hand_in(target.client, Stage.SHARE, 0, different[statuses.index(204)]).status_code == 204
    assert rows(target, SubmissionRow) == made.devices + 1


def keys_of(made: Round, identity: Identity, issuer: bytes, not_after: int) -> bytes:
    """The first answer of a device of this key, as that issuer certifies it."""
    certified = Identity(identity.private, certify(issuer, identity.public, not_after))
    session = DeviceSession.start(
        made.of, certified, [round_samples.ISSUER.public], 0, np.random.default_rng(0).bytes
    )
    return session.answer(made.coordinator.invitation, lambda: made.vectors[0])[1]


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_devices_that_nobody_has_certified(target: Target, clock: Clock, every: int) -> None:
    """A flood of keys with forged, expired, borrowed or broken certificates: no member, and no row, is made of it."""
    made = Round(target.service.state, clock)
    made.opens(Stage.KEYS)
    private, later, past = round_samples.ISSUER.private, 2**40, int(clock().timestamp()) - 1
    for number in range(0, 60, every):
        mine = Identity.create(lambda size, number=number: hashlib.sha256(bytes([number])).digest()[:size])
        good = keys_of(made, mine, private, later)
        wrong = (
            keys_of(made, mine, b"x" * 32, later),
            keys_of(made, mine, private, past),
            good.replace(mine.public, round_samples.ISSUER.public),
            good[:-1] + bytes([good[-1] ^ 1]),
            good[: 20 + number] + bytes([good[20 + number] ^ 1]) + good[21 + number :],
        )
        for content in wrong:
            assert target.client.post(f"{made.path}/keys", content=content).status_code == 400
    assert rows(target, MemberRow) == rows(target, SubmissionRow) == 0


def test_one_device_as_many(target: Target, made: Round, clock: Clock) -> None:
    """Sybil: a certified device joins again with other keys, by a second certificate, or at the same moment."""
    made = Round(target.service.state, clock)
    made.opens(Stage.KEYS)
    mine = Identity.create(lambda size: b"m" * size)
    first = keys_of(made, mine, round_samples.ISSUER.private, 2**40)
    again = keys_of(made, mine, round_samples.ISSUER.private, 2**41)
    before = rows(target, MemberRow)
    statuses = gateway_samples.together(
        target.client, [(f"{made.path}/keys", one, "") for one in (first, again) * 10]
    )
    assert sorted(set(statuses)) == [200, 409] and rows(target, MemberRow) == before + 1


def test_a_device_that_was_not_drawn(target: Target, clock: Clock) -> None:
    """A device outside of the round's draw, and more of them than are wanted."""
    nobody = Round(target.service.state, clock, changes={"low": 0.0, "high": 0.0})
    nobody.opens(Stage.KEYS)
    assert [nobody.join(target.client, i).status_code for i in range(4)] == [403] * 4
    few = Round(target.service.state, clock, changes={"wanted": 2})
    few.opens(Stage.KEYS)
    assert sorted(few.join(target.client, i).status_code for i in range(4)) == [200, 200, 410, 410]
    assert rows(target, MemberRow) == 2


def test_answers_that_are_too_large(target: Target, made: Round) -> None:
    """Oversize at each stage, told by the length or not: refused by what the stage can hold, not by megabytes."""
    for stage in Stage:
        path = f"{made.path}/{stage.name.lower()}"
        headers = {} if stage is Stage.KEYS else made.bearing(0)
        large = bytes(1_000_000)
        assert target.client.post(path, content=large, headers=headers).status_code == 413
        assert target.client.post(path, content=iter([large[:1000]] * 1000), headers=headers).status_code == 413
    assert rows(target, SubmissionRow) == made.devices


def test_no_scope_of_the_api_certifies_devices(target: Target) -> None:
    """The operator's tokens and accounts neither make vouchers nor revoke keys; the issuer has a token of its own."""
    answer = target.client.post("/api/v1/tokens", json={"name": "x", "scopes": ["enrol"]}, headers=target.admin)
    assert answer.status_code == 422
    operator = target.person("Kim", "operator")
    for client, headers in ((target.client, target.admin), (target.client, {}), (operator, {})):
        assert client.post("/issuer/vouchers", json={"count": 1}, headers=headers).status_code == 401
        assert client.post("/issuer/revoke", content=bytes(32), headers=headers).status_code == 401
    assert target.client.post("/device/enrol", content=bytes(32), headers=target.admin).status_code == 404


def test_requests_for_a_certificate_that_are_none(target: Target) -> None:
    """Keys and requests that are too short, too long, a word, JSON or a form: no certificate is made of them."""
    for content in (b"", bytes(31), b"00" * 32, b'{"key": "x"}', bytes(33)):
        assert target.client.post("/issuer/challenge", content=content).status_code in (400, 413)
    for content in (b"", bytes(135), b'{"key": "x"}', bytes(136 + 16_385)):
        assert target.client.post("/issuer/certificate", content=content).status_code in (400, 413)
    assert target.client.post("/issuer/certificate", content=bytes(136)).status_code == 403
    assert rows(target, EnrolledDeviceRow) == 0


def test_a_gateway_that_is_asked_for_more(gateway: httpx.Client, target: Target) -> None:
    """A gateway alone has no page, no API, no bundle, no enrolment and no way to the server's files."""
    for path in ("/", "/login", "/join/x", "/api/v1/campaigns", "/api/v1/tokens", "/api/v1/bundles",
                 "/tuf/metadata/1.root",
                 "/assets/x.css", "/issuer/certificate", "/admin.token", "/device/../api/v1/campaigns"):  # fmt: skip
        for method in ("GET", "POST"):
            assert gateway.request(method, path, headers=target.admin).status_code in (404, 405), path


def test_one_address_that_asks_too_often(gateway: httpx.Client) -> None:
    """A flood from one network: refused with the time to wait, whatever other address its headers name."""
    place, told = (gateway.base_url.host, gateway.base_url.port or 80), b""
    for i in range(40):  # twenty-five at once, as one connection may
        ask = (
            f"GET /device/current HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.0.0.{i}\r\nForwarded: for=10.0.0.{i}\r\n"
        )
        with socket.create_connection(place, timeout=60) as link:
            link.sendall(f"{ask}\r\n".encode() * 24 + f"{ask}Connection: close\r\n\r\n".encode())
            told += b"".join(iter(lambda link=link: link.recv(1_000_000), b""))
    statuses = re.findall(rb"HTTP/1\.1 (\d{3}) ", told)
    assert len(statuses) == 1000 and statuses[0] == b"200" and statuses.count(b"429") > 100
    assert told.lower().count(b"retry-after: ") == statuses.count(b"429")


def test_paths_of_rounds_that_are_none(target: Target, made: Round) -> None:
    """Ids and stages that are no ids and stages: SQL, paths, NULs, other cases, lists."""
    for round_id in ("x", "..", "%2e%2e", "' OR 1=1 --", f"{made.id}0", f"A{made.id[1:]}",
                     made.id[:-1], made.id + "%00", f"{made.id}%0a", f"{made.id},{made.id}", "0" * 64):  # fmt: skip
        answer = target.client.post(f"/device/rounds/{round_id}/keys", content=b"x")
        assert answer.status_code in (404, 405, 422), round_id
    for stage in ("SHARE", "answered", "1", "share%00", "share/x"):
        assert ticketed(target, "GET", f"{made.path}/{stage}", made.tickets[0]) in (404, 405)


def test_what_is_a_device_s_own_in_a_cache(target: Target, made: Round) -> None:
    """No question, ticket or refusal of a device is stored on the way; what all may see is for seconds."""
    assert "no-store" in made.ask(target.client, Stage.SHARE, 0).headers["cache-control"]
    assert "no-store" in target.client.post(f"{made.path}/keys", content=made.keys(0)).headers["cache-control"]
    assert target.client.get("/device/current").headers["cache-control"] == "public, max-age=5"


def test_what_is_said_of_a_device(target: Target, made: Round, caplog: pytest.LogCaptureFixture) -> None:
    """No ticket, key, address or header of a device is in a log, a metric, an audit row or what all may see."""
    with caplog.at_level(logging.DEBUG):
        forged = {"User-Agent": "canary", "X-Device": "canary\tcanary", "Authorization": "Ticket canary"}
        target.client.get(f"{made.path}/share", headers=forged)
        target.client.post(f"{made.path}/canary", content=b"canary")
        made.hand_in(target.client, Stage.SHARE, 0, made.reply(target.client, Stage.SHARE, 0))
    ours = [record for record in caplog.records if record.name.startswith(("keyart", "uvicorn.error"))]
    told = repr([vars(record) for record in ours]) + target.client.get("/metrics").text
    told += target.client.get("/api/v1/audit", headers=target.admin).text + target.client.get("/device/current").text
    for secret in ("canary", "127.0.0.1", *made.tickets.values()):
        assert secret not in told


def zipped(files: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED, mode: int = 0o644) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", kind) as archive:
        for name, data in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            archive.writestr(member, data, kind)
    return whole.getvalue()


def uploaded(target: Target, bomb: bytes) -> tuple[int, int]:
    """The status, and the most bytes that were held meanwhile."""
    tracemalloc.start()
    try:
        headers = {**target.admin, "Content-Type": "application/zip"}
        status = target.client.post("/api/v1/bundles", content=bomb, headers=headers).status_code
        return status, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_a_bundle_that_is_a_bomb(target: Target, tmp_path: Path) -> None:
    """Zip bombs in an upload: a large one in a small one, many members, zips in zips, rare methods, halves."""
    files = {path.name: path.read_bytes() for path in bundle_samples.sample_bundle(tmp_path / "bundle", 7).iterdir()}
    bombs = {
        "large": zipped({**files, "ranker.bin": bytes(200_000_000)}),
        "many": zipped({f"f{i}.json": b"" for i in range(50_000)}),
        "nested": zipped({**files, "ranker.bin": zipped({"x": bytes(1_000_000)})}),
        "rare": zipped(files, zipfile.ZIP_LZMA),
        "cut": zipped(files)[:-30],
        "no zip": b"PK\x03\x04" + bytes(1000),
        "empty": b"",
    }
    for name, bomb in bombs.items():
        status, most = uploaded(target, bomb)
        assert status in (413, 422) and most < 100_000_000, name
    assert target.client.get("/api/v1/releases", headers=target.admin).json()["items"] == []


def test_a_bundle_that_lies_about_its_size(target: Target, tmp_path: Path) -> None:
    """A zip bomb that says it is small: three hundred megabytes in a member of a thousand bytes."""
    files = {path.name: path.read_bytes() for path in bundle_samples.sample_bundle(tmp_path / "bundle", 7).iterdir()}
    size = 300_000_000
    bomb = zipped({**files, "ranker.bin": bytes(size)}).replace(
        size.to_bytes(4, "little"), (1000).to_bytes(4, "little")
    )
    status, most = uploaded(target, bomb)
    assert status == 422 and most < 100_000_000


def test_a_bundle_that_leads_out(target: Target, tmp_path: Path) -> None:
    """Zip members with paths that lead out, absolute ones, links, devices and names that no bundle has."""
    files = {path.name: path.read_bytes() for path in bundle_samples.sample_bundle(tmp_path / "bundle", 7).iterdir()}
    before = sorted(tmp_path.rglob("escaped*"))
    for name in ("../escaped.json", "/tmp/escaped.json", "..\\escaped.json", "a/../../escaped.json", "C:escaped.json",
                 "escaped.json\0.png", ".escaped", "escaped.py", "MANIFEST.JSON", "con.json/"):  # fmt: skip
        archive = zipped({**files, name: b"x"} if len(files) < 6 else {**dict(list(files.items())[1:]), name: b"x"})
        headers = {**target.admin, "Content-Type": "application/zip"}
        assert target.client.post("/api/v1/bundles", content=archive, headers=headers).status_code == 422, name
    link = zipped({**files, "ranker.bin": b"/etc/passwd"}, mode=0o120777)
    assert target.client.post("/api/v1/bundles", content=link, headers=target.admin).status_code == 422
    assert sorted(tmp_path.rglob("escaped*")) == before
    assert target.client.get("/api/v1/releases", headers=target.admin).json()["items"] == []


def test_a_bundle_of_somebody_who_may_not(target: Target) -> None:
    """An upload with no token, one that may only read, and by a person's cookie without the form token."""
    viewer = target.person("Kim", "viewer")
    operator = target.person("Robin", "operator")
    assert target.client.post("/api/v1/bundles", content=b"x").status_code == 401
    assert target.client.post("/api/v1/bundles", content=b"x", headers=target.token("read")).status_code == 403
    for browser in (viewer, operator):
        assert browser.post("/api/v1/bundles", content=b"x").status_code == 403
    for verb in ("promote", "hold", "withdraw"):
        assert target.client.post(f"/api/v1/releases/7/{verb}", headers=target.token("read")).status_code == 403
