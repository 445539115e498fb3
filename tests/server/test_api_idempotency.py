"""`Idempotency-Key`: what creates something is carried out once, and a copy of the database reveals no answer."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest
from support import releases as release_samples
from support.server import Clock, bearer, join

from keyart_server import idempotency
from keyart_server.access import secrets
from keyart_server.engine import CampaignEngine
from keyart_server.idempotency import OnceRequest
from keyart_server.releases import bundle_archive, publishing
from keyart_server.service import Service
from keyart_server.state.tables import IdempotencyKeyRow

CAMPAIGN = {"name": "Spring", "kind": "training", "epsilon": 4.0}


def create(client: httpx.Client, headers: dict[str, str], key: str = "k1", **changes: Any) -> httpx.Response:
    return client.post("/api/v1/campaigns", json=CAMPAIGN | changes, headers=headers | {"Idempotency-Key": key})


def campaigns(client: httpx.Client, admin: dict[str, str]) -> int:
    return len(client.get("/api/v1/campaigns", headers=admin).json()["items"])


def test_the_same_request_is_answered_again(client: httpx.Client, admin) -> None:
    first = create(client, admin)
    client.post(f"/api/v1/campaigns/{first.json()['id']}/start", headers=admin)
    again = create(client, admin)
    assert first.status_code == again.status_code == 201 and again.content == first.content
    assert again.headers["location"] == first.headers["location"] == f"/api/v1/campaigns/{first.json()['id']}"
    assert again.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    assert campaigns(client, admin) == 1
    assert create(client, admin, "k2").json()["id"] != first.json()["id"]
    assert client.post("/api/v1/campaigns", json=CAMPAIGN, headers=admin).status_code == 201
    assert campaigns(client, admin) == 3, "a request without a key creates each time"


def test_a_key_belongs_to_one_request(client: httpx.Client, admin) -> None:
    create(client, admin)
    for other in ({"name": "Summer"}, {"epsilon": 4.5}, {"rounds": 10}):
        refused = create(client, admin, **other)
        assert refused.status_code == 422 and "new key" in refused.json()["detail"]
    path = client.post("/api/v1/campaigns?x=1", json=CAMPAIGN, headers=admin | {"Idempotency-Key": "k1"})
    token = {"name": "ci", "scopes": ["read"]}
    noun = client.post("/api/v1/tokens", json=token, headers=admin | {"Idempotency-Key": "k1"})
    assert path.status_code == noun.status_code == 422 and campaigns(client, admin) == 1


def test_a_refused_request_leaves_its_key_free(client: httpx.Client, admin) -> None:
    assert create(client, admin, kind="no kind").status_code == 422
    assert create(client, admin, settings={"misspelt": 1}).status_code == 422
    assert create(client, admin).status_code == 201
    for key in ("", "x" * 256, "a\tb"):
        assert create(client, admin, key).status_code == 422
    assert create(client, admin, "x" * 255).status_code == 201


def test_a_key_belongs_to_one_credential(client: httpx.Client, admin, code: str) -> None:
    """Two tokens of one name are two credentials, and so is a session."""
    first = create(client, admin)
    new = {"name": "admin", "scopes": ["read", "operate"]}
    second = bearer(client.post("/api/v1/tokens", json=new, headers=admin).json()["secret"])
    assert create(client, second).json()["id"] != first.json()["id"]
    assert join(client, code).status_code == 303
    form = client.get("/campaigns/new?kind=training").text
    csrf = form.partition('name="csrf" value="')[2].partition('"')[0]
    person = {"X-CSRF-Token": csrf}
    mine = create(client, person)
    assert mine.status_code == 201 and create(client, person).content == mine.content
    assert campaigns(client, admin) == 3


def test_a_key_is_kept_for_a_day(client: httpx.Client, admin, clock: Clock, service: Service) -> None:
    first = create(client, admin)
    clock.pass_by(hours=24, seconds=-1)
    assert create(client, admin).json() == first.json()
    clock.pass_by(seconds=1)
    assert create(client, admin).json()["id"] != first.json()["id"]
    assert create(client, admin).headers["idempotency-replayed"] == "true"


def test_maintenance_deletes_old_keys(client: httpx.Client, admin, clock: Clock, service: Service) -> None:
    class NoDriver:
        def close(self) -> None: ...

    engine = CampaignEngine(service, NoDriver())  # type: ignore[arg-type]
    create(client, admin, "old")
    clock.pass_by(hours=12)
    create(client, admin, "new")
    engine.step()
    assert keys(service) == 2
    clock.pass_by(hours=12)
    engine.step()
    assert keys(service) == 1 and create(client, admin, "new").headers["idempotency-replayed"] == "true"


def keys(service: Service) -> int:
    with service.state.reading() as session:
        return session.query(IdempotencyKeyRow).count()


def test_key_and_change_are_one_transaction(client: httpx.Client, admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the key cannot be recorded, nothing was created; and the key is free again."""

    def fails(*_: object) -> None:
        raise RuntimeError("as if killed before the end of the transaction")

    with monkeypatch.context() as patch:
        patch.setattr(OnceRequest, "record", fails)
        assert create(client, admin).status_code == 500
    assert campaigns(client, admin) == 0
    assert create(client, admin).status_code == 201


def test_while_it_is_in_progress(client: httpx.Client, admin, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived, go_on = threading.Event(), threading.Event()
    recorded = OnceRequest.record

    def slowly(*arguments: Any) -> None:
        arrived.set()
        assert go_on.wait(20)
        recorded(*arguments)

    monkeypatch.setattr(OnceRequest, "record", slowly)
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(create(client, admin)))
    thread.start()
    try:
        assert arrived.wait(20)
        busy = create(client, admin)
        assert busy.status_code == 409 and "in progress" in busy.json()["detail"] and busy.headers["retry-after"]
    finally:
        go_on.set()
        thread.join()
    assert answers[0].status_code == 201 and create(client, admin).content == answers[0].content
    assert campaigns(client, admin) == 1


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_another_process_holds_the_key(client: httpx.Client, admin, service: Service) -> None:
    """Two servers share a Postgres database: the key is held there, not in the memory of one of them."""
    secret = secrets.derive(admin["Authorization"].partition(" ")[2], "idempotency k1")
    with service.state.writing() as session:
        assert OnceRequest(secret, "").replay(session, service.clock()) is None
        assert create(client, admin).status_code == 409
    assert create(client, admin).status_code == 201


def test_a_new_token_is_returned_again_and_stands_nowhere(client: httpx.Client, admin, service: Service) -> None:
    new, key = {"name": "ci", "scopes": ["read"]}, {"Idempotency-Key": "of the nightly job"}
    first = client.post("/api/v1/tokens", json=new, headers=admin | key)
    again = client.post("/api/v1/tokens", json=new, headers=admin | key)
    assert again.json() == first.json() and again.headers["idempotency-replayed"] == "true"
    assert len(client.get("/api/v1/tokens", headers=admin).json()["items"]) == 2
    link = client.post("/api/v1/invitations", json={"role": "viewer"}, headers=admin | {"Idempotency-Key": "i"})
    link_again = client.post("/api/v1/invitations", json={"role": "viewer"}, headers=admin | {"Idempotency-Key": "i"})
    assert link_again.json() == link.json()
    with service.state.reading() as session:
        rows = session.query(IdempotencyKeyRow).all()
        stored = b"".join(row.answer + row.key_hash.encode() + row.request_hash.encode() for row in rows)
    assert len(rows) == 2
    for secret in (first.json()["secret"], link.json()["path"].rpartition("/")[2], key["Idempotency-Key"]):
        assert secret.encode() not in stored


def test_a_bundle_is_published_once(client: httpx.Client, admin) -> None:
    headers = admin | {"Content-Type": "application/octet-stream", "Idempotency-Key": "b1"}
    body = bundle_archive.pack(release_samples.files(7))
    first, again = (client.post("/api/v1/bundles?at_once=true", content=body, headers=headers) for _ in range(2))
    assert first.status_code == again.status_code == 201 and again.content == first.content
    assert again.headers["location"] == "/api/v1/releases/7" and again.headers["idempotency-replayed"] == "true"
    assert client.post("/api/v1/bundles?at_once=true", content=body, headers=admin).status_code == 409
    assert client.post("/api/v1/bundles", content=body, headers=headers).status_code == 422


def test_a_bundle_whose_publication_was_interrupted(
    client: httpx.Client, admin, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repetition gets the release as it stands, and the server finishes the rest."""

    def killed(*_: object, **__: object) -> None:
        raise SystemError("as if killed after the first transaction")

    headers = admin | {"Content-Type": "application/octet-stream", "Idempotency-Key": "b1"}
    body = bundle_archive.pack(release_samples.files(7))

    def send() -> httpx.Response:
        return client.post("/api/v1/bundles?at_once=true", content=body, headers=headers)

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "decide", killed)
        assert send().status_code == 500
    again = send()
    assert again.status_code == 201 and again.json()["standing"] == "candidate"
    publishing.resume_interrupted(service)
    assert send().json()["standing"] == "released" and send().headers["idempotency-replayed"] == "true"


def test_what_the_document_says(one_client: httpx.Client) -> None:
    operations = one_client.get("/openapi.json").json()["paths"]
    for path in ("campaigns", "bundles", "tokens", "invitations"):
        parameters = operations[f"/api/v1/{path}"]["post"]["parameters"]
        (key,) = [one for one in parameters if one["name"] == "Idempotency-Key"]
        assert (
            key["in"] == "header"
            and not key["required"]
            and "409" in operations[f"/api/v1/{path}"]["post"]["responses"]
        )
    assert idempotency.KEPT.total_seconds() == 24 * 3600
