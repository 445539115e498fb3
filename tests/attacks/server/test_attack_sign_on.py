"""Attacks on single sign-on: a provider, a person or another page that lies."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from attacks.server.wire import Target, attacked
from support.oidc_provider import CLIENT_ID, CLIENT_SECRET, RunningProvider, provider_running
from support.server import PASSWORD, Seconds
from support.server import running as command_running

from keyart.errors import SettingError
from keyart_server.access.id_token import IdTokenRefused, SigningKeyUnknown
from keyart_server.access.identity_settings import IdentitySettings, OidcSettings
from keyart_server.access.oidc_provider import OidcProvider
from keyart_server.clock import now


@pytest.fixture(scope="module")
def running() -> Iterator[RunningProvider]:
    with provider_running() as made:
        yield made


@pytest.fixture
def provider(running: RunningProvider) -> RunningProvider:
    running.control()
    return running


def settings_of(issuer: str, folder: Path, **more) -> OidcSettings:
    secret = folder / "oidc.secret"
    secret.write_text(CLIENT_SECRET + "\n")
    groups = {"viewer": frozenset({"staff"}), "operator": frozenset({"ml"}), "administrator": frozenset({"root"})}
    return OidcSettings(issuer, CLIENT_ID, secret, groups, **more)  # type: ignore[arg-type]


@pytest.fixture
def target(provider: RunningProvider, tmp_path: Path) -> Iterator[Target]:
    with attacked(tmp_path, identity=IdentitySettings(settings_of(provider.issuer, tmp_path))) as made:
        yield made


@pytest.fixture(scope="module")
def standing(running: RunningProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server for attacks that leave nothing behind but accounts."""
    folder = tmp_path_factory.mktemp("standing")
    with attacked(folder, identity=IdentitySettings(settings_of(running.issuer, folder))) as made:
        yield made


def is_in(browser: httpx.Client) -> bool:
    return browser.get("/api/v1/campaigns").status_code == 200


def roles(target: Target) -> dict[str, str]:
    return {
        person["name"]: person["role"]
        for person in target.client.get("/api/v1/people", headers=target.admin).json()["items"]
    }


def test_the_honest_way(target: Target, provider: RunningProvider) -> None:
    """What the attacks below change in one point."""
    browser = target.browser()
    page = browser.get("/campaigns")
    assert page.status_code == 401 and "/login/oidc?next=%2Fcampaigns" in page.text
    signed_in = provider.sign_on(browser, "/campaigns?state=running")
    assert signed_in.status_code == 200 and 'content="0;url=/campaigns?state=running"' in signed_in.text
    (cookie,) = [c for c in signed_in.headers.get_list("set-cookie") if c.startswith("keyart=")]
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert is_in(browser) and roles(target) == {"robin": "viewer"}
    assert target.audit()[:2] == ["session.begin", "person.join"]
    assert provider.sign_on(target.browser()).status_code == 200
    assert roles(target) == {"robin": "viewer"}, "the same identity has the same account"


@pytest.mark.parametrize(
    "lie",
    [
        {"forge": "none"},
        {"forge": "hmac"},
        {"forge": "stranger"},
        {"claims": {"aud": "another-client"}},
        {"claims": {"aud": [CLIENT_ID, "another-client"]}},
        {"claims": {"azp": "another-client"}},
        {"claims": {"aud": None}},
        {"claims": {"iss": "https://login.example"}},
        {"claims": {"iss": None}},
        {"claims": {"nonce": "that of another session"}},
        {"claims": {"nonce": None}},
        {"claims": {"exp": int(time.time()) - 120}},
        {"claims": {"exp": None}},
        {"claims": {"exp": "tomorrow"}},
        {"claims": {"iat": int(time.time()) + 3600}},
        {"claims": {"iat": int(time.time()) - 3600}},
        {"claims": {"iat": None}},
        {"claims": {"sub": None}},
        {"claims": {"sub": ""}},
        {"claims": {"sub": 7}},
        {"claims": {"sub": "x" * 256}},
    ],
    ids=str,
)
def test_no_such_id_token_is_accepted(standing: Target, provider: RunningProvider, lie) -> None:
    before = roles(standing)
    provider.control(**lie)
    browser = standing.browser()
    refused = provider.sign_on(browser)
    assert refused.status_code == 401 and "begin again" in refused.text
    assert not is_in(browser) and roles(standing) == before


def test_a_code_is_used_once(target: Target, provider: RunningProvider) -> None:
    """By the provider; and where the provider is careless, by this server, too."""
    for careless in (False, True):
        provider.control(reuse_codes=careless)
        browser = target.browser()
        back = provider.leave(browser)
        cookies = dict(browser.cookies)
        assert browser.get(back).status_code == 200
        thief = target.browser()
        thief.cookies.update(cookies)
        assert thief.get(back).status_code == 401 and not is_in(thief)


def test_an_answer_fits_the_browser_that_began(target: Target, provider: RunningProvider) -> None:
    """Also that nobody can sign another person in to the attacker's account."""
    attacker, victim = target.browser(), target.browser()
    back = provider.leave(attacker)
    assert victim.get(back).status_code == 401, "no cookie"
    provider.leave(victim)
    assert victim.get(back).status_code == 401, "the state of another browser"
    state = parse_qs(urlsplit(back).query)["state"][0]
    for wrong in ("", state[:-1], "é"):
        query = urlencode({"code": "x", "state": wrong})
        assert victim.get(f"/login/oidc/callback?{query}").status_code == 401
    assert not is_in(victim)


def test_the_code_of_another_sign_in_is_refused(target: Target, provider: RunningProvider) -> None:
    """PKCE: its verifier is another one, although state and cookie are right."""
    attacker, victim = target.browser(), target.browser()
    stolen = parse_qs(urlsplit(provider.leave(victim)).query)["code"][0]
    own = parse_qs(urlsplit(provider.leave(attacker)).query)["state"][0]
    refused = attacker.get(f"/login/oidc/callback?{urlencode({'code': stolen, 'state': own})}")
    assert refused.status_code == 401 and not is_in(attacker)


def test_an_answer_of_another_issuer(target: Target, provider: RunningProvider) -> None:
    browser = target.browser()
    back = provider.leave(browser).replace(urlencode({"iss": provider.issuer}), "iss=https%3A%2F%2Flogin.example")
    assert "login.example" in back and browser.get(back).status_code == 401


@pytest.mark.parametrize(
    "next", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", "/a\nb"]
)
def test_a_sign_on_leads_nowhere_else(standing: Target, provider: RunningProvider, next: str) -> None:
    signed_in = provider.sign_on(standing.browser(), next)
    assert signed_in.status_code == 200 and 'content="0;url=/"' in signed_in.text
    assert "evil" not in signed_in.text


def test_another_site_cannot_begin_one(standing: Target) -> None:
    assert standing.browser().get("/login/oidc", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_a_session_is_not_fixed(standing: Target, provider: RunningProvider) -> None:
    browser = standing.browser()
    browser.cookies.set("keyart", "known-to-the-attacker")
    signed_in = provider.sign_on(browser)
    cookies = [cookie for cookie in signed_in.headers.get_list("set-cookie") if cookie.startswith("keyart=")]
    assert len(cookies) == 1 and "known-to-the-attacker" not in cookies[0]


def test_an_account_with_a_password_is_not_taken_over(target: Target, provider: RunningProvider) -> None:
    """Neither its name nor its e-mail address links it to an identity."""
    robin = target.person("robin", "administrator")
    provider.control(claims={"email": "robin@keyart.example", "email_verified": True, "groups": ["staff"]})
    browser = target.browser()
    assert provider.sign_on(browser).status_code == 200
    assert roles(target) == {"robin": "administrator", "robin 2": "viewer"}
    assert browser.get("/audit").status_code == 403 and robin.get("/audit").status_code == 200
    for password in ("", "$argon2id$", PASSWORD):
        assert target.browser().post("/login", data={"name": "robin 2", "password": password}).status_code in (
            401,
            422,
        )


def test_names_and_addresses_change_hands(target: Target, provider: RunningProvider) -> None:
    """Another subject is another person, whatever else is the same."""
    provider.sign_on(target.browser())
    provider.control(claims={"sub": "subject-2"})
    provider.sign_on(target.browser())
    provider.control(claims={"sub": "subject-1", "preferred_username": "somebody else"})
    provider.sign_on(target.browser())
    assert roles(target) == {"robin": "viewer", "robin 2": "viewer"}


@pytest.mark.parametrize("groups", [None, [], "", "root-of-all", ["Root", "roots"], {"root": True}, [["root"]], 7])
def test_nobody_has_a_role_without_a_group(standing: Target, provider: RunningProvider, groups) -> None:
    before = roles(standing)
    provider.control(claims={"groups": groups, "sub": "nobody"})
    browser = standing.browser()
    refused = provider.sign_on(browser)
    assert refused.status_code == 403 and "in none of the groups" in refused.text
    assert not is_in(browser) and roles(standing) == before


def test_the_first_person_is_no_administrator(target: Target, provider: RunningProvider) -> None:
    provider.control(claims={"groups": []})
    assert provider.sign_on(target.browser()).status_code == 403 and roles(target) == {}


def test_the_role_follows_the_groups(target: Target, provider: RunningProvider) -> None:
    browser = target.browser()
    provider.sign_on(browser)
    for groups, role in ((["ml", "staff"], "operator"), (["root", "staff"], "administrator"), (["staff"], "viewer")):
        provider.control(claims={"groups": groups})
        provider.sign_on(target.browser())
        assert roles(target) == {"robin": role} and "person.role" in target.audit()[:2]
    assert browser.get("/audit").status_code == 403


@pytest.mark.parametrize("name", ["\x00\x1b[31m", "<script>alert(1)</script>", "x" * 300, "", 7, ["a"]])
def test_a_hostile_name(standing: Target, provider: RunningProvider, name) -> None:
    provider.control(claims={"preferred_username": name, "name": None, "sub": f"hostile {name!r}"[:200]})
    browser = standing.browser()
    assert provider.sign_on(browser).status_code == 200
    page = browser.get("/").text
    assert "Sign out" in page and "<script>alert" not in page


def test_keys_are_rotated(provider: RunningProvider, tmp_path: Path) -> None:
    """A key that was not seen before is looked up, but tokens with made-up keys make no flood of it."""
    seconds = Seconds()
    relying = OidcProvider(settings_of(provider.issuer, tmp_path), None, seconds)

    def subject() -> str:
        url = relying.authorization_url("http://127.0.0.1/x", "state", "nonce", sha256_challenge("verifier"))
        code = parse_qs(urlsplit(httpx.get(url, trust_env=False).headers["location"]).query)["code"][0]
        return str(relying.claims(code, "http://127.0.0.1/x", "verifier", "nonce", now())["sub"])

    assert subject() == "subject-1"
    looks = provider.seen().count("/keys")
    provider.control(rotate=True)
    with pytest.raises(SigningKeyUnknown):
        subject()
    assert provider.seen().count("/keys") == looks, "it has looked within the last ten seconds"
    seconds.now = 11.0
    assert subject() == subject() == "subject-1"
    assert provider.seen().count("/keys") == looks + 1
    provider.control(forge="stranger")
    with pytest.raises(IdTokenRefused):
        subject()


def sha256_challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_requests_go_to_the_issuer_alone(provider: RunningProvider, tmp_path: Path, name: str) -> None:
    provider.control(document={name: "http://127.0.0.1:9/elsewhere"})
    with attacked(tmp_path, identity=IdentitySettings(settings_of(provider.issuer, tmp_path))) as target:
        refused = target.browser().get("/login/oidc")
        assert refused.status_code == 503 and "does not answer as it should" in refused.text
    hosts = frozenset({"127.0.0.1:9"})
    allowed = IdentitySettings(settings_of(provider.issuer, tmp_path, hosts=hosts))
    with attacked(tmp_path / "allowed", identity=allowed) as target:
        assert target.browser().get("/login/oidc").status_code == 303


def test_a_provider_that_is_away(provider: RunningProvider, tmp_path: Path) -> None:
    """Passwords still work, and the provider is not asked by every request."""
    with attacked(tmp_path, identity=IdentitySettings(settings_of(provider.issuer, tmp_path))) as target:
        target.person("Kim")
        provider.control(broken=True)
        before = len(provider.seen())
        for _ in range(5):
            page = target.browser().get("/login/oidc")
            assert page.status_code == 503 and "sign in with your password" in page.text
        assert len(provider.seen()) == before + 1
        signed_in = target.browser().post("/login", data={"name": "Kim", "password": PASSWORD})
        assert signed_in.status_code == 303


def test_without_passwords_there_is_a_way_in(provider: RunningProvider, tmp_path: Path) -> None:
    """The token of the data folder, and a start with passwords: docs/how-to/sign-in.md."""
    oidc = settings_of(provider.issuer, tmp_path)
    with attacked(tmp_path, identity=IdentitySettings(oidc)) as target:
        cookies = dict(target.person("Kim").cookies)
    with attacked(tmp_path, identity=IdentitySettings(oidc, passwords=False)) as target:
        provider.control(broken=True)
        before = target.browser()
        before.cookies.update(cookies)
        assert not is_in(before), "a session that began with a password"
        browser = target.browser()
        page = browser.get("/")
        assert 'name="password"' not in page.text and "/login/oidc" in page.text
        refused = browser.post("/login", data={"name": "Kim", "password": PASSWORD})
        assert refused.status_code == 403 and not is_in(browser)
        link = target.client.post("/api/v1/invitations", json={"role": "viewer"}, headers=target.admin).json()["path"]
        assert browser.get(link).status_code == 403
        assert browser.post(link, data={"name": "Lou", "password": PASSWORD}).status_code == 403
        assert target.client.get("/api/v1/people", headers=target.admin).status_code == 200
    with attacked(tmp_path, identity=IdentitySettings(oidc)) as target:
        assert target.browser().post("/login", data={"name": "Kim", "password": PASSWORD}).status_code == 303


@pytest.mark.slow
def test_the_real_command(provider: RunningProvider, tmp_path: Path, monkeypatch) -> None:
    """As the documentation says: issuer and client from the environment, the secret from a file."""
    (tmp_path / "oidc.secret").write_text(CLIENT_SECRET)
    monkeypatch.setenv("KEYART_OIDC_ISSUER", provider.issuer)
    monkeypatch.setenv("KEYART_OIDC_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("KEYART_OIDC_CLIENT_SECRET_FILE", str(tmp_path / "oidc.secret"))
    monkeypatch.setenv("KEYART_OIDC_ADMINISTRATORS", "root staff")
    with command_running(tmp_path / "data", "--no-passwords") as server:
        assert server.started["join"] is None
        assert provider.sign_on(server.client).status_code == 200
        assert server.client.get("/audit").status_code == 200
    assert CLIENT_SECRET not in (tmp_path / "data.log").read_text()


def test_wrong_settings(tmp_path: Path) -> None:
    good = settings_of("https://login.example", tmp_path)
    for wrong in (
        {"issuer": "http://login.example"},
        {"issuer": "https://login.example?x=1"},
        {"issuer": "login.example"},
        {"client_id": ""},
        {"groups": {}},
        {"client_secret_file": tmp_path / "missing"},
    ):
        with pytest.raises(SettingError, match="--oidc"):
            replace(good, **wrong)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="nobody could sign in"):
        IdentitySettings(passwords=False)
