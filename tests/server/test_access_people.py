"""People: one-time links, sign-in, sessions, forms of other sites."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select
from support.server import NAME, PASSWORD, Clock, join

from keyart_server.access.throttle import MAX_KEYS, Throttle
from keyart_server.service import Service
from keyart_server.state.tables import InvitationRow, PersonRow, SessionRow

pytestmark = pytest.mark.usefixtures("quick_passwords")

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def csrf_of(client: httpx.Client) -> str:
    (token,) = set(re.findall(r'name="csrf" value="([^"]+)"', client.get("/").text))
    return str(token)


def signed_in(client: httpx.Client) -> bool:
    return client.get("/api/v1/campaigns").status_code == 200


def login(client: httpx.Client, name: str = NAME, password: str = PASSWORD, **more: str) -> httpx.Response:
    return client.post("/login", data={"name": name, "password": password, **more})


def test_a_link_makes_a_person_once(client: httpx.Client, code: str) -> None:
    page = client.get(f"/join/{code}")
    assert page.status_code == 200 and "administrator" in page.text
    joined = join(client, code)
    assert joined.status_code == 303 and joined.headers["location"] == "/"
    cookie = joined.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert signed_in(client) and client.get("/api/v1/people").json()["items"][0]["role"] == "administrator"
    client.cookies.clear()
    assert join(client, code, "Kim").status_code == 404
    assert client.get(f"/join/{code}").status_code == 404
    assert not signed_in(client)


@on_sqlite
def test_a_link_is_not_used_up_by_a_mistake(client: httpx.Client, code: str) -> None:
    for name in ("", "   ", "a\nb", "a\x00", "x" * 121):
        assert join(client, code, name).status_code == 422
    for password in ("", "short", "x" * 201):
        assert join(client, code, password=password).status_code == 422
    assert not signed_in(client)
    assert join(client, code).status_code == 303


def test_a_link_ends(client: httpx.Client, code: str, clock: Clock) -> None:
    clock.pass_by(hours=24)
    assert client.get(f"/join/{code}").status_code == 404 and join(client, code).status_code == 404


def test_names_are_unique_however_they_are_spelt(client: httpx.Client, code: str, admin) -> None:
    join(client, code, "Straße")
    second = client.post("/api/v1/invitations", json={"role": "viewer"}, headers=admin).json()["path"]
    client.cookies.clear()
    taken = join(client, second.rpartition("/")[2], "STRASSE")
    assert taken.status_code == 422 and "is taken" in taken.text
    assert login(client, "STRASSE").status_code == 303


def test_roles(client: httpx.Client, code: str, admin) -> None:
    allowed = {}
    for role in ("viewer", "operator", "administrator"):
        client.cookies.clear()
        path = client.post("/api/v1/invitations", json={"role": role}, headers=admin).json()["path"]
        assert join(client, path.rpartition("/")[2], role).status_code == 303
        headers = {"X-CSRF-Token": csrf_of(client)}
        campaign = {"name": "x", "kind": "training"}
        allowed[role] = [
            client.get("/api/v1/campaigns").status_code,
            client.post("/api/v1/campaigns", json=campaign, headers=headers).status_code,
            client.get("/api/v1/audit").status_code,
        ]
    assert allowed == {"viewer": [200, 403, 403], "operator": [200, 201, 403], "administrator": [200, 201, 200]}


def test_sign_in_and_out(client: httpx.Client, code: str) -> None:
    join(client, code)
    token = csrf_of(client)
    assert "Sign out" in client.get("/").text
    stolen = dict(client.cookies)
    assert client.post("/logout", data={"csrf": token}).status_code == 303
    assert not signed_in(client)
    client.cookies.update(stolen)
    assert not signed_in(client), "the session went on"
    client.cookies.clear()
    assert login(client, password=PASSWORD + "x").status_code == 401
    assert login(client, name="nobody").status_code == 401
    assert login(client, name="ROBIN").status_code == 303
    assert signed_in(client)
    assert set(dict(client.cookies).values()).isdisjoint(stolen.values()), "a sign-in makes a new session"


def test_a_session_ends(client: httpx.Client, code: str, clock: Clock) -> None:
    join(client, code)
    clock.pass_by(hours=12, seconds=-1)
    assert signed_in(client)
    for _ in range(2):
        clock.pass_by(seconds=1)
        assert not signed_in(client)


def test_who_is_removed_is_out_at_once(client: httpx.Client, code: str, admin) -> None:
    join(client, code)
    (person,) = client.get("/api/v1/people", headers=admin).json()["items"]
    assert client.delete(f"/api/v1/people/{person['id']}", headers=admin).status_code == 204
    assert not signed_in(client)
    assert login(client).status_code == 401
    assert "There is no account yet" in client.get("/").text


@on_sqlite
def test_a_sign_in_leads_nowhere_else(client: httpx.Client, code: str) -> None:
    join(client, code)
    for where in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", "x", "/a\r\nb"):
        assert login(client, next=where).headers["location"] == "/"
    assert login(client, next="/campaigns?x=1").headers["location"] == "/campaigns?x=1"


@on_sqlite
def test_csrf(client: httpx.Client, code: str) -> None:
    """The cookie alone changes nothing; with the right token another site's page does not either."""
    join(client, code)
    token = csrf_of(client)
    campaign = {"name": "x", "kind": "training"}

    def post(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post("/api/v1/campaigns", json=campaign, headers=named).status_code

    assert post() == 403
    assert post(X_CSRF_Token="x") == 403
    assert post(X_CSRF_Token=token[:-1]) == 403
    assert post(X_CSRF_Token=token, Sec_Fetch_Site="cross-site") == 403
    assert post(X_CSRF_Token=token, Sec_Fetch_Site="same-site") == 403
    assert post(X_CSRF_Token=token, Origin="https://evil.example") == 403
    assert post(X_CSRF_Token=token, Origin="null") == 403
    assert client.get("/api/v1/campaigns").json()["items"] == []
    assert post(X_CSRF_Token=token, Origin=str(client.base_url).rstrip("/"), Sec_Fetch_Site="same-origin") == 201
    assert client.post("/logout").status_code == 403
    assert client.post("/login", data={"name": "a", "password": "b"}, headers={"Sec-Fetch-Site": "cross-site"}
                       ).status_code == 403  # fmt: skip


@on_sqlite
def test_one_sessions_token_is_not_anothers(client: httpx.Client, code: str) -> None:
    join(client, code)
    first = csrf_of(client)
    login(client)
    assert csrf_of(client) != first
    refused = client.post(
        "/api/v1/campaigns", json={"name": "x", "kind": "training"}, headers={"X-CSRF-Token": first}
    )
    assert refused.status_code == 403


@on_sqlite
def test_guessing_is_slowed_down(client: httpx.Client, code: str, clock: Clock) -> None:
    join(client, code)
    tries = [login(client, password="wrong" * 4).status_code for _ in range(11)]
    assert tries == [401] * 10 + [429] and login(client, "Kim").status_code == 401
    slowed = login(client)
    assert slowed.status_code == 429 and 0 < int(slowed.headers["retry-after"]) <= 901
    clock.pass_by(minutes=15)
    assert login(client).status_code == 303


def test_throttle_counts_an_attempt_from_its_beginning(clock: Clock) -> None:
    throttle = Throttle(timedelta(minutes=1), clock)
    assert [throttle.begin({"a": 2, "b": 3}) for _ in range(3)] == [timedelta(0)] * 2 + [timedelta(minutes=1)]
    assert throttle.begin({"b": 3}) == timedelta(0), "an attempt that was refused counts for nothing"
    throttle.take_back({"a": 2, "b": 3})
    clock.pass_by(seconds=20)
    assert throttle.begin({"a": 2, "b": 3}) == timedelta(0)
    assert throttle.begin({"a": 2}) == timedelta(seconds=40)


def test_throttle_forgets(clock: Clock) -> None:
    throttle = Throttle(timedelta(minutes=1), clock)
    for number in range(MAX_KEYS + 5):
        throttle.begin({str(number): 1})
    throttle.take_back(["0", "never counted"])
    assert throttle.begin({"0": 1}) == timedelta(0) < throttle.begin({str(MAX_KEYS + 4): 1}) == timedelta(minutes=1)
    assert len(throttle._attempts) == MAX_KEYS


def test_no_secret_is_kept(service: Service, client: httpx.Client, code: str) -> None:
    with service.state.reading() as session:
        assert code not in repr([vars(row) for row in session.scalars(select(InvitationRow))])
    join(client, code)
    with service.state.reading() as session:
        rows = [*session.scalars(select(SessionRow)), *session.scalars(select(PersonRow))]
        kept = repr([vars(row) for row in rows])
    assert PASSWORD not in kept and not [value for value in client.cookies.values() if value in kept]
