"""Pages that are made to do something else: scripts in names, frames, redirects, caches, errors that tell much."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
import pytest
from attacks.server.wire import CAMPAIGN, Target, csrf_of
from support.server import NAME, PASSWORD, join

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)", "</p><svg onload=x>",
    "{{ 7 * 7 }}{% raw %}", "javascript:alert(1)", "<!--", "]]>", "&lt;b&gt;", "${7*7}", "\\u003cscript\\u003e",
)  # fmt: skip
SQL = (
    "' OR '1'='1",
    "'; DROP TABLE people; --",
    '" OR 1=1 --',
    "1 UNION SELECT digest FROM tokens",
    "%27 OR 1",
    "\\' --",
)
LEADING = ("href", "src", "action", "formaction", "xlink:href")
SECRETS = re.compile(
    r"Traceback|File \"/|\.py\b|sqlalchemy|psycopg|sqlite|SELECT |keyart_server|\b0x[0-9a-f]{6,}", re.I
)


class Elements(HTMLParser):
    """Every element of a page, with its attributes; the text of no element that a browser would run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def pages(browser: httpx.Client) -> dict[str, str]:
    """Every page that the overview leads to, and what it leads to, by address."""
    read: dict[str, str] = {}
    ahead = ["/"]
    while ahead and len(read) < 100:
        path = ahead.pop()
        if path in read:
            continue
        answer = browser.get(path)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        read[path] = answer.text
        ahead += [link for link in re.findall(r'<a [^>]*href="(/[^"#]*)"', answer.text) if link not in read]
    return read


def runs_something(text: str) -> list[tuple[str, dict[str, str | None]]]:
    """Elements by which somebody else's words would become code; the server's own script comes from /assets."""
    return [
        (tag, attributes)
        for tag, attributes in Elements(text).found
        if (tag == "script" and not re.fullmatch(r"/assets/[\w.]+", attributes.get("src") or ""))
        or tag in ("iframe", "object", "embed", "base", "img")
        or any(name.startswith("on") or name in ("style", "srcdoc") for name in attributes)
        or any(re.match(r"\s*(javascript|data|vbscript):", attributes.get(name) or "", re.I) for name in LEADING)
    ]


def test_scripts_in_every_name_that_is_shown(target: Target) -> None:
    """XSS by names of campaigns, tokens and people, on every page that a link leads to."""
    for hostile in HOSTILE:
        target.client.post("/api/v1/campaigns", json={**CAMPAIGN, "name": hostile}, headers=target.admin)
        target.client.post("/api/v1/tokens", json={"name": hostile, "scopes": ["read"]}, headers=target.admin)
        target.person(hostile, "viewer")
    browser = target.person("<b onclick=alert(1)>Robin")
    shown = pages(browser)
    assert "/" in shown
    for path, text in shown.items():
        assert runs_something(text) == [], path
        assert "<script>alert" not in text and "49" not in re.findall(r">([^<]*)\$?\{?49", text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in "".join(shown.values())


def test_scripts_in_what_is_said_back(target: Target) -> None:
    """Reflected XSS: a wrong name at the sign-in, a page to come back to, a code, an address, a query."""
    target.person()
    for hostile in HOSTILE:
        answers = [
            target.client.post("/login", data={"name": hostile, "password": "x", "next": hostile}),
            target.client.get("/", params={"next": hostile, "q": hostile, "notice": hostile}),
            target.client.get(f"/join/{httpx.URL('/', params={'a': hostile}).query.decode()}"),
            target.client.get(f"/nowhere/{hostile}".replace("/<", "<"), headers={"Accept": "text/html"}),
            target.client.get("/campaigns", params={"state": hostile}, headers={"Accept": "text/html"}),
        ]
        for answer in answers:
            assert runs_something(answer.text) == [], answer.url


def test_scripts_in_an_answer_for_a_machine(shared: Target) -> None:
    """JSON with a script in it, opened in a browser: its type is told, and no browser may guess another."""
    shared.client.post("/api/v1/campaigns", json={**CAMPAIGN, "name": HOSTILE[0]}, headers=shared.admin)
    for path in ("/api/v1/campaigns", "/api/v1/tokens", "/api/v1/audit", "/openapi.json", f"/api/{HOSTILE[0]}"):
        answer = shared.client.get(path, headers={**shared.admin, "Accept": "application/json"})
        assert answer.headers["content-type"] in ("application/json", "application/problem+json")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_in_a_frame(target: Target) -> None:
    """Clickjacking, and scripts or forms from elsewhere: refused by headers on every page and every refusal."""
    browser = target.person()
    for path in (*pages(browser), "/login", "/join/x", "/nowhere"):
        headers = browser.get(path, headers={"Accept": "text/html"}).headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        assert headers["x-frame-options"] == "DENY" and policy["frame-ancestors"] == "'none'"
        assert (
            policy["default-src"] == "'none'" and policy["base-uri"] == "'none'" and policy["form-action"] == "'self'"
        )
        assert policy["script-src"] == "'self'", "no word of a page is ever run"


ELSEWHERE = (
    "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil",
    "javascript:alert(1)", "/%0d%0aSet-Cookie:x=y", "/a\r\nSet-Cookie: x=y", "evil.example", "///evil.example",
    "/\\/evil.example", "http:evil.example", "/\u2028x", " //evil.example", "\x00//evil.example", "/x" * 300,
)  # fmt: skip


def test_a_sign_in_that_leads_elsewhere(target: Target) -> None:
    """Open redirect and header injection by the page to come back to."""
    target.person()
    for where in ELSEWHERE:
        answer = target.browser().post("/login", data={"name": NAME, "password": PASSWORD, "next": where})
        assert answer.status_code in (303, 422), where
        place = answer.headers.get("location", "/")
        assert place.startswith("/") and place[1:2] not in ("/", "\\"), where
        assert httpx.URL(target.address).join(place).host == target.place[0], where
        assert all(cookie.startswith("keyart=") for cookie in answer.headers.get_list("set-cookie")), where


def test_line_breaks_in_a_header(target: Target) -> None:
    """Header injection by names, codes and addresses: no header is ever made of them."""
    browser = target.person()
    for breaks in ("%0d%0aX-Evil:%201", "%0aX-Evil:%201", "%0d%0a%0d%0a<html>", "%E5%98%8A%E5%98%8DX-Evil:1"):
        for path in (f"/join/{breaks}", f"/api/v1/campaigns/{breaks}", f"/{breaks}", f"/tuf/metadata/{breaks}"):
            answer = browser.get(path)
            assert "x-evil" not in answer.headers and answer.status_code in (401, 404, 422)


def test_a_private_page_in_a_cache(target: Target) -> None:
    """Pages and answers for who is known are stored nowhere: not after signing out, nor by a proxy on the way."""
    browser = target.person()
    for path in (
        *pages(browser),
        "/api/v1/campaigns",
        "/api/v1/people",
        "/api/v1/audit",
        "/api/v1/tokens",
        "/login",
        "/join/x",
    ):
        assert "no-store" in browser.get(path).headers["cache-control"], path


def test_a_private_page_that_looks_like_a_file(target: Target) -> None:
    """Web cache deception: an address with the name of a public file behind it is no page."""
    browser = target.person()
    cookie = f"keyart={browser.cookies['keyart']}"
    assert NAME in target.raw("/api/v1/people", Cookie=cookie).text
    for path in (
        "/api/v1/people/x.css", "/api/v1/campaigns.css", "/api/v1/people;x.js", "/api/v1/people%00.css",
        "/api/v1/people%2fx.css",
        "/.css", "/tuf/metadata/..%2f..%2fapi%2fv1%2fpeople",
        "/assets/../api/v1/people", "/assets/..%2fapi%2fv1%2fpeople",
    ):  # fmt: skip
        answer = target.raw(path, Cookie=cookie)
        assert answer.status_code in (404, 405) and NAME not in answer.text, path


def test_an_answer_that_another_site_reads(target: Target) -> None:
    """CORS: no origin is ever let in, with or without credentials, and no preflight is answered with yes."""
    browser = target.person()
    for origin in ("https://evil.example", "null", target.address):
        for method in ("GET", "OPTIONS"):
            answer = browser.request(method, "/api/v1/campaigns", headers={
                "Origin": origin, "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "x-csrf-token",
            })  # fmt: skip
            assert not [name for name in answer.headers if name.startswith("access-control-")]
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("hostile", SQL)
def test_sql_in_every_parameter(shared: Target, hostile: str) -> None:
    """SQL in names, codes, ids, queries, cookies and tokens: it is stored or refused as it is, and nothing runs."""
    before = shared.client.get("/api/v1/tokens", headers=shared.admin).json()["items"]
    client = shared.client
    for path in (
        "/api/v1/campaigns/{}",
        "/api/v1/campaigns/{}/start",
        "/api/v1/tokens/{}",
        "/api/v1/people/{}",
        "/join/{}",
    ):
        for method in ("GET", "POST", "DELETE"):
            answer = client.request(method, path.format(hostile), headers=shared.admin)
            assert answer.status_code in (404, 405, 422)
    for query in ({"state": hostile}, {"limit": hostile}, {"before": hostile}):
        for path in ("/api/v1/campaigns", "/api/v1/audit"):
            assert client.get(path, params=query, headers=shared.admin).status_code in (200, 422)
    assert client.post("/login", data={"name": hostile, "password": hostile}).status_code == 401
    for headers in ({"Authorization": f"Bearer {hostile}"}, {"Cookie": f"keyart={hostile}"}):
        assert client.get("/api/v1/campaigns", headers=headers).status_code == 401
    made = client.post("/api/v1/campaigns", json={**CAMPAIGN, "name": hostile}, headers=shared.admin)
    assert made.status_code == 201 and made.json()["name"] == hostile
    assert client.get("/api/v1/tokens", headers=shared.admin).json()["items"] == before


def test_errors_that_tell_too_much(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure inside tells nothing outside: no file, no statement, no type, no version, as JSON and as a page."""
    browser = target.person()

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("the secret is hunter2 in /etc/keyart/secret.py")

    for name in ("list_all", "list_page"):
        monkeypatch.setattr(f"keyart_server.campaigns.campaign_store.{name}", fails)
    for answer in (browser.get("/api/v1/campaigns"), browser.get("/", headers={"Accept": "text/html"})):
        assert answer.status_code == 500
        assert "hunter2" not in answer.text and not SECRETS.search(answer.text)
        assert not {"server", "x-powered-by"} & set(answer.headers)


def test_refusals_that_tell_too_much(shared: Target) -> None:
    """No refusal of a broken request repeats it, or tells how the server is built."""
    client, secret = shared.client, "hunter2"
    for answer in (
        client.post("/api/v1/campaigns", json={"name": secret, "kind": secret}, headers=shared.admin),
        client.post("/api/v1/campaigns", content=b'{"name": "hunter2', headers=shared.admin),
        client.post("/api/v1/campaigns", json=[secret], headers=shared.admin),
        client.get(f"/api/v1/campaigns/{secret}", headers=shared.admin),
        client.get("/api/v1/audit", params={"limit": secret}, headers=shared.admin),
        client.post("/login", data={"name": "x" * 500, "password": secret}),
        client.get(f"/{secret}"),
        client.request(secret.upper(), "/"),
    ):
        assert 400 <= answer.status_code < 500
        assert secret not in answer.text and not SECRETS.search(answer.text)


def test_one_time_links_in_a_referrer(target: Target) -> None:
    """The code of a one-time link goes to no other site, and into no log or metric."""
    path = target.client.post("/api/v1/invitations", json={"role": "viewer"}, headers=target.admin).json()["path"]
    page = target.client.get(path)
    assert page.headers["referrer-policy"] == "same-origin"
    assert all(link.startswith(("/", "#")) for link in re.findall(r'(?:href|src|action)="([^"]*)"', page.text))
    assert path.rpartition("/")[2] not in target.client.get("/metrics").text


def test_a_form_token_that_can_be_guessed(target: Target) -> None:
    """The form token does not lead back to the session, and is another one each time."""
    first, second = target.person("Robin"), target.person("Kim")
    tokens = {csrf_of(first), csrf_of(second)}
    assert len(tokens) == 2 and all(len(token) >= 43 for token in tokens)
    assert not tokens & {*first.cookies.values(), *second.cookies.values()}
    assert csrf_of(first) in tokens
    assert join(target.browser(), next(iter(tokens))).status_code == 404
