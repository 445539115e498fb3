"""Enrolment: a certificate for whoever has the word of a token, and one line about it."""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import timedelta

import gateway_samples
import httpx
import pytest
from round_samples import terms
from server_samples import Clock, bearer, listening

from keyart.secagg import Identity
from keyart.secagg.identity import verify_record
from keyart_server import audit_log
from keyart_server.access import tokens
from keyart_server.app import create_app
from keyart_server.gateway import enrolment
from keyart_server.service import Service
from keyart_server.state.tables import EnrolledDeviceRow

DEVICE = Identity(b"d" * 32)
PATH = "/device/enrol"


def token(service: Service, scope: str, name: str = "app") -> dict[str, str]:
    with service.state.writing() as session:
        secret, _ = tokens.issue(session, service.clock(), "server", name, [scope], timedelta(days=200))  # type: ignore[list-item]
    return bearer(secret)


def test_a_certificate_that_others_take(service: Service, client: httpx.Client, clock: Clock) -> None:
    headers = token(service, "enrol")
    for _ in range(2):  # the second one renews it
        answer = client.post(PATH, content=DEVICE.public, headers=headers)
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/octet-stream"
        of, now = terms(), int(clock().timestamp())
        record = Identity(DEVICE.private, answer.content).record(of.round_id, bytes(32), bytes(32))
        peer = verify_record(record, of.round_id, [service.keys.issuer_public], now + 90 * 86400 - 1)
        assert peer.device == DEVICE.public
        with service.state.reading() as session:
            row = session.get(EnrolledDeviceRow, hashlib.sha256(DEVICE.public).hexdigest())
            assert row is not None
            assert (row.by, row.at, row.expires) == ("token:app", clock(), clock() + timedelta(days=90))
        clock.pass_by(days=60)


def test_the_audit_log_counts_them_by_token_and_hour(service: Service, client: httpx.Client, clock: Clock) -> None:
    """Whatever it tells of devices is a number; an hour that is not over is not told yet."""
    app, shop = token(service, "enrol"), token(service, "enrol", "shop")
    keys = [Identity(bytes([i]) * 32).public for i in range(4)]
    for key in keys[:3]:
        assert client.post(PATH, content=key, headers=app).status_code == 200
    assert client.post(PATH, content=keys[3], headers=shop).status_code == 200
    began = clock().replace(minute=0, second=0, microsecond=0)
    with service.state.writing() as session:
        enrolment.write_audit_rows(session, clock())
    assert told(service) == []
    clock.pass_by(hours=1)
    assert client.post(PATH, content=keys[0], headers=app).status_code == 200
    for _ in range(2):  # the second time there is nothing left to tell
        with service.state.writing() as session:
            enrolment.write_audit_rows(session, clock())
    hour = began.isoformat(timespec="minutes")
    expected = {"count": 3, "hour": hour}, {"count": 1, "hour": hour}
    assert told(service) == [("token:shop", expected[1]), ("token:app", expected[0])]
    with service.state.reading() as session:
        rows, _ = audit_log.newest(session, 99), audit_log.verify(session)
    for key in keys:
        assert key.hex() not in str(rows) and hashlib.sha256(key).hexdigest() not in str(rows)


def told(service: Service) -> list[tuple[str, dict[str, object]]]:
    """Who has brought in devices, newest first."""
    with service.state.reading() as session:
        rows = [entry for entry in audit_log.newest(session, 99) if entry.action == "device.enrol"]
    return [(row.actor, json.loads(row.details)) for row in rows]


@pytest.mark.parametrize("scope", ["read", "operate", "administer"])
def test_no_other_token_enrols(service: Service, client: httpx.Client, scope: str) -> None:
    assert client.post(PATH, content=DEVICE.public, headers=token(service, scope)).status_code == 403
    assert client.post(PATH, content=DEVICE.public, headers=bearer("keyart_wrong")).status_code == 401
    assert client.post(PATH, content=DEVICE.public).status_code == 401
    with service.state.reading() as session:
        assert session.get(EnrolledDeviceRow, hashlib.sha256(DEVICE.public).hexdigest()) is None


def test_what_is_no_key(service: Service, client: httpx.Client) -> None:
    headers = token(service, "enrol")
    assert [client.post(PATH, content=bytes(n), headers=headers).status_code for n in (0, 31, 33)] == [400, 400, 413]


def test_a_token_enrols_so_many_and_then_waits(service: Service, clock: Clock, monkeypatch, caplog) -> None:
    monkeypatch.setattr(enrolment, "ENROLMENT_BURST", 2.0)
    monkeypatch.setattr(enrolment, "ENROLMENTS_PER_SECOND", 0.01)
    first, second = token(service, "enrol"), token(service, "enrol", "shop")
    with listening(create_app(service)) as client, caplog.at_level(logging.DEBUG, "keyart"):
        statuses = [client.post(PATH, content=DEVICE.public, headers=first).status_code for _ in range(3)]
        refused = client.post(PATH, content=DEVICE.public, headers=first)
        assert statuses == [200, 200, 429] and int(refused.headers["retry-after"]) > 1
        assert client.post(PATH, content=DEVICE.public, headers=second).status_code == 200
    assert DEVICE.public.hex() not in caplog.text


def test_a_gateway_alone_enrols_nobody(service: Service, clock: Clock) -> None:
    headers = token(service, "enrol")
    with gateway_samples.door(service.state, clock) as client:
        assert client.post(PATH, content=DEVICE.public, headers=headers).status_code == 404
        assert {client.get(path).status_code for path in ("/", "/api/campaigns", "/tuf/metadata/1.root.json")} == {
            404
        }
        paths = client.get("/openapi.json").json()["paths"]
    assert {path.split("/")[1] for path in paths} == {"device", "healthz", "readyz", "metrics"}
