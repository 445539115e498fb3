"""Standard input and output, and a Unix socket: where the lines of a sidecar come from.

The socket's file is its owner's alone (0600), and where the kernel says who has connected, another user is refused.
A client that sends no line break gets no answer; one that breaks off costs nothing but its own connection.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from ..errors import SettingError
from .json_rpc import MAX_LINE_BYTES, Endpoint

MAX_CONNECTIONS: Final = 32


def private_stdout() -> BinaryIO:
    """Return the standard output for answers alone: what a library prints goes to standard error from now on."""
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def serve_stream(endpoint: Endpoint, requests: BinaryIO, answers: BinaryIO, stop: threading.Event) -> None:
    """Answer the lines of a stream until it ends or `stop` is set.

    A line that is too long is answered with an error, and ends the stream: its rest is no request.
    """
    while not stop.is_set():
        line = requests.readline(MAX_LINE_BYTES + 2)
        if not line:
            return
        if line.strip():
            answer = endpoint.answer(line.rstrip(b"\r\n"))
            if answer is not None:
                answers.write(answer)
                answers.flush()
        if not line.endswith(b"\n"):
            return


class SocketServer:
    """A Unix socket on which each connection has a thread of its own."""

    def __init__(self, path: Path, endpoint: Endpoint, stop: threading.Event) -> None:
        """Bind the socket. Raises SettingError if its path is taken or cannot be used."""
        self._path, self._endpoint, self._stop = path, endpoint, stop
        self._slots = threading.Semaphore(MAX_CONNECTIONS)
        self._listener = _bound(path)

    def serve(self) -> None:
        """Accept connections until `stop` is set, then remove the socket's file."""
        try:
            while not self._stop.is_set():
                try:
                    connection, _ = self._listener.accept()
                except TimeoutError:
                    continue
                if not _is_same_user(connection) or not self._slots.acquire(blocking=False):
                    connection.close()
                    continue
                threading.Thread(target=self._serve_one, args=(connection,), daemon=True).start()
        finally:
            self._listener.close()
            with suppress(OSError):
                self._path.unlink()

    def _serve_one(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(None)  # a listener with a timeout hands it on
            with connection, connection.makefile("rb") as requests, connection.makefile("wb") as answers:
                serve_stream(self._endpoint, requests, answers, self._stop)
        except OSError:
            return  # the client has gone
        finally:
            self._slots.release()


def call_at_end_of_input(ended: Callable[[], None]) -> None:
    """Call `ended` when standard input closes: the app that started this process has gone."""

    def wait() -> None:
        with suppress(OSError, ValueError):
            while sys.stdin.buffer.read(4096):
                pass
        ended()

    threading.Thread(target=wait, daemon=True).start()


def call_at_signal(ended: Callable[[], None]) -> None:
    """Call `ended` at SIGTERM and SIGINT."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended())


def _bound(path: Path) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise SettingError("This system has no Unix sockets; use standard input and output.")
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    former = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise SettingError(f"The socket {path} cannot be made: {error.strerror or error}.") from None
    finally:
        os.umask(former)
    listener.listen(MAX_CONNECTIONS)
    listener.settimeout(0.2)  # so that `stop` is noticed
    return listener


def _remove_stale(path: Path) -> None:
    """Remove the socket of a sidecar that was killed. Raises SettingError if one answers, or it is another file."""
    if not path.exists():
        return
    if not path.is_socket():
        raise SettingError(f"{path} exists and is no socket; give another path.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise SettingError(f"A sidecar answers at {path} already; end it, or give another path.")


def _is_same_user(connection: socket.socket) -> bool:
    """Return False if the kernel says that another user has connected (Linux: SO_PEERCRED)."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return int(user) == os.getuid()
