"""Passwords that are guessed: one after the other, all at once, from many addresses, and to lock somebody out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from urllib.parse import urlencode

import httpx
import pytest
from attacks.server.wire import Target, attacked
from support import deployment
from support.server import NAME, PASSWORD, Clock, every_item

from keyart_server.access import hash_threads, passwords
from keyart_server.access.sign_in_pages import MAX_FAILURES_OF_NAME, MAX_FAILURES_OF_NETWORK

WRONG = "a wrong password"


def login(browser: httpx.Client, name: str = NAME, password: str = PASSWORD, **more: str) -> httpx.Response:
    return browser.post("/login", data={"name": name, "password": password}, headers=more)


def refusals(target: Target) -> list[tuple[str, str]]:
    """Subject and details of the audit rows of failed sign-ins, oldest first."""
    entries = every_item(target.client, "/api/v1/audit", target.admin)
    return [(row["subject"], row["details"]) for row in entries[::-1] if row["action"] == "session.refuse"]


def waited_for(told: Callable[[], bool]) -> bool:
    """Whether it comes true soon: the audit row of a failure is written after its response."""
    until = time.monotonic() + 10
    while not told() and time.monotonic() < until:
        time.sleep(0.02)
    return told()


@pytest.fixture
def behind(tmp_path: Path, clock: Clock) -> Iterator[Target]:
    """A server behind a proxy on this machine, which names the addresses of clients."""
    with attacked(tmp_path, clock, proxy="127.0.0.1") as made:
        yield made


def test_passwords_guessed_for_one_name(target: Target, clock: Clock) -> None:
    """Ten tries from an address, then none for a quarter of an hour; the right one is not told either."""
    target.person()
    tries = [login(target.browser(), password=f"{WRONG} {i}").status_code for i in range(20)]
    assert tries == [401] * MAX_FAILURES_OF_NAME + [429] * (20 - MAX_FAILURES_OF_NAME)
    assert login(target.browser()).status_code == 429
    clock.pass_by(minutes=14)
    assert login(target.browser()).status_code == 429
    clock.pass_by(minutes=1)
    assert login(target.browser()).status_code == 303


def test_passwords_guessed_all_at_once(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack 9: 24 guesses at the same moment, before the first has failed. No more are tried than one by one."""
    target.person()
    monkeypatch.setattr(hash_threads, "MAX_PENDING", 100)
    monkeypatch.setattr(hash_threads, "MAX_PENDING_OF_NETWORK", 100)
    tried: list[str] = []
    verify = passwords.verify_password

    def slow(password: str, stored: str) -> bool:
        tried.append(password)
        time.sleep(0.05)
        return verify(password, stored)

    monkeypatch.setattr(passwords, "verify_password", slow)
    start = Barrier(24)
    browsers = [target.browser() for _ in range(24)]

    def guess(number: int) -> int:
        start.wait(20)
        return login(browsers[number], password=f"{WRONG} {number}").status_code

    with ThreadPoolExecutor(24) as pool:
        statuses = sorted(pool.map(guess, range(24)))
    assert len(tried) == MAX_FAILURES_OF_NAME
    assert statuses == [401] * MAX_FAILURES_OF_NAME + [429] * (24 - MAX_FAILURES_OF_NAME)


def test_passwords_guessed_from_addresses_that_are_made_up(target: Target) -> None:
    """A header that names another address each time buys no more tries; nor does another spelling of the name."""
    target.person()
    statuses = []
    for i in range(MAX_FAILURES_OF_NAME + 5):
        made_up = dict.fromkeys(("X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP"), f"10.0.0.{i}")
        spelt = "".join(letter.upper() if i >> n & 1 else letter for n, letter in enumerate(NAME.lower()))
        statuses.append(login(target.browser(**made_up), spelt, WRONG).status_code)
    assert statuses[MAX_FAILURES_OF_NAME:] == [429] * 5


def test_addresses_made_up_in_front_of_the_trusted_proxy(behind: Target) -> None:
    """What a client writes before the entry of the one trusted proxy, or from elsewhere than there, counts for
    nothing."""
    behind.person()
    made_up = [f"10.0.0.{i}, 192.0.2.7" for i in range(MAX_FAILURES_OF_NAME + 3)]
    statuses = [login(behind.client, password=WRONG, **{"X-Forwarded-For": entry}).status_code for entry in made_up]
    assert statuses == [401] * MAX_FAILURES_OF_NAME + [429] * 3
    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=behind.address, transport=elsewhere, timeout=30) as client:
        statuses = [login(client, password=WRONG, **{"X-Forwarded-For": entry}).status_code for entry in made_up]
    assert statuses == [401] * MAX_FAILURES_OF_NAME + [429] * 3


def test_a_stranger_who_would_lock_somebody_out(behind: Target) -> None:
    """Attack 9: wrong passwords from one address, and from six; the right person comes in from a seventh."""
    behind.person()
    for stranger in range(1, 7):
        address = {"X-Forwarded-For": f"192.0.2.{stranger}"}
        statuses = [login(behind.client, password=WRONG, **address).status_code for _ in range(12)]
        assert statuses == [401] * MAX_FAILURES_OF_NAME + [429] * 2
    assert login(behind.client, **{"X-Forwarded-For": "198.51.100.1"}).status_code == 303
    assert login(behind.client, **{"X-Forwarded-For": "2001:db8::1"}).status_code == 303


def test_addresses_of_one_ipv6_network(behind: Target) -> None:
    """The addresses that one customer of a provider can take count as one."""
    behind.person()
    statuses = [
        login(behind.client, password=WRONG, **{"X-Forwarded-For": f"2001:db8::{i:x}"}).status_code for i in range(12)
    ]
    assert statuses == [401] * MAX_FAILURES_OF_NAME + [429] * 2


def test_a_password_tried_on_many_names(behind: Target) -> None:
    """One password for every name that one can think of, from one address."""
    behind.person()
    address = {"X-Forwarded-For": "192.0.2.7"}
    tries = [
        login(behind.client, f"Person {i}", WRONG, **address).status_code for i in range(MAX_FAILURES_OF_NETWORK + 3)
    ]
    assert tries == [401] * MAX_FAILURES_OF_NETWORK + [429] * 3
    assert login(behind.client, **address).status_code == 429
    assert login(behind.client, **{"X-Forwarded-For": "192.0.2.8"}).status_code == 303


def test_guesses_stand_in_the_audit_log(target: Target, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever guesses is seen, without what they typed: people type passwords into the wrong field. And a flood of
    guesses does not fill a log that is kept for ever."""
    target.person()
    (person,) = target.client.get("/api/v1/people", headers=target.admin).json()["items"]
    for _ in range(MAX_FAILURES_OF_NAME):
        assert login(target.client, password=WRONG).status_code == 401
    for typed in ("my secret password", "another"):
        assert login(target.client, typed, WRONG).status_code == 401
    rows = [
        (person["id"], 1),
        (person["id"], 2),
        (person["id"], 4),
        (person["id"], 8),
        ("unknown", 1),
        ("unknown", 2),
    ]
    expected = [(subject, {"failures": count, "minutes": 15}) for subject, count in rows]
    assert waited_for(lambda: len(refusals(target)) == len(expected)) and refusals(target) == expected
    events = [record for record in caplog.records if record.getMessage() == "sign-in.fail"]
    assert [event.actor for event in events] == [f"person:{NAME}"] * 10 + ["unknown"] * 2  # type: ignore[attr-defined]
    told = repr([vars(event) for event in events]) + repr(
        target.client.get("/api/v1/audit", headers=target.admin).json()["items"]
    )
    assert not [secret for secret in (WRONG, "my secret", PASSWORD, "127.0.0.1") if secret in told]
    clock.pass_by(minutes=15)
    assert login(target.client, password=WRONG).status_code == 401
    assert waited_for(lambda: refusals(target)[-1] == expected[0] and len(refusals(target)) == 7)


@pytest.mark.service
def test_a_stranger_behind_the_shipped_proxy(nginx: None, tmp_path: Path, clock: Clock) -> None:
    """Attack 9 through nginx with the shipped file: ten wrong passwords from one address, the right one from another,
    and addresses that the stranger makes up."""
    secrets = deployment.secrets_in(tmp_path)
    with attacked(tmp_path, clock, proxy="127.0.0.1", url="https://localhost") as target:
        places = {"server": target.place[1], "west": 1, "east": 1, "superlink": 1}
        path = target.client.post("/api/v1/invitations", json={"role": "viewer"}, headers=target.admin).json()["path"]
        form = {"name": NAME, "password": PASSWORD}
        assert target.client.post(path, data=form).status_code == 303
        with deployment.proxy(tmp_path, secrets, places) as ports:

            def tries(address: str, password: str, times: int) -> list[int]:
                transport = httpx.HTTPTransport(local_address=address, verify=False)
                with httpx.Client(base_url=f"https://127.0.0.1:{ports['8443']}", transport=transport) as client:
                    told = [
                        client.post(
                            "/login",
                            content=urlencode({"name": NAME, "password": password}),
                            headers={
                                "Host": "localhost",
                                "X-Forwarded-For": f"10.0.0.{i}",
                                "Content-Type": "application/x-www-form-urlencoded",
                            },
                        )
                        for i in range(times)
                    ]
                return [response.status_code for response in told]

            assert tries("127.0.0.2", WRONG, 11) == [401] * MAX_FAILURES_OF_NAME + [429]
            assert tries("127.0.0.3", PASSWORD, 1) == [303]
