"""Connections that wait, dawdle or never end: what uvicorn itself has no limit for.

A connection waits from its start, and from each answer on, until the head of a request is whole (request line and
headers). Waiting ends after `head_seconds`, however slowly bytes drip in. Where `most` connections are open, a new
one takes the place of the one that has waited longest, so that idle ones keep nobody out; uvicorn's own
`limit_concurrency` counts idle ones as well, and would answer 503 to everybody else.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .body_limits import MAX_BODY_BYTES

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]

HEAD_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0
MIN_READ_BYTES_PER_SECOND: Final = 1000  # that a client takes of what it asked for, over READ_SECONDS
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_REQUEST_BYTES: Final = 2 * MAX_BODY_BYTES  # with the frames of its chunks, and what follows the last of them
MAX_CONNECTIONS: Final = 4096
MAX_PIPELINED_REQUESTS: Final = 32  # requests that may come before the answer to the first of them
RESERVED_FILES: Final = 200  # of those that the process may open: databases, bundles, logs


def max_connections(maximum: int = MAX_CONNECTIONS) -> int:
    """How many connections this process can hold and still open its files."""
    if resource is None:
        return maximum
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return maximum if open_files == resource.RLIM_INFINITY else max(1, min(maximum, open_files - RESERVED_FILES))


def limited_protocol(
    most: int, head_seconds: float = HEAD_SECONDS, read_seconds: float = READ_SECONDS
) -> type[HttpToolsProtocol]:
    """For `uvicorn.Config(http=…)` of one server."""
    waiting: dict[HttpToolsProtocol, asyncio.TimerHandle] = {}  # who has waited longest comes first
    unread: dict[HttpToolsProtocol, asyncio.TimerHandle] = {}

    def drop(connection: HttpToolsProtocol) -> None:
        connection.transport.abort()

    def wait(connection: HttpToolsProtocol) -> None:
        if connection not in waiting:
            waiting[connection] = connection.loop.call_later(head_seconds, drop, connection)

    def watch_reader(connection: HttpToolsProtocol, most: float = float("inf")) -> None:
        """most: bytes that may be left to send by now."""
        left = connection.transport.get_write_buffer_size()
        if left > most:
            drop(connection)
            return
        most = left - MIN_READ_BYTES_PER_SECOND * read_seconds
        unread[connection] = connection.loop.call_later(read_seconds, watch_reader, connection, most)

    def end(timers: dict[HttpToolsProtocol, asyncio.TimerHandle], connection: HttpToolsProtocol) -> None:
        if timer := timers.pop(connection, None):
            timer.cancel()

    class Bounded(HttpToolsProtocol):
        _in_head, _taken = True, 0  # bytes of this head, or of what follows it

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
            super().connection_made(transport)
            wait(self)
            if len(self.connections) > most:
                longest = next(iter(waiting))
                end(waiting, longest)
                drop(longest)

        def connection_lost(self, exc: Exception | None) -> None:
            end(waiting, self)
            end(unread, self)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            self._taken += len(data)
            super().data_received(data)
            if self._taken > (MAX_HEAD_BYTES if self._in_head else MAX_REQUEST_BYTES):
                drop(self)

        def on_header(self, name: bytes, value: bytes) -> None:
            if self._in_head:  # behind the body nobody, no proxy in front either, looks for a token
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._in_head, self._taken = False, 0
            end(waiting, self)
            super().on_headers_complete()
            if len(self.pipeline) > MAX_PIPELINED_REQUESTS:
                drop(self)

        def on_message_complete(self) -> None:
            self._in_head, self._taken = True, 0
            super().on_message_complete()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.cycle.response_complete and not self.transport.is_closing():  # else the next is in the pipeline
                wait(self)

        def pause_writing(self) -> None:
            super().pause_writing()
            watch_reader(self)

        def resume_writing(self) -> None:
            end(unread, self)
            super().resume_writing()

    return Bounded
