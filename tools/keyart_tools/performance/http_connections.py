"""Light HTTP connections to a local port, whose requests are sent when they are due, or one after another."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any, Final

from keyart.errors import KeyartError

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class HttpConnection:
    """A reused connection with one request at a time.

    If the server has closed the idle connection, it is opened again and the request is repeated (RFC 9112, section
    9.3.1).
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._line: _Protocol | None = None

    async def status(self, request: list[bytes]) -> int:
        """Return the status of the answer once it has arrived as a whole; 0 if a new connection broke."""
        if self._line is not None and not self._line.transport.is_closing():
            status = await self._line.status(request)
            if status:
                return status
        _, self._line = await asyncio.get_running_loop().create_connection(_Protocol, "127.0.0.1", self._port)
        return await self._line.status(request)

    def close(self) -> None:
        """Close the connection."""
        if self._line is not None:
            self._line.transport.close()


class _Protocol(asyncio.Protocol):
    transport: Any
    _status: asyncio.Future[int] | None = None
    _head = b""
    _code, _missing = 0, 0  # status of the answer whose head is here, and bytes of its body that are not

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._code:
            head, end, body = (self._head + data).partition(_HEAD_END)
            if not end:
                self._head = head
                return
            length = _LENGTH.search(head)
            self._head, self._code, self._missing = b"", int(head[9:12]), int(length[1]) if length else 0
            data = body
        self._missing -= len(data)
        if self._missing <= 0:
            self._tell(self._code)

    def connection_lost(self, error: Exception | None) -> None:
        self._tell(0)

    async def status(self, request: list[bytes]) -> int:
        self._status, self._code = asyncio.get_running_loop().create_future(), 0
        self.transport.writelines(request)
        return await self._status

    def _tell(self, status: int) -> None:
        if self._status is not None and not self._status.done():
            self._status.set_result(status)


async def send_requests(
    links: list[HttpConnection] | None, requests: list[list[bytes]], a_second: float, hoped: int, port: int = 0
) -> list[float]:
    """Send each request when it is due.

    Args:
        links: connections to use; None opens one to `port` for each request.
        requests: requests, each in pieces.
        a_second: requests per second.
        hoped: the expected status.
        port: TCP port, if `links` is None.

    Returns:
        Milliseconds from when each request was due to its answer.

    Raises:
        KeyartError: an answer has another status than `hoped`.
    """
    free: asyncio.LifoQueue[HttpConnection] = asyncio.LifoQueue()  # those that were used last are open still
    for link in links or ():
        free.put_nowait(link)
    latencies: list[float] = []
    others: set[int] = set()
    loop = asyncio.get_running_loop()

    async def one(request: list[bytes], due: float) -> None:
        link = await free.get() if links else HttpConnection(port)
        status = await link.status(request)
        latencies.append(1000 * (loop.time() - due))
        if status != hoped:
            others.add(status)
        if links:
            free.put_nowait(link)
        else:
            link.close()

    began = loop.time()
    async with asyncio.TaskGroup() as group:
        for n, request in enumerate(requests):
            due = began + n / a_second
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            group.create_task(one(request, due))
    _refuse(others)
    return latencies


async def send_in_turn(links: list[HttpConnection], requests: Iterable[list[bytes]], hoped: int) -> list[float]:
    """Send a request on each connection as soon as the one before it is answered.

    Args:
        links: connections to use, all at once.
        requests: requests, each in pieces.
        hoped: the expected status.

    Returns:
        Milliseconds from when each request was sent to its answer.

    Raises:
        KeyartError: an answer has another status than `hoped`.
    """
    waiting, latencies, others = iter(requests), list[float](), set[int]()
    loop = asyncio.get_running_loop()

    async def work(link: HttpConnection) -> None:
        for request in waiting:
            began = loop.time()
            status = await link.status(request)
            latencies.append(1000 * (loop.time() - began))
            if status != hoped:
                others.add(status)

    async with asyncio.TaskGroup() as group:
        for link in links:
            group.create_task(work(link))
    _refuse(others)
    return latencies


def _refuse(others: set[int]) -> None:
    if others:
        raise KeyartError(
            f"The measured gateway has answered {others}; its figures are meaningless. Report this error."
        )


def request_head(method: str, path: str, more: str, length: int) -> bytes:
    """Return the head of a request with one additional header and the length of its body."""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\nContent-Length: {length}\r\n\r\n".encode()
