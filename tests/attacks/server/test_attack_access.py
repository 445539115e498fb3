"""Who comes in without a right: no token, the wrong one, a stale one, one of another scope or role."""

from __future__ import annotations

import base64
import re
import statistics
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from attacks.server.wire import CAMPAIGN, Target, csrf_of
from support.server import Clock, bearer

ID = "0123456789abcdef"

CHANGES_NOTHING = {"/api/v1/feasibility"}  # a POST that judges settings and creates nothing


def routes(target: Target, but: str = "^/(healthz|readyz|metrics|tuf/|device/|issuer/)") -> list[tuple[str, str]]:
    """Method and path of each address of the API that is for somebody who is known."""
    document = target.client.get("/openapi.json").json()
    found = [
        (method, re.sub(r"\{\w+\}", ID, path))
        for path, methods in document["paths"].items()
        if not re.match(but, path)
        for method in methods
    ]
    assert len(found) >= 12
    return found


def test_no_token(shared: Target) -> None:
    """Every address of the API without any credential."""
    for method, path in routes(shared):
        assert shared.client.request(method, path).status_code == 401, f"{method} {path}"


def test_a_cookie_that_was_made_up(shared: Target) -> None:
    """Every address of the API with a cookie of the right name and shape, and with its `__Host-` twin."""
    made_up = "A" * 43
    for method, path in routes(shared):
        for name in ("keyart", "__Host-keyart"):
            answer = shared.client.request(method, path, headers={"Cookie": f"{name}={made_up}"})
            assert answer.status_code == 401, f"{method} {path}"


def test_credentials_of_other_kinds(shared: Target) -> None:
    """The right secret in the wrong scheme, place or spelling."""
    secret = shared.admin["Authorization"].split()[1]
    encoded = base64.b64encode(f"admin:{secret}".encode()).decode()
    for headers in (
        {"Authorization": f"Basic {encoded}"},
        {"Authorization": f"Token {secret}"},
        {"Authorization": f"Bearer,{secret}"},
        {"Authorization": secret},
        {"Authorization": f"Bearer {secret[7:]}"},
        {"Authorization": f"Bearer {secret.upper()}"},
        {"Authorization": f"Bearer {secret} x"},
        {"Cookie": f"keyart={secret}"},
        {"X-Authorization": f"Bearer {secret}"},
        {"Proxy-Authorization": f"Bearer {secret}"},
    ):
        assert shared.client.get("/api/v1/campaigns", headers=headers).status_code == 401, headers
    for query in (f"access_token={secret}", f"token={secret}", f"authorization=Bearer%20{secret}"):
        assert shared.client.get(f"/api/v1/campaigns?{query}").status_code == 401


def test_two_authorization_headers(shared: Target) -> None:
    """A valid token hidden behind one that is none, and the other way round: never more than one is looked at."""
    good, bad = shared.admin["Authorization"].encode(), b"Bearer x"
    first = shared.statuses(
        b"GET /api/v1/people HTTP/1.1\r\nHost: localhost\r\nAuthorization: %b\r\nAuthorization: %b\r\n\r\n"
        % (bad, good)
    )
    assert first[0] == 401


def test_the_hash_of_a_token_is_no_token(shared: Target) -> None:
    """What stands in a stolen copy of the database, tried as a token and as a cookie."""
    from sqlalchemy import select

    from keyart_server.state.tables import TokenRow

    with shared.service.state.reading() as session:
        digests = list(session.scalars(select(TokenRow.digest)))
    assert digests
    for digest in digests:
        for headers in (bearer(digest), bearer(f"keyart_{digest}"), {"Cookie": f"keyart={digest}"}):
            assert shared.client.get("/api/v1/campaigns", headers=headers).status_code == 401


def test_a_stale_token(target: Target, clock: Clock) -> None:
    """A token at the second of its end, and long after."""
    token = target.token("read", days=2)
    clock.pass_by(days=2)
    for _ in range(2):
        assert target.client.get("/api/v1/campaigns", headers=token).status_code == 401
        clock.pass_by(days=300)


def test_a_token_that_was_revoked(target: Target) -> None:
    """A token in the very next request after it was revoked, on a connection that is still open."""
    token = target.token("read", "operate")
    assert target.client.get("/api/v1/campaigns", headers=token).status_code == 200
    (issued,) = [
        one
        for one in target.client.get("/api/v1/tokens", headers=target.admin).json()["items"]
        if one["name"] != "admin"
    ]
    assert target.client.delete(f"/api/v1/tokens/{issued['id']}", headers=target.admin).status_code == 204
    assert target.client.get("/api/v1/campaigns", headers=token).status_code == 401
    assert target.client.post("/api/v1/campaigns", json=CAMPAIGN, headers=token).status_code == 401


def test_a_reader_changes_something(shared: Target) -> None:
    """A token that may only read, on every address that changes something."""
    token = shared.token("read")
    for method, path in routes(shared):
        if method != "get" and path not in CHANGES_NOTHING:
            assert shared.client.request(method, path, headers=token).status_code == 403, f"{method} {path}"
    assert shared.client.post("/api/v1/campaigns", json=CAMPAIGN, headers=token).status_code == 403


def test_a_token_that_operates_makes_itself_more(shared: Target) -> None:
    """A machine that may operate issues itself a token, an invitation, or reads the audit log."""
    token = shared.token("operate", "read")
    for path, body in (
        ("/api/v1/tokens", {"name": "x", "scopes": ["administer"]}),
        ("/api/v1/invitations", {"role": "administrator"}),
    ):
        assert shared.client.post(path, json=body, headers=token).status_code == 403
    for path in ("/api/v1/tokens", "/api/v1/people", "/api/v1/audit", "/api/v1/audit/check"):
        assert shared.client.get(path, headers=token).status_code == 403


def test_a_viewer_operates(target: Target) -> None:
    """A person who may look, with a right form token, at every form and address that changes something."""
    browser = target.person("Kim", "viewer")
    headers = {"X-CSRF-Token": csrf_of(browser)}
    for method, path in routes(target):
        if method != "get" and path not in CHANGES_NOTHING:
            answer = browser.request(method, path, headers=headers)
            assert answer.status_code == 403 and "lacks the scope" in answer.json()["detail"], f"{method} {path}"
    assert target.campaigns() == []


def test_an_operator_administers(target: Target) -> None:
    """A person who may operate invites an administrator, removes one, or issues a token."""
    browser = target.person("Kim", "operator")
    headers = {"X-CSRF-Token": csrf_of(browser)}
    (person,) = target.client.get("/api/v1/people", headers=target.admin).json()["items"]
    assert browser.post("/api/v1/invitations", json={"role": "administrator"}, headers=headers).status_code == 403
    assert browser.delete(f"/api/v1/people/{person['id']}", headers=headers).status_code == 403
    assert browser.post("/api/v1/tokens", json={"name": "x", "scopes": ["read"]}, headers=headers).status_code == 403


def test_a_role_that_is_asked_for_at_the_door(target: Target) -> None:
    """Who joins as viewer sends another role along: in the form, the address, a header and a cookie."""
    path = target.client.post("/api/v1/invitations", json={"role": "viewer"}, headers=target.admin).json()["path"]
    browser = target.browser(**{"X-Role": "administrator"})
    browser.cookies.set("role", "administrator")
    form = {"name": "Kim", "password": "a long password 7", "role": "administrator", "scopes": "administer"}
    assert browser.post(f"{path}?role=administrator", data=form).status_code == 303
    assert browser.get("/api/v1/people").status_code == 403
    assert [one["role"] for one in target.client.get("/api/v1/people", headers=target.admin).json()["items"]] == [
        "viewer"
    ]


def test_fields_that_nobody_asked_for(shared: Target) -> None:
    """Mass assignment: `id`, `state`, `created` of a campaign, `expires` of a token."""
    for path, body in (
        ("/api/v1/campaigns", {**CAMPAIGN, "id": ID}),
        ("/api/v1/campaigns", {**CAMPAIGN, "state": "running"}),
        ("/api/v1/campaigns", {**CAMPAIGN, "created": "2000-01-01T00:00:00Z"}),
        ("/api/v1/tokens", {"name": "x", "scopes": ["read"], "expires": "2999-01-01T00:00:00Z"}),
        ("/api/v1/invitations", {"role": "viewer", "code": "mine"}),
    ):
        assert shared.client.post(path, json=body, headers=shared.admin).status_code == 422


def test_a_token_for_ever(shared: Target) -> None:
    """A token without an end, by a number of days that is too large, negative, infinite or a word."""
    for days in (731, 10**30, -1, 0, 1e308, "inf", None):
        body = {"name": "x", "scopes": ["read"], "days": days}
        assert shared.client.post("/api/v1/tokens", json=body, headers=shared.admin).status_code == 422


def test_a_method_that_is_only_claimed(target: Target) -> None:
    """A harmless GET or POST that claims to be another method, by header, query and form."""
    (token,) = target.client.get("/api/v1/tokens", headers=target.admin).json()["items"]
    browser = target.person()
    overrides = {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE", "X-Method-Override": "DELETE"}
    path = f"/api/v1/tokens/{token['id']}?_method=DELETE"
    for method in ("GET", "POST"):
        answer = browser.request(method, path, headers={**overrides, "X-CSRF-Token": csrf_of(browser)})
        assert answer.status_code == 405
    assert browser.post("/api/v1/campaigns", data={"_method": "GET"}).status_code == 403
    assert target.client.get("/api/v1/tokens", headers=target.admin).status_code == 200


def test_a_machine_s_token_beside_a_person_s_cookie(target: Target) -> None:
    """Both at once: the token alone counts, so a weak token gains nothing, and a bad one does not fall back."""
    browser = target.person()
    headers = {"X-CSRF-Token": csrf_of(browser)}
    assert (
        browser.post("/api/v1/campaigns", json=CAMPAIGN, headers={**headers, **target.token("read")}).status_code
        == 403
    )
    assert browser.get("/api/v1/people", headers={**headers, **target.token("operate")}).status_code == 403
    assert browser.get("/api/v1/people", headers={**headers, **bearer("keyart_wrong")}).status_code == 401
    assert browser.get("/api/v1/people", headers={**headers, "Authorization": "Basic eDp5"}).status_code == 401


def ratio(one: Callable[[], object], other: Callable[[], object], times: int) -> float:
    """How much longer the median of `one` takes, measured in turns so that both meet the same machine."""
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(2 * times):
        began = time.perf_counter()
        (one, other)[number % 2]()
        spent[number % 2].append(time.perf_counter() - began)
    return statistics.median(spent[0]) / statistics.median(spent[1])


def even(one: Callable[[], object], other: Callable[[], object], times: int) -> bool:
    """Whether neither takes longer; a machine that is busy is asked again."""
    return any(0.85 < ratio(one, other, times) < 1.18 for _ in range(4))


def test_the_time_of_the_token_check(shared: Target) -> None:
    """A token wrong at its first letter against one wrong at its last: the time tells neither."""
    secret = shared.admin["Authorization"].split()[1]
    early, late = f"X{secret[1:]}", f"{secret[:-1]}{'A' if secret[-1] != 'A' else 'B'}"

    def asks(token: str) -> Callable[[], httpx.Response]:
        return lambda: shared.client.get("/api/v1/campaigns", headers=bearer(token))

    assert asks(early)().status_code == asks(late)().status_code == 401
    assert even(asks(early), asks(late), 150)


@pytest.mark.slow
def test_the_time_of_a_sign_in(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is known against one that is not, with a wrong password: status, page and time are the same."""
    import argon2

    from keyart_server.access import passwords, people

    quick = argon2.PasswordHasher(time_cost=2, memory_cost=1024, parallelism=1)
    monkeypatch.setattr(passwords, "HASHER", quick)  # so that skipping it would show
    people.dummy_password_hash.cache_clear()
    monkeypatch.setattr("keyart_server.access.throttle.Throttle.begin", lambda *_: timedelta(0))
    target.person("Robin")

    def asks(name: str) -> httpx.Response:
        return target.client.post("/login", data={"name": name, "password": "a wrong password"})

    known, unknown = asks("Robin"), asks("Ribon")
    assert known.status_code == unknown.status_code == 401
    assert known.text.replace("Robin", "") == unknown.text.replace("Ribon", "")
    assert even(lambda: asks("Robin"), lambda: asks("Ribon"), 40)
