"""What every request passes: names, headers, limits, refusals, health and counts."""

from __future__ import annotations

import logging
import re
import socket
import time
from pathlib import Path

import httpx
import pytest
import yaml
from starlette.types import Receive, Scope, Send
from support.gateway import taken_away
from support.server import listening

from keyart_server.app import create_app
from keyart_server.http.body_limits import MAX_BODY_BYTES, BodyLimits
from keyart_server.http.request_metrics import RequestMetrics
from keyart_server.http.security_headers import HEADERS, SecurityHeaders
from keyart_server.monitoring.metrics import Metrics
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings

ROUND = "/device/rounds/{round_id}"
OPEN = {
    "/healthz", "/readyz", "/metrics", "/tuf/metadata/{name}", "/tuf/targets/{version}/{name}",
    # Devices sign their keys, and show the round's ticket later: test_gateway_answers.py.
    "/device/current", *(f"{ROUND}/{step}" for step in ("offer", "keys", "share", "masked", "unmask")),
    # Devices prove possession of their keys, and show vouchers: test_attack_issuer.py.
    "/issuer/challenge", "/issuer/certificate", "/issuer/revoked",
}  # fmt: skip


def test_every_route_asks_who_comes(one_client: httpx.Client) -> None:
    """A new route is guarded, or it is named here."""
    document = one_client.get("/openapi.json").json()
    guarded = {path for path in document["paths"] if path not in OPEN}
    assert set(document["paths"]) > OPEN and len(guarded) >= 8
    for path in guarded:
        for method in document["paths"][path]:
            answer = one_client.request(method, re.sub(r"\{\w+\}", "0123456789abcdef", path))
            assert answer.status_code == 401, f"{method} {path}"


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/api/v1/campaigns", "/nothing", "/tuf/metadata/1.root.json", "/login"]
)
def test_headers_are_on_every_answer(one_client: httpx.Client, path: str) -> None:
    answer = one_client.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert "server" not in answer.headers
    if not path.startswith("/tuf"):
        assert answer.headers["cache-control"] == "no-store"


def test_other_names_are_refused(one_client: httpx.Client) -> None:
    for host in ("evil.example", "evil.example:80", "", "127.0.0.1.evil.example", "[::2]"):
        assert one_client.get("/", headers={"Host": host}).status_code in (400, 421)
    for host in ("localhost", "127.0.0.1:1", "[::1]:80", "LOCALHOST"):
        assert one_client.get("/", headers={"Host": host}).status_code == 200
    for path in ("/healthz", "/metrics"):
        assert one_client.get(path, headers={"Host": "10.0.0.7"}).status_code == 200


def test_prometheus_scrapes_the_names_of_its_own_network(tmp_path: Path) -> None:
    """With --url the server has a public name, and Prometheus asks as `prometheus.yaml` says, under another one."""
    configuration = yaml.safe_load((Path(__file__).parents[2] / "server" / "deploy" / "prometheus.yaml").read_text())
    (target,) = configuration["scrape_configs"][0]["static_configs"][0]["targets"]
    settings = ServerSettings(tmp_path, host="0.0.0.0", public=True, url="https://keyart.example")
    with open_service(settings) as service, listening(create_app(service)) as client:
        assert "keyart_build_info" in client.get("/metrics", headers={"Host": target}).text
        assert client.get("/login", headers={"Host": target}).status_code == 421


def test_refusals_have_one_shape(one_client: httpx.Client) -> None:
    for method, path, status in [
        ("GET", "/nothing", 404),
        ("PUT", "/healthz", 405),
        ("GET", "/api/v1/campaigns", 401),
        ("GET", "/api/nothing", 404),
        ("GET", "/healthz/", 404),
    ]:
        answer = one_client.request(method, path)
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(problem) == {"type", "title", "status", "detail", "instance", "errors"}
        assert answer.status_code == problem["status"] == status and problem["detail"].endswith(".")
    page = one_client.get("/nothing", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.status_code == 404 and "<title>Not found · keyart</title>" in page.text


def test_too_large(one_client: httpx.Client) -> None:
    assert one_client.post("/login", content=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413
    for wrong in ("-1", "x", "9" * 30):
        with socket.create_connection((one_client.base_url.host, one_client.base_url.port or 80)) as link:
            link.sendall(f"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {wrong}\r\n\r\n".encode())
            assert re.match(rb"HTTP/1.1 4\d\d ", link.recv(100))


async def reads(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/fails":
        raise RuntimeError("the secret is hunter2")
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_too_large_without_saying_so() -> None:
    with listening(BodyLimits(reads, max_bytes=1000)) as client:
        assert client.post("/", content=iter([b"x" * 500] * 2)).status_code == 200
        assert client.post("/", content=iter([b"x" * 500, b"x" * 501])).status_code == 413


def test_too_slow() -> None:
    with listening(BodyLimits(reads, seconds=0.3)) as client:
        with socket.create_connection((client.base_url.host, client.base_url.port or 80)) as link:
            link.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf")
            began = time.perf_counter()
            assert link.recv(100).startswith(b"HTTP/1.1 408 ")
            assert time.perf_counter() - began < 5
        assert client.post("/", content=b"whole").status_code == 200


def test_a_failure_of_ours_says_nothing_outside(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics("1")
    app = SecurityHeaders(RequestMetrics(reads, metrics), None, secure=True)
    with listening(app) as client, caplog.at_level(logging.ERROR, "keyart.server"):
        answer = client.get("/fails")
    assert answer.status_code == 500 and "hunter2" not in answer.text and answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    (record,) = [record for record in caplog.records if record.name == "keyart.server"]
    assert (record.route, record.status) == ("other", 500)  # type: ignore[attr-defined]
    assert b'keyart_requests_total{method="GET",route="other",status="500"} 1.0' in metrics.text()


def test_metrics(client: httpx.Client, admin) -> None:
    client.post("/api/v1/campaigns", json={"name": "Secret name", "kind": "training"}, headers=admin)
    client.get("/join/a-secret-code")
    client.request("PROPFIND", "/api/v1/campaigns")
    text = client.get("/metrics").text
    assert 'keyart_campaigns{state="draft"} 1.0' in text and "keyart_database_up 1.0" in text
    assert 'keyart_requests_total{method="POST",route="/api/v1/campaigns",status="201"} 1.0' in text
    assert 'route="/join/{code}"' in text and 'method="other"' in text
    assert "\nkeyart_bundle_version " not in text and "keyart_bundles_damaged 0.0" in text
    assert "Secret" not in text and "a-secret-code" not in text


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_the_database_taken_away(client: httpx.Client, admin, postgres: str, service: Service) -> None:
    kept = client.post("/api/v1/campaigns", json={"name": "a", "kind": "training"}, headers=admin).json()["id"]
    with taken_away(postgres):
        assert client.get("/healthz").status_code == 200
        unready = client.get("/readyz")
        assert unready.status_code == 503 and unready.json()["checks"]["database"] == "does not answer"
        refused = client.post("/api/v1/campaigns", json={"name": "b", "kind": "training"}, headers=admin)
        assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
        assert "nothing was changed" in refused.json()["detail"]
        assert client.get("/").status_code == 503 and "keyart</title>" in client.get("/").text
        assert "keyart_database_up 0.0" in client.get("/metrics").text
    assert client.get("/readyz").status_code == 200
    assert [found["id"] for found in client.get("/api/v1/campaigns", headers=admin).json()["items"]] == [kept]
