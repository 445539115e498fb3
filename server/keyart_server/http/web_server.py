"""An application in the foreground, from the first connection to the last answered request."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from keyart.errors import SettingError

from .address import Address
from .connection_limits import limited_protocol, max_connections

BACKLOG = 2048
GRACE_SECONDS = 20  # for requests that are being answered when the server is asked to stop


def run_application(
    app: FastAPI, address: Address, listening: socket.socket, on_listening: Callable[[], None]
) -> None:
    """Serves until it is told to stop (SIGTERM, Ctrl-C). tell: called once, before the first request is answered."""
    config = uvicorn.Config(
        app,
        http=limited_protocol(max_connections()),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # anybody can write them
        date_header=True,
        lifespan="on",
        ws="none",
        ssl_certfile=address.tls_cert,
        ssl_keyfile=None if address.tls_key is None else str(address.tls_key),
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    with _stop_on_signals(server):
        on_listening()
        server.run(sockets=[listening])


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that takes connections from now on. Raises SettingError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise SettingError(f"--host {host} is no address of this machine: {error.strerror or error}.") from None
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError as error:
            raise SettingError(
                f"Cannot listen on {host}:{port}: {error.strerror or error}. Choose another --port, or stop what "
                "listens there."
            ) from None
        yield listener


@contextmanager
def _stop_on_signals(server: uvicorn.Server) -> Iterator[None]:
    """SIGTERM and Ctrl-C stop the server, from before it runs until after its end, where uvicorn raises the signal
    that stopped it once more: a stop that was asked for is no failure."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous_handlers = {number: signal.signal(number, server.handle_exit) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)
