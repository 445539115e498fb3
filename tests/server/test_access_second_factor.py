"""Second factors: enrolment, codes that are used once, recovery codes, required roles, resets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pyotp
import pytest
from sqlalchemy import select
from support.server import NAME, PASSWORD, Clock, join, listening

from keyart.errors import FederatedError
from keyart_server import audit_log
from keyart_server.access import people, totp
from keyart_server.access.challenges import MAX_FAILURES
from keyart_server.access.identity_settings import IdentitySettings
from keyart_server.access.sealing import Sealer
from keyart_server.app import create_app
from keyart_server.data_folder import DataFolder
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings
from keyart_server.state.backup import back_up, restore
from keyart_server.state.tables import RecoveryCodeRow, TotpRow

pytestmark = pytest.mark.usefixtures("quick_passwords")
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def csrf_of(client: httpx.Client) -> str:
    return re.findall(r'name="csrf" value="([^"]+)"', client.get("/account").text)[0]


def post(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    return client.post(path, data={"csrf": csrf_of(client), **fields})


def login(client: httpx.Client, password: str = PASSWORD, next: str = "/") -> httpx.Response:
    return client.post("/login", data={"name": NAME, "password": password, "next": next})


def is_in(client: httpx.Client) -> bool:
    return client.get("/api/v1/campaigns").status_code == 200


def enrol(client: httpx.Client, clock: Clock) -> tuple[pyotp.TOTP, list[str]]:
    """Turns the second factor of the signed-in person on; the app, and recovery codes."""
    page = post(client, "/account/totp")
    assert page.status_code == 201 and "<svg" in page.text
    (secret,) = re.findall(r'id="secret">([A-Z2-7]{32})<', page.text)
    app = pyotp.TOTP(secret)
    on = post(client, "/account/totp/confirm", code=app.at(clock()))
    assert on.status_code == 201
    (codes,) = re.findall(r'id="codes">([^<]+)<', on.text)
    clock.pass_by(seconds=30)
    return app, codes.split()


def test_rfc_6238_vectors(clock: Clock) -> None:
    """Appendix B: of its eight digits the last six."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        clock.now = clock.now.fromtimestamp(seconds, clock.now.tzinfo)
        assert totp.accepted_step(secret, code, clock(), 0) == seconds // 30


def test_a_code_is_accepted_around_its_time_and_once(clock: Clock) -> None:
    app = pyotp.TOTP(totp.make_secret())
    now = int(clock().timestamp()) // 30
    codes = {offset: app.generate_otp(now + offset) for offset in range(-2, 3)}
    accepted = {offset: totp.accepted_step(app.secret, code, clock(), 0) for offset, code in codes.items()}
    assert accepted == {-2: None, -1: now - 1, 0: now, 1: now + 1, 2: None}
    assert totp.accepted_step(app.secret, codes[0], clock(), now) is None
    assert totp.accepted_step(app.secret, codes[-1], clock(), now) is None, "an older one, after a newer one"
    assert totp.accepted_step(app.secret, codes[1], clock(), now) == now + 1
    assert totp.accepted_step(app.secret, "", clock(), 0) is None


def test_signing_in_needs_a_code(client: httpx.Client, code: str, clock: Clock, service: Service) -> None:
    join(client, code)
    before = dict(client.cookies)
    app, _ = enrol(client, clock)
    assert dict(client.cookies) != before, "enrolment makes a new session"
    with httpx.Client(base_url=client.base_url, cookies=before, trust_env=False) as old:
        assert not is_in(old) and is_in(client)
    client.cookies.clear()
    asked = login(client, next="/campaigns?x=1")
    assert asked.headers["location"] == "/login/code?next=%2Fcampaigns%3Fx%3D1" and not is_in(client)
    page = client.get(asked.headers["location"])
    assert page.status_code == 200 and 'value="/campaigns?x=1"' in page.text
    wrong = client.post("/login/code", data={"code": "000000"})
    assert wrong.status_code == 401 and not is_in(client)
    right = client.post(
        "/login/code", data={"code": f"{app.at(clock())[:3]} {app.at(clock())[3:]}", "next": "//evil"}
    )
    assert right.status_code == 303 and right.headers["location"] == "/" and is_in(client)
    with service.state.reading() as session:
        entries = audit_log.newest(session, 50)
    assert entries[0].details == '{"factor":"totp"}' and "totp.enrol" in [entry.action for entry in entries]


def test_a_code_is_used_once(client: httpx.Client, code: str, clock: Clock) -> None:
    join(client, code)
    app, _ = enrol(client, clock)
    now = app.at(clock())
    client.cookies.clear()
    login(client)
    assert client.post("/login/code", data={"code": now}).status_code == 303
    client.cookies.clear()
    login(client)
    assert client.post("/login/code", data={"code": now}).status_code == 401 and not is_in(client)
    clock.pass_by(seconds=30)
    assert client.post("/login/code", data={"code": app.at(clock())}).status_code == 303


@on_sqlite
def test_the_code_that_enrolled_is_used_up(client: httpx.Client, code: str, clock: Clock) -> None:
    join(client, code)
    app, _ = enrol(client, clock)
    client.cookies.clear()
    login(client)
    before = app.at(clock(), counter_offset=-1)
    assert client.post("/login/code", data={"code": before}).status_code == 401


@on_sqlite
def test_a_challenge_is_no_session_and_begins_one(client: httpx.Client, code: str, clock: Clock) -> None:
    join(client, code)
    app, _ = enrol(client, clock)
    client.cookies.clear()
    assert client.post("/login/code", data={"code": app.at(clock())}).status_code == 401, "no challenge"
    login(client)
    (challenge,) = dict(client.cookies).values()
    client.cookies.set("keyart", challenge)
    assert not is_in(client), "the challenge as a session"
    client.cookies.delete("keyart")
    assert client.post("/login/code", data={"code": app.at(clock())}, headers={"Sec-Fetch-Site": "cross-site"}
                       ).status_code == 403  # fmt: skip
    assert client.post("/login/code", data={"code": app.at(clock())}).status_code == 303
    client.cookies.clear()
    client.cookies.set("keyart-code", challenge)
    clock.pass_by(seconds=30)
    assert client.post("/login/code", data={"code": app.at(clock())}).status_code == 401, "the challenge again"
    login(client)
    clock.pass_by(minutes=5)
    assert client.post("/login/code", data={"code": app.at(clock())}).status_code == 401, "an old challenge"


@on_sqlite
def test_guessing_is_bounded(client: httpx.Client, code: str, clock: Clock) -> None:
    """Five codes of one challenge, and ten of a person whatever the challenge, from every network."""
    join(client, code)
    app, _ = enrol(client, clock)
    client.cookies.clear()
    tries = []
    for _ in range(3):
        login(client)
        tries += [client.post("/login/code", data={"code": "x" * 6}).status_code for _ in range(MAX_FAILURES)]
    assert tries == [401] * 10 + [429] * 5
    refused = client.post("/login/code", data={"code": app.at(clock())})
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 800 and not is_in(client)
    clock.pass_by(minutes=15)
    login(client)
    for _ in range(MAX_FAILURES):
        client.post("/login/code", data={"code": "x" * 6})
    assert client.post("/login/code", data={"code": app.at(clock())}).status_code == 401, "the challenge has ended"


@on_sqlite
def test_wrong_codes_are_counted_once_wherever_they_are_sent(client: httpx.Client, code: str, clock: Clock) -> None:
    """Whoever has a session and the password has ten guesses in all, not ten on each of two pages."""
    join(client, code)
    app, _ = enrol(client, clock)
    session = dict(client.cookies)
    wrong = [post(client, "/account/totp/codes", code="x" * 6).status_code for _ in range(6)]
    client.cookies.clear()
    login(client)
    wrong += [client.post("/login/code", data={"code": "x" * 6}).status_code for _ in range(MAX_FAILURES)]
    assert wrong == [422] * 6 + [401] * 4 + [429]
    client.cookies.clear()
    client.cookies.update(session)
    assert post(client, "/account/totp/codes", code=app.at(clock())).status_code == 429


def test_recovery_codes(client: httpx.Client, code: str, clock: Clock, service: Service) -> None:
    join(client, code)
    _, codes = enrol(client, clock)
    assert len(set(codes)) == 10 and all(re.fullmatch(r"[a-z2-7]{4}(-[a-z2-7]{4}){3}", one) for one in codes)
    assert codes[0] not in client.get("/account").text, "shown once"
    with service.state.reading() as session:
        stored = repr([vars(row) for row in session.scalars(select(RecoveryCodeRow))])
    assert not [one for one in codes if one in stored or one.replace("-", "") in stored]
    for typed, status in ((codes[0], 303), (codes[0], 401), (codes[1].replace("-", " ").upper(), 303)):
        client.cookies.clear()
        login(client)
        assert client.post("/login/code", data={"code": typed}).status_code == status, typed
    assert "8 recovery codes are left" in client.get("/account").text
    renewed = post(client, "/account/totp/codes", code=codes[2])
    assert renewed.status_code == 201 and codes[3] not in renewed.text
    client.cookies.clear()
    login(client)
    assert client.post("/login/code", data={"code": codes[3]}).status_code == 401, "replaced"


@on_sqlite
def test_turning_it_off(client: httpx.Client, code: str, clock: Clock) -> None:
    join(client, code)
    app, _ = enrol(client, clock)
    assert post(client, "/account/totp/off", code="000000").status_code == 422
    assert "Turn off" in client.get("/account").text
    assert post(client, "/account/totp").status_code == 303, "the secret of a person who has one is not replaced"
    assert post(client, "/account/totp/off", code=app.at(clock())).status_code == 303
    assert is_in(client)
    client.cookies.clear()
    assert login(client).headers["location"] == "/" and is_in(client)


@on_sqlite
def test_wrong_codes_on_the_account_page_are_bounded(client: httpx.Client, code: str, clock: Clock) -> None:
    join(client, code)
    enrol(client, clock)
    tries = [post(client, "/account/totp/off", code="000000").status_code for _ in range(11)]
    assert tries == [422] * 10 + [429]


def test_an_administrator_resets_it(client: httpx.Client, code: str, clock: Clock, admin, service: Service) -> None:
    join(client, code)
    enrol(client, clock)
    (person,) = client.get("/api/v1/people", headers=admin).json()["items"]
    assert client.delete(f"/api/v1/people/{person['id']}/second-factor").status_code == 403, "without CSRF token"
    assert client.delete(f"/api/v1/people/{person['id']}/second-factor", headers=admin).status_code == 204
    assert not is_in(client), "sessions end"
    assert client.delete(f"/api/v1/people/{person['id']}/second-factor", headers=admin).status_code == 404
    with service.state.reading() as session:
        entry = audit_log.newest(session, 1)[0]
        assert session.scalars(select(TotpRow)).all() == session.scalars(select(RecoveryCodeRow)).all() == []
    assert (entry.action, entry.actor, entry.subject) == ("totp.reset", "token:admin", person["id"])
    client.cookies.clear()
    assert login(client).headers["location"] == "/"


@on_sqlite
def test_the_people_page_resets_it(client: httpx.Client, code: str, clock: Clock, admin) -> None:
    join(client, code)
    enrol(client, clock)
    (person,) = client.get("/api/v1/people", headers=admin).json()["items"]
    assert f"/people/{person['id']}/totp/reset" in client.get("/people").text
    assert post(client, f"/people/{person['id']}/totp/reset").status_code == 303
    assert not is_in(client)


@contextmanager
def required(folder: Path, clock: Clock, *roles: str) -> Iterator[tuple[Service, httpx.Client]]:
    identity = IdentitySettings(totp_roles=frozenset(roles))  # type: ignore[arg-type]
    with (
        open_service(ServerSettings(folder / "data", insecure_issuer=True, identity=identity), clock) as service,
        listening(create_app(service)) as client,
    ):
        yield service, client


def test_a_role_may_require_it(tmp_path: Path, clock: Clock) -> None:
    """Until then a session can set it up, and sign out, and nothing else."""
    with required(tmp_path, clock, "administrator") as (service, client):
        with service.state.writing() as session:
            code = people.invite(session, clock(), "server", "administrator")
            other = people.invite(session, clock(), "server", "viewer")
        join(client, code)
        for path in ("/", "/people", "/campaigns"):
            turned = client.get(path)
            assert turned.status_code == 303 and turned.headers["location"] == "/account"
        for path in ("/api/v1/campaigns", "/api/v1/people"):
            refused = client.get(path)
            assert refused.status_code == 403 and "second factor" in refused.json()["detail"]
        assert post(client, "/people/invitations", role="administrator").status_code == 303
        assert "Your role requires a second factor" in client.get("/account").text
        app, _ = enrol(client, clock)
        assert is_in(client) and client.get("/people").status_code == 200
        assert "Turn off" not in client.get("/account").text
        assert post(client, "/account/totp/off", code=app.at(clock())).status_code == 403
        client.cookies.clear()
        join(client, other, "Kim")
        assert is_in(client), "a viewer needs none"
        client.cookies.clear()
        assert client.get("/account").status_code == 401


@on_sqlite
def test_a_token_has_no_account(client: httpx.Client, admin) -> None:
    assert client.get("/account", headers=admin).status_code == 403


@on_sqlite
def test_another_site_enrols_nobody(client: httpx.Client, code: str) -> None:
    join(client, code)
    assert client.post("/account/totp").status_code == 403
    assert client.post("/account/totp/off", data={"csrf": "x"}).status_code == 403


def test_the_secret_is_sealed_and_survives_a_restore(tmp_path: Path, clock: Clock) -> None:
    """A database alone does not tell it; a backup, which holds the key, does."""
    with required(tmp_path, clock) as (service, client):
        with service.state.writing() as session:
            code = people.invite(session, clock(), "server", "administrator")
        join(client, code)
        app, _ = enrol(client, clock)
        back_up(service.state, service.data, tmp_path / "copy.tar", clock())
        for file in tmp_path.glob("data/keyart.db*"):
            assert app.secret.encode() not in file.read_bytes()
    moved = tmp_path / "moved"
    restore(tmp_path / "copy.tar", DataFolder(moved / "data"), None, clock())
    with required(moved, clock) as (_, client):
        login(client)
        assert client.post("/login/code", data={"code": app.at(clock())}).status_code == 303
    (moved / "data" / "keys" / "sealing.pem").unlink()
    with required(moved, clock) as (_, client):
        login(client)
        clock.pass_by(seconds=30)
        refused = client.post("/login/code", data={"code": app.at(clock())})
        assert refused.status_code == 500 and "keys/sealing.pem" in refused.text


def test_a_sealed_secret_stays_in_its_row() -> None:
    sealer, other = Sealer(b"k" * 32), Sealer(b"o" * 32)
    sealed = sealer.seal("totp 1", b"secret")
    assert sealer.open("totp 1", sealed) == b"secret" and b"secret" not in sealed
    assert sealer.seal("totp 1", b"secret") != sealed
    flipped = bytes([sealed[0], *sealed[1:-1], sealed[-1] ^ 1])
    for wrong in (flipped, sealed[:-1], b"", b"\x02" + sealed[1:]):
        with pytest.raises(FederatedError, match=r"sealing\.pem"):
            sealer.open("totp 1", wrong)
    for box, purpose in ((sealer, "totp 2"), (other, "totp 1")):
        with pytest.raises(FederatedError, match=r"sealing\.pem"):
            box.open(purpose, sealed)
