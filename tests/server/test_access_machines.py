"""Bearer tokens: what they open, until when, and what is kept of them."""

from __future__ import annotations

import stat
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select
from support.server import Clock, bearer

from keyart.errors import SettingError
from keyart_server.access import SCOPES, tokens
from keyart_server.service import Service
from keyart_server.state.tables import TokenRow

READS, CHANGES, ADMINISTERS = "/api/v1/campaigns", "/api/v1/campaigns", "/api/v1/tokens"


def issued(client: httpx.Client, admin: dict[str, str], *scopes: str, days: int = 1) -> dict[str, str]:
    answer = client.post("/api/v1/tokens", json={"name": "ci", "scopes": scopes, "days": days}, headers=admin)
    assert answer.status_code == 201
    return bearer(answer.json()["secret"])


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"Authorization": ""}, {"Authorization": "Bearer"},
        {"Authorization": "Bearer keyart_"}, {"Authorization": "Bearer " + "x" * 9000},
        {"Authorization": "Bearer keyart_\u00e9".encode("latin-1")}, {"Authorization": "Basic YTpi"},
        {"Authorization": "Digest x"}, {"Cookie": "keyart=x"}, {"Cookie": "__Host-keyart=x"},
    ],
)  # fmt: skip
def test_nobody(one_client: httpx.Client, headers) -> None:
    client = one_client
    for method, path in (("GET", READS), ("POST", CHANGES), ("GET", ADMINISTERS)):
        answer = client.request(method, path, headers=headers)
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"


def test_nothing_is_read_before_the_token(client: httpx.Client) -> None:
    """A body that is no JSON is not even looked at."""
    broken = client.post("/api/v1/campaigns", content=b"{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 401


def test_a_scope_opens_its_own_and_nothing_else(client: httpx.Client, admin) -> None:
    reads = issued(client, admin, "read")
    assert client.get(READS, headers=reads).status_code == 200
    refused = client.post(CHANGES, json={"name": "x", "kind": "training"}, headers=reads)
    assert refused.status_code == 403 and "lacks the scope operate" in refused.json()["detail"]
    assert client.get(ADMINISTERS, headers=reads).status_code == 403
    operates = issued(client, admin, "operate")
    assert client.post(CHANGES, json={"name": "x", "kind": "training"}, headers=operates).status_code == 201
    assert client.get(READS, headers=operates).status_code == 403
    assert client.post("/api/v1/tokens", json={"name": "x", "scopes": ["read"]}, headers=operates).status_code == 403


def test_an_end(client: httpx.Client, admin, clock: Clock) -> None:
    token = issued(client, admin, "read", days=2)
    clock.pass_by(days=2, seconds=-1)
    assert client.get(READS, headers=token).status_code == 200
    clock.pass_by(seconds=1)
    ended = client.get(READS, headers=token)
    assert ended.status_code == 401 and "This token expired on" in ended.json()["detail"]
    unknown = client.get(READS, headers=bearer("keyart_" + "x" * 43))
    assert unknown.json()["detail"].startswith("Sign in, or send a valid token")


def test_revoked(client: httpx.Client, admin, clock: Clock) -> None:
    clock.pass_by(seconds=1)
    token = issued(client, admin, "read")
    listed = client.get("/api/v1/tokens", headers=admin).json()["items"]
    assert [entry["name"] for entry in listed] == ["ci", "admin"]
    assert client.delete(f"/api/v1/tokens/{listed[0]['id']}", headers=admin).status_code == 204
    assert client.get(READS, headers=token).status_code == 401
    assert client.delete(f"/api/v1/tokens/{listed[0]['id']}", headers=admin).status_code == 404
    assert [entry["action"] for entry in client.get("/api/v1/audit", headers=admin).json()["items"]][:2] == [
        "token.revoke",
        "token.issue",
    ]


def test_no_token_is_kept(service: Service, client: httpx.Client, admin) -> None:
    secret = issued(client, admin, "read")["Authorization"].split()[1]
    with service.state.reading() as session:
        for row in session.scalars(select(TokenRow)):
            assert secret not in repr(vars(row)) and len(row.digest) == 64
    assert secret not in client.get("/api/v1/tokens", headers=admin).text
    assert secret not in client.get("/api/v1/audit", headers=admin).text


def test_the_admin_token_is_written_once_and_anew_when_it_opens_nothing(service: Service, clock: Clock) -> None:
    path = service.data.admin_token
    first = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    tokens.ensure_admin(service.state, service.data, clock())
    assert path.read_text() == first
    clock.pass_by(days=tokens.ADMIN_DAYS)
    tokens.ensure_admin(service.state, service.data, clock())
    second = path.read_text()
    assert second != first
    for damaged in (b"", b"\xff\xfe\x00", first.encode()):
        path.write_bytes(damaged)
        tokens.ensure_admin(service.state, service.data, clock())
        with service.state.reading() as session:
            token = tokens.find(session, clock(), path.read_text().strip())
        assert token is not None and token.scopes == frozenset(SCOPES)


def test_an_admin_token_that_cannot_be_written(service: Service, clock: Clock) -> None:
    service.data.admin_token.unlink()
    service.data.admin_token.mkdir()
    with pytest.raises(SettingError, match=r"admin\.token"):
        tokens.ensure_admin(service.state, service.data, clock())


def test_tokens_differ(service: Service, clock: Clock) -> None:
    with service.state.writing() as session:
        made = {tokens.issue(session, clock(), "server", "x", ["read"], timedelta(1))[0] for _ in range(20)}
    assert len(made) == 20 and all(len(secret) == 7 + 43 for secret in made)
