"""Requests that nobody would send to a gateway, made from its own OpenAPI document; and too many of them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import hypothesis
import pytest
from support import gateway as gateway_samples
from support.gateway import Round
from support.server import Clock, document_checks, listening

from keyart.secagg import Stage
from keyart_server.gateway import gateway_app
from keyart_server.gateway.rate_limits import RateLimiter
from keyart_server.http.body_limits import BodyLimits
from keyart_server.monitoring.metrics import Metrics
from keyart_server.service import Service
from keyart_server.state import ServerState


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    with closing(ServerState.open(tmp_path_factory.mktemp("fuzz") / "state.db")) as state:
        yield Round(state, Clock(), devices=3)


def test_no_request_breaks_the_document(made: Round) -> None:
    """Half of the requests are of a round that goes on, with a ticket of it."""
    import schemathesis

    asked = document_checks()
    with gateway_samples.door(made.state, made.clock) as client:
        made.through(client, Stage.MASKED)
        schema = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
        tickets = [{}, made.bearing(0)]
        for found in schema.get_all_operations():
            operation = found.ok()

            @hypothesis.given(case=operation.as_strategy(), ours=hypothesis.strategies.booleans())
            @hypothesis.settings(
                max_examples=int(os.environ.get("KEYART_FUZZ_EXAMPLES", "8")),
                deadline=None,
                database=None,
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            def fuzz(case, ours: bool) -> None:
                if ours and "round_id" in case.path_parameters:
                    case.path_parameters["round_id"] = made.id
                case.call_and_validate(headers=tickets[ours], checks=asked)

            fuzz()
        for i in range(3):
            made.hand_in(client, Stage.MASKED, i, made.reply(client, Stage.MASKED, i))
        made.closes(Stage.MASKED)
        made.opens(Stage.UNMASK)
        for i in range(3):
            made.hand_in(client, Stage.UNMASK, i, made.reply(client, Stage.UNMASK, i))
        made.closes(Stage.UNMASK)
    assert (made.coordinator.result.total == made.vectors.sum(axis=0)).all()


def test_who_asks_too_often_waits(service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_app, "for_proxied_clients", lambda: RateLimiter(0.01, 3.0))
    with gateway_samples.door(service.state, clock) as client:
        assert [client.get("/device/current").status_code for _ in range(4)] == [200, 200, 200, 429]
        for method, step in [("GET", "offer"), ("POST", "keys"), ("GET", "share"), ("POST", "unmask")]:
            answer = client.request(method, f"/device/rounds/{'0' * 64}/{step}")
            assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 1 and answer.json()["detail"]
        assert client.get("/healthz").status_code == 200


def test_a_body_that_comes_too_slowly(service: Service, clock: Clock) -> None:
    made = Round(service.state, clock, devices=3)
    gateway = gateway_app.create_gateway(service.state, "main", [], clock, Metrics("1"))
    with (
        listening(BodyLimits(gateway, seconds=0.3)) as client,  # type: ignore[arg-type]
        socket.create_connection((client.base_url.host, client.base_url.port or 80)) as link,
    ):
        link.sendall(f"POST {made.path}/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
        began = time.perf_counter()
        assert link.recv(100).startswith(b"HTTP/1.1 408 ")
        assert time.perf_counter() - began < 5
