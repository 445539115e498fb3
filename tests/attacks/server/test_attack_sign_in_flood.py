"""A flood of sign-ins: hashing passwords keeps nobody waiting who does not sign in."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from attacks.server.wire import Target
from support.server import NAME, PASSWORD, running

from keyart_server.access import passwords

SOCKETS = 200
MAX_SECONDS = 0.25  # at the median: other tests share this machine
HEAD = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"


def attempt(number: int, name: str = NAME) -> bytes:
    """The bytes of a sign-in with a wrong password."""
    body = urlencode({"name": name, "password": f"a wrong password {number}"})
    return f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode()


@contextmanager
def flood(place: tuple[str, int], sockets: int = SOCKETS) -> Iterator[list[int]]:
    """Many connections that sign in, each again as soon as it is answered; the list collects the statuses."""
    statuses: list[int] = []
    stopped = threading.Event()

    async def one(number: int) -> None:
        while not stopped.is_set():
            reader, writer = await asyncio.open_connection(*place)
            try:
                while not stopped.is_set():
                    writer.write(attempt(number, f"{NAME} {number}"))
                    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                    statuses.append(int(head.split()[1]))
                    await reader.readexactly(int(head.partition("content-length: ")[2].split()[0]))
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.05)
            finally:
                writer.transport.abort()

    async def many() -> None:
        tasks = [asyncio.create_task(one(number)) for number in range(sockets)]
        while not stopped.is_set():
            await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(many()))
    thread.start()
    try:
        yield statuses
    finally:
        stopped.set()
        thread.join()


def test_a_flood_of_sign_ins_holds_no_thread_that_others_need(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack 8: 150 sockets whose passwords take for ever to hash; health and devices are answered meanwhile."""
    target.person()
    held = threading.Event()
    verify = passwords.verify_password

    def slow(password: str, stored: str) -> bool:
        held.wait(300)
        return verify(password, stored)

    monkeypatch.setattr(passwords, "verify_password", slow)
    try:
        with flood(target.place, 150) as statuses, httpx.Client(base_url=target.address, timeout=60) as client:
            time.sleep(1)
            for path in ("/readyz", "/device/current", "/tuf/metadata/root.json", "/healthz"):
                assert client.get(path).status_code in (200, 404), path
            refused = client.post("/login", data={"name": NAME, "password": PASSWORD})
            assert refused.status_code == 503 and int(refused.headers["retry-after"]) >= 1
            assert set(statuses) <= {429, 503}
            held.set()
    finally:
        held.set()
    assert target.browser().post("/login", data={"name": NAME, "password": PASSWORD}).status_code == 303


@pytest.mark.slow
def test_a_flood_of_sign_ins_keeps_devices_and_probes_quick(tmp_path: Path) -> None:
    """Attack 8 with real passwords against the real process."""
    with running(tmp_path / "data") as server:
        place = (str(server.client.base_url.host), int(server.client.base_url.port or 80))
        times: dict[str, list[float]] = {"/readyz": [], "/device/current": []}
        with flood(place) as statuses:
            time.sleep(2)
            until = time.monotonic() + 10
            while time.monotonic() < until:
                for path, taken in times.items():
                    began = time.perf_counter()
                    assert server.client.get(path).status_code == 200
                    taken.append(time.perf_counter() - began)
    for path, taken in times.items():
        print(f"{path}: {statistics.median(taken):.3f} s, p99 {statistics.quantiles(taken, n=100)[98]:.3f} s")
    assert len(statuses) > SOCKETS and set(statuses) <= {401, 429, 503}
    assert max(map(statistics.median, times.values())) <= MAX_SECONDS
