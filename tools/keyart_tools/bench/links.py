"""Many light HTTP connections to one port of this machine, whose requests are sent when they are due."""

from __future__ import annotations

import asyncio
from typing import Any

from keyart.errors import KeyartError


class Link(asyncio.Protocol):
    """A connection that is used again, with one request at a time."""

    _status: asyncio.Future[int] | None = None

    @classmethod
    async def to(cls, port: int) -> Link:
        """Opened to this port."""
        return (await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port))[1]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        if self._status is not None and not self._status.done():
            self._status.set_result(int(data[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._status is not None and not self._status.done():
            self._status.set_result(0)

    async def status(self, request: list[bytes]) -> int:
        """Of the answer, whose head comes in one piece; 0 where the connection broke."""
        self._status = asyncio.get_running_loop().create_future()
        self._transport.writelines(request)
        return await self._status

    def close(self) -> None:
        self._transport.close()


async def sent(
    links: list[Link] | None, requests: list[list[bytes]], a_second: float, hoped: int, port: int = 0
) -> list[float]:
    """Milliseconds from when each request was due. links: None opens one to this port for each request.

    Raises KeyartError where an answer has another status than `hoped`.
    """
    free: asyncio.LifoQueue[Link] = asyncio.LifoQueue()
    for link in links or ():
        free.put_nowait(link)
    latencies: list[float] = []
    others: set[int] = set()
    loop = asyncio.get_running_loop()

    async def one(request: list[bytes], due: float) -> None:
        link = await free.get() if links else await Link.to(port)
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
    if others:
        raise KeyartError(f"The gateway of the bench has answered {others}: its figures mean nothing, report it.")
    return latencies


def head(method: str, path: str, more: str, length: int) -> bytes:
    """Of a request. more: one header. length: of its body."""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\nContent-Length: {length}\r\n\r\n".encode()
