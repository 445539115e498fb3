"""Somebody else's session: forms of other sites, cookies, one-time links used twice, passwords guessed."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from attacks.server.wire import CAMPAIGN, Target, attacked, csrf_of, postgres
from starlette.responses import Response
from support.server import NAME, PASSWORD, Clock, join

from keyart_server.access import Guard
from keyart_server.monitoring.metrics import Metrics


def create(browser: httpx.Client, **headers: str) -> int:
    """The status of a change by this browser; `_` stands for `-` in a header's name."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return browser.post("/api/v1/campaigns", json=CAMPAIGN, headers=named).status_code


def login(browser: httpx.Client, name: str = NAME, password: str = PASSWORD, **more: str) -> httpx.Response:
    return browser.post("/login", data={"name": name, "password": password, **more})


def forms_of(browser: httpx.Client) -> list[str]:
    """Addresses that the pages post to."""
    return sorted(set(re.findall(r'<form[^>]* action="([^"]+)"', browser.get("/").text)))


def test_a_form_of_another_site(target: Target) -> None:
    """CSRF: the browser sends the cookie along, and the other site knows no form token."""
    browser = target.person()
    assert [create(browser), create(browser, X_CSRF_Token="x"), create(browser, X_CSRF_Token="")] == [403] * 3
    token = csrf_of(browser)
    assert [create(browser, X_CSRF_Token=wrong) for wrong in (token[:-1], token + "x", token.swapcase())] == [403] * 3
    for path in forms_of(browser):
        assert browser.post(path, data={"csrf": "x"}).status_code == 403
    assert target.campaigns() == []


def test_a_form_of_another_site_that_knows_the_token(target: Target) -> None:
    """CSRF with a form token that leaked: the browser says where the form came from."""
    browser = target.person()
    token = csrf_of(browser)
    for origin in ("https://evil.example", "null", "http://127.0.0.1", "http://localhost:1", "", "x",
                   f"{target.address}.evil.example", f"{target.address}@evil.example"):  # fmt: skip
        assert create(browser, X_CSRF_Token=token, Origin=origin) == 403, origin
    for site in ("cross-site", "same-site", "", "x"):
        assert create(browser, X_CSRF_Token=token, Sec_Fetch_Site=site) == 403, site
    assert target.campaigns() == []


def test_a_form_token_of_another_session(target: Target) -> None:
    """CSRF with the attacker's own token, or one of the victim's own earlier session."""
    victim, attacker = target.person("Robin"), target.person("Mallory", "viewer")
    earlier = csrf_of(victim)
    assert create(victim, X_CSRF_Token=csrf_of(attacker)) == 403
    login(victim)
    assert create(victim, X_CSRF_Token=earlier) == 403
    assert create(victim, X_CSRF_Token=csrf_of(victim)) == 201


def test_a_form_token_in_the_address_or_a_cookie(target: Target) -> None:
    """CSRF tokens count in a header or a form's own field, nowhere that another site can fill in."""
    browser = target.person()
    token = csrf_of(browser)
    assert browser.post(f"/api/v1/campaigns?csrf={token}", json=CAMPAIGN).status_code == 403
    assert browser.post(f"/logout?csrf={token}").status_code == 403
    assert browser.post("/api/v1/campaigns", json={**CAMPAIGN, "csrf": token}).status_code == 403
    browser.cookies.set("csrf", token)
    assert create(browser) == 403 and browser.get("/api/v1/campaigns").status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=b", "application/xml", "", "application/json;charset=utf-7"]
)
def test_a_body_that_says_it_is_something_else(target: Target, kind: str) -> None:
    """Content-type confusion: another site may send these without asking first, and they carry no token.

    A form with a file is multipart, and its token counts; so there it is the token of another session.
    """
    browser = target.person()
    token = csrf_of(target.person("Sasha") if kind.startswith("multipart/") else browser)
    bodies = (
        b'{"name": "x", "kind": "training"}',
        b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n' + token.encode() + b"\r\n--b--\r\n",
    )
    for body in bodies:
        assert browser.post("/api/v1/campaigns", content=body, headers={"Content-Type": kind}).status_code == 403
        assert browser.post("/logout", content=body, headers={"Content-Type": kind}).status_code == 403
    assert target.campaigns() == []


def test_a_machine_s_json_in_another_coat(target: Target) -> None:
    """Content-type confusion with a valid token: only JSON is read as JSON."""
    body = b'{"name": "x", "kind": "training"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "image/png"):
        answer = target.client.post("/api/v1/campaigns", content=body, headers={**target.admin, "Content-Type": kind})
        assert answer.status_code == 422, kind
    assert target.campaigns() == []


def test_a_link_that_changes_something(target: Target) -> None:
    """A GET or HEAD by an image of another site: no address changes anything."""
    browser = target.person()
    before = target.audit()
    document = target.client.get("/openapi.json").json()
    paths = [re.sub(r"\{\w+\}", "0123456789abcdef", path) for path in document["paths"]]
    for path in [*paths, *forms_of(browser), "/", "/login", "/join/x"]:
        for method in ("GET", "HEAD"):
            browser.request(method, path, headers={"Sec-Fetch-Site": "cross-site"})
            query = urlencode({**CAMPAIGN, "csrf": csrf_of(browser)})
            browser.request(method, f"{path}?{query}", headers={"Sec-Fetch-Site": "cross-site"})
    assert target.audit() == before
    assert browser.get("/api/v1/campaigns").status_code == 200, "and nobody was signed out"


def test_signing_somebody_in_as_somebody_else(target: Target) -> None:
    """Login CSRF: a form of another site that signs its visitor in as the attacker, or joins for them."""
    target.person()
    link = target.client.post("/api/v1/invitations", json={"role": "viewer"}, headers=target.admin).json()["path"]
    form = {"name": NAME, "password": PASSWORD}
    for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        for path in ("/login", link):
            answer = target.browser(**foreign).post(path, data=form)
            assert answer.status_code == 403 and "set-cookie" not in answer.headers


def test_a_cookie_after_signing_out(target: Target) -> None:
    """A stolen cookie, after its owner has signed out."""
    browser = target.person()
    stolen = dict(browser.cookies)
    assert browser.post("/logout", data={"csrf": csrf_of(browser)}).status_code == 303
    thief = target.browser()
    thief.cookies.update(stolen)
    assert thief.get("/api/v1/campaigns").status_code == 401


def test_a_cookie_after_its_owner_was_removed(target: Target) -> None:
    """The session and the password of somebody who was removed, and of a new person of the same name."""
    browser = target.person("Mallory")
    (person,) = target.client.get("/api/v1/people", headers=target.admin).json()["items"]
    assert target.client.delete(f"/api/v1/people/{person['id']}", headers=target.admin).status_code == 204
    assert browser.get("/api/v1/campaigns").status_code == 401
    assert create(browser, X_CSRF_Token="x") == 401
    assert login(target.browser(), "Mallory").status_code == 401
    target.person("Mallory", "viewer")
    assert browser.get("/api/v1/campaigns").status_code == 401


def test_a_cookie_that_is_too_old(target: Target, clock: Clock) -> None:
    """A stale session: using it does not make it last."""
    browser = target.person()
    for _ in range(11):
        clock.pass_by(hours=1)
        assert browser.get("/api/v1/campaigns").status_code == 200
    clock.pass_by(hours=1)
    assert browser.get("/api/v1/campaigns").status_code == 401


def test_a_cookie_that_was_set_before_the_sign_in(target: Target) -> None:
    """Session fixation: a cookie that the attacker has planted is not the one that gets signed in."""
    target.person()
    victim = target.browser()
    planted = "A" * 43
    victim.cookies.set("keyart", planted, domain=target.place[0])
    cookie = login(victim).headers["set-cookie"]
    assert planted not in cookie and re.match(r"keyart=[\w-]{43};", cookie)
    thief = target.browser()
    thief.cookies.set("keyart", planted)
    assert thief.get("/api/v1/campaigns").status_code == 401


def test_a_script_that_reads_the_cookie(target: Target) -> None:
    """Cookie flags: HttpOnly, SameSite=Strict, for the whole host and no other, by name bound to it under TLS."""
    path = target.client.post("/api/v1/invitations", json={"role": "viewer"}, headers=target.admin).json()["path"]
    cookie = join(target.browser(), path.rpartition("/")[2]).headers["set-cookie"]
    flags = {part.strip() for part in cookie.split(";")[1:]}
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= flags and not any(f.startswith("Domain") for f in flags)
    response = Response()
    Guard(target.service.state, target.service.clock, secure=True, metrics=Metrics("1")).sign_in(response, "x")
    assert response.headers["set-cookie"].startswith("__Host-keyart=") and "Secure" in response.headers["set-cookie"]


def test_a_one_time_link_twice(target: Target) -> None:
    """Replay: the same link by a second person, and by the first one again."""
    path = target.client.post("/api/v1/invitations", json={"role": "administrator"}, headers=target.admin).json()[
        "path"
    ]
    code = path.rpartition("/")[2]
    assert join(target.browser(), code).status_code == 303
    for name in ("Mallory", NAME):
        answer = join(target.browser(), code, name)
        assert answer.status_code == 404 and "set-cookie" not in answer.headers
    assert [one["name"] for one in target.client.get("/api/v1/people", headers=target.admin).json()["items"]] == [
        NAME
    ]


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_race_for_a_one_time_link(tmp_path: Path, clock: Clock, database: str) -> None:
    """Eight at the same moment with one link: one comes in."""
    with ExitStack() as stack:
        url = stack.enter_context(postgres()) if database == "postgres" else None
        target = stack.enter_context(attacked(tmp_path, clock, database_url=url))
        for turn in range(4):
            new = target.client.post(
                "/api/v1/invitations", json={"role": "administrator"}, headers=target.admin
            ).json()
            browsers = [target.browser() for _ in range(8)]
            code = new["path"].rpartition("/")[2]
            with ThreadPoolExecutor(8) as pool:
                joined = list(pool.map(lambda i: join(browsers[i], code, f"Person {turn} {i}"), range(8)))  # noqa: B023
            assert sorted(answer.status_code for answer in joined)[0] == 303
            assert sum("set-cookie" in answer.headers for answer in joined) == 1
            assert len(target.client.get("/api/v1/people", headers=target.admin).json()["items"]) == turn + 1


def test_a_race_for_a_name(target: Target) -> None:
    """Two links at the same moment for one name, however it is spelt: one comes in, nobody gets the other's place."""
    links = [
        target.client.post("/api/v1/invitations", json={"role": "viewer"}, headers=target.admin).json()["path"]
        for _ in range(6)
    ]
    browsers = [target.browser() for _ in links]
    names = ("Robin", "ROBIN", "robin", "RoBiN", "rOBIN", "ROBiN")
    with ThreadPoolExecutor(6) as pool:
        joined = list(pool.map(lambda i: join(browsers[i], links[i].rpartition("/")[2], names[i]), range(6)))
    assert sorted(answer.status_code for answer in joined) == [303] + [422] * 5
    assert len(target.client.get("/api/v1/people", headers=target.admin).json()["items"]) == 1


def test_a_link_after_its_day(target: Target, clock: Clock) -> None:
    """An invitation that was found in an old letter."""
    path = target.client.post("/api/v1/invitations", json={"role": "administrator"}, headers=target.admin).json()[
        "path"
    ]
    clock.pass_by(hours=24)
    assert target.client.get(path).status_code == 404
    assert join(target.browser(), path.rpartition("/")[2]).status_code == 404


def test_names_that_look_alike_or_cannot_be_shown(target: Target) -> None:
    """Unicode and NUL: invisible letters, line breaks, other directions of writing, what the database would cut."""
    path = target.client.post("/api/v1/invitations", json={"role": "viewer"}, headers=target.admin).json()["path"]
    for name in (
        "a\0b",
        "a\nb",
        "a\r\nSet-Cookie: x=y",
        "Robin\u202egod",
        "Ro\u200bbin",
        "\ufeffRobin",
        "x" * 121,
        " ",
    ):
        assert join(target.browser(), path.rpartition("/")[2], name).status_code == 422, repr(name)
        issued = target.client.post("/api/v1/tokens", json={"name": name, "scopes": ["read"]}, headers=target.admin)
        assert issued.status_code == 422, repr(name)
        campaign = target.client.post("/api/v1/campaigns", json={**CAMPAIGN, "name": name}, headers=target.admin)
        assert campaign.status_code == 422, repr(name)
        assert login(target.browser(), name).status_code in (401, 422)
