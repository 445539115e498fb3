"""Connections that wait, dawdle or never end; those that do not are left alone."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from starlette.types import Receive, Scope, Send
from support.serving import serving

from keyart_server.http.connection_limits import (
    MAX_HEAD_BYTES,
    MAX_REQUEST_BYTES,
    RESERVED_FILES,
    limited_protocol,
    max_connections,
)

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = 0.4  # seconds


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """`/large` answers with 30 MB, `/reads` reads its body, `/slow` takes longer than a head may."""
    if scope["path"] == "/reads":
        while (await receive()).get("more_body"):
            pass
    if scope["path"] == "/slow":
        await asyncio.sleep(2 * HEAD)
    body = bytes(30_000_000 if scope["path"] == "/large" else 2)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def served(most: int = 100, read_seconds: float = 30.0, head_seconds: float = HEAD) -> Iterator[tuple[str, int]]:
    with serving(app, lifespan="off", http=limited_protocol(most, head_seconds, read_seconds)) as place:
        yield place


def answer(link: socket.socket) -> bytes:
    """What comes next; nothing where the connection has ended."""
    link.settimeout(10)
    try:
        return link.recv(1000)
    except ConnectionError:
        return b""


def drip(link: socket.socket, data: bytes) -> float:
    """Sends a byte every 50 ms; the seconds until the server has had enough."""
    began = time.perf_counter()
    for byte in data:
        try:
            link.sendall(bytes([byte]))
        except ConnectionError:
            break
        time.sleep(0.05)
    return time.perf_counter() - began


@pytest.mark.parametrize("first", [b"", REQUEST], ids=["first", "second"])
def test_a_head_that_drips_in(first: bytes) -> None:
    with served() as place, socket.create_connection(place) as link:
        if first:
            link.sendall(first)
            assert answer(link).startswith(b"HTTP/1.1 200 ")
        assert drip(link, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 50) < 10 * HEAD
        assert answer(link) == b""


def test_a_connection_that_says_nothing() -> None:
    with served() as place, socket.create_connection(place) as link:
        began = time.perf_counter()
        assert answer(link) == b"" and time.perf_counter() - began < 10 * HEAD


def test_a_request_may_take_longer_than_its_head() -> None:
    with served() as place, socket.create_connection(place) as link:
        for _ in range(2):
            link.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer(link).startswith(b"HTTP/1.1 200 ")


def test_a_body_may_take_longer_than_a_head() -> None:
    with served() as place, socket.create_connection(place) as link:
        link.sendall(b"POST /reads HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n")
        assert drip(link, bytes(20)) > HEAD
        assert answer(link).startswith(b"HTTP/1.1 200 ")


def test_what_was_answered_early_may_come_to_its_end() -> None:
    """A refusal must reach who is still sending; and what follows is a request of its own."""
    with served() as place, socket.create_connection(place) as link:
        size = 10 * MAX_HEAD_BYTES
        link.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        assert answer(link).startswith(b"HTTP/1.1 200 ")
        link.sendall(REQUEST)
        assert answer(link).startswith(b"HTTP/1.1 200 ")


def test_requests_that_are_sent_at_once() -> None:
    with served() as place, socket.create_connection(place) as link:
        link.sendall(REQUEST * 3)
        answers = b""
        while answers.count(b"HTTP/1.1 200 ") < 3:
            more = answer(link)
            assert more
            answers += more


@pytest.mark.parametrize(
    ("head", "more", "most"),
    [
        (b"GET / HTTP/1.1\r\nA: ", b"x" * 1000, MAX_HEAD_BYTES),
        (b"GET / HTTP/1.1\r\n", b"A: b\r\n" * 200, MAX_HEAD_BYTES),
        (b"GET /", b"x" * 1000, MAX_HEAD_BYTES),
        (
            b"POST /reads HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"A: b\r\n" * 10_000,
            MAX_REQUEST_BYTES,
        ),
        (
            b"POST /reads HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;",
            b"a" * 100_000,
            MAX_REQUEST_BYTES,
        ),
    ],
    ids=["one header", "many headers", "address", "trailers", "chunk extension"],
)
def test_without_an_end(head: bytes, more: bytes, most: int) -> None:
    with served() as place, socket.create_connection(place) as link, pytest.raises(ConnectionError):
        link.sendall(head)
        for _ in range(2 * most // len(more) + 10_000_000 // len(more)):  # what the sockets hold comes on top
            link.sendall(more)


def test_an_answer_that_nobody_takes() -> None:
    with served(read_seconds=0.3) as place, socket.create_connection(place) as link:
        link.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(1.5)
        taken, more = 0, answer(link)
        while more:
            taken += len(more)
            more = answer(link)
        assert taken < 30_000_000


def test_an_answer_that_is_taken_slowly() -> None:
    # What the sockets hold is read after the server has sent it all and waits for the next head.
    with served(read_seconds=1.5, head_seconds=30.0) as place, socket.create_connection(place) as link:
        link.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        taken = 0
        while taken < 30_000_000:
            time.sleep(0.05)
            taken += len(link.recv(1_000_000))
        link.sendall(REQUEST)
        assert answer(link).endswith(b"\0\0")


def being_served(place: tuple[str, int]) -> socket.socket:
    """A connection whose request waits for the last byte of its body."""
    link = socket.create_connection(place)
    link.sendall(b"POST /reads HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    assert answer(link).startswith(b"HTTP/1.1 100 ")
    return link


def test_idle_connections_keep_nobody_out() -> None:
    """The one that has waited longest makes room; one that is served does not."""
    with served(most=3) as place, ExitStack() as stack:
        busy = stack.enter_context(being_served(place))
        idle = [stack.enter_context(socket.create_connection(place)) for _ in range(3)]
        assert answer(idle[0]) == b""
        for link in idle[1:]:
            link.sendall(REQUEST)
            assert answer(link).startswith(b"HTTP/1.1 200 ")
        busy.sendall(b".")
        assert answer(busy).startswith(b"HTTP/1.1 200 ")


def test_where_all_are_served_a_new_one_is_refused() -> None:
    with served(most=1) as place, being_served(place) as busy:
        with socket.create_connection(place) as late:
            assert answer(late) == b""
        busy.sendall(b".")
        assert answer(busy).startswith(b"HTTP/1.1 200 ")


def test_room_is_left_for_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for files, held in ((1024, 1024 - RESERVED_FILES), (100, 1), (resource.RLIM_INFINITY, 500)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        assert max_connections(500 if held == 500 else 10_000) == held
