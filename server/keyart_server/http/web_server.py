"""Runs an ASGI application in the foreground with uvicorn, from the first connection to the last response."""

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
GRACE_SECONDS = 20  # for active requests at shutdown


def run_application(
    app: FastAPI, address: Address, listening: socket.socket, on_listening: Callable[[], None]
) -> None:
    """Serve until SIGTERM or Ctrl-C; `on_listening` is called once, before the first request is answered."""
    config = uvicorn.Config(
        app,
        http=limited_protocol(max_connections()),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # clients can forge them; `build_application` believes those of the named proxy
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
    """Open a listening socket. Raises SettingError if the address cannot be used."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise SettingError(f"--host {host} is not an address of this machine: {error.strerror or error}.") from None
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError as error:
            raise SettingError(
                f"Cannot listen on {host}:{port}: {error.strerror or error}. Choose another --port, or stop the "
                "process that listens there."
            ) from None
        yield listener


@contextmanager
def _stop_on_signals(server: uvicorn.Server) -> Iterator[None]:
    """Stop the server on SIGTERM and Ctrl-C, also before it runs and after it ends.

    uvicorn raises the signal again after its end; a requested stop must not count as a failure.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous_handlers = {number: signal.signal(number, server.handle_exit) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)
