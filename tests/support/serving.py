"""An application served by a thread of this process, over real connections."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from keyart_server.http.web_server import listen

PAUSE_SECONDS = 0.005


class _Server(uvicorn.Server):
    """Stops at once, where uvicorn looks every tenth of a second whether it should, and whether connections ended."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await asyncio.sleep(PAUSE_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(PAUSE_SECONDS)
        await self.lifespan.shutdown()


@contextmanager
def serving(app: Any, **settings: Any) -> Iterator[tuple[str, int]]:
    """Serve an application on a free port of this machine; yield host and port. The settings are uvicorn's."""
    with listen("127.0.0.1", 0) as place:
        config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", server_header=False, **settings)
        server = _Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
        thread.start()
        try:
            yield place.getsockname()
        finally:
            server.should_exit = True
            thread.join()
