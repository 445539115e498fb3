"""Limits on connections that idle, send slowly or never end, for which uvicorn has no settings.

The shipped nginx configuration sets the same limits, but `keyart serve` and `keyart gateway` may also face the
internet themselves (`--tls-cert`). uvicorn has no timeout for request heads, and its `limit_concurrency` counts idle
connections too, so that a few hundred of them would lock everybody out. tests/attacks/server/test_attack_requests.py
and tests/server/test_server_connections.py depend on this module: slowloris, heads and chunk extensions without end,
clients that read nothing.

A connection waits from its start, and after each response, until a complete request head has arrived. It is closed
after `head_seconds`, however slowly bytes arrive. When the maximum number of connections is open, a new one replaces
the connection that has waited longest.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .body_limits import MAX_BODY_BYTES

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

HEAD_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0
MIN_READ_BYTES_PER_SECOND: Final = 1000  # that a client must read, averaged over READ_SECONDS
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_REQUEST_BYTES: Final = 2 * MAX_BODY_BYTES  # including chunk headers and trailers
MAX_CONNECTIONS: Final = 4096
MAX_PIPELINED_REQUESTS: Final = 32  # pipelined requests before the first response
RESERVED_FILES: Final = 200  # descriptors kept free for databases, bundles and logs


def max_connections(maximum: int = MAX_CONNECTIONS) -> int:
    """Return how many connections this process can hold without running out of file descriptors."""
    if resource is None:
        return maximum
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return maximum if open_files == resource.RLIM_INFINITY else max(1, min(maximum, open_files - RESERVED_FILES))


def limited_protocol(
    most: int, head_seconds: float = HEAD_SECONDS, read_seconds: float = READ_SECONDS
) -> type[HttpToolsProtocol]:
    """Return a protocol class with these limits, for `uvicorn.Config(http=…)` of one server.

    Args:
        most: maximum number of open connections.
        head_seconds: time in which a request head must be complete.
        read_seconds: interval at which a slow reader must have taken `MIN_READ_BYTES_PER_SECOND`.
    """
    waiting: dict[HttpToolsProtocol, asyncio.TimerHandle] = {}  # the longest-waiting connection comes first
    unread: dict[HttpToolsProtocol, asyncio.TimerHandle] = {}

    def drop(connection: HttpToolsProtocol) -> None:
        connection.transport.abort()

    def wait(connection: HttpToolsProtocol) -> None:
        if connection not in waiting:
            waiting[connection] = connection.loop.call_later(head_seconds, drop, connection)

    def watch_reader(connection: HttpToolsProtocol, most: float = float("inf")) -> None:
        """Close a connection that has more than `most` bytes left to send, else check it again later."""
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
        _in_head, _taken = True, 0  # bytes received of the current head or body

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # same signature as uvicorn's
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
            if self._in_head:  # trailers are ignored: no proxy checks them for credentials
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
            if self.cycle.response_complete and not self.transport.is_closing():  # else a pipelined request follows
                wait(self)

        def pause_writing(self) -> None:
            super().pause_writing()
            watch_reader(self)

        def resume_writing(self) -> None:
            end(unread, self)
            super().resume_writing()

    return Bounded
