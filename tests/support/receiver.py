"""A receiver of webhooks on this machine, which notes what it gets and answers as it is told."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """A request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def is_signed(self, secret: str) -> bool:
        """As Standard Webhooks says, written apart from the server's code."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = b".".join([self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body])
        expected = b"v1," + base64.b64encode(hmac.new(key, signed, "sha256").digest())
        return expected.decode() in self.headers["webhook-signature"].split(" ")

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """status: of answers, or "slow", "huge" or "redirect"."""

    url: str = ""
    status: int | str = 204
    received: list[Received] = field(default_factory=list)


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.received.append(
                Received(self.path, {name.lower(): text for name, text in self.headers.items()}, body)
            )
            status = receiver.status
            if status == "slow":
                try:
                    for _ in range(600):
                        self.wfile.write(b"H")
                        time.sleep(0.1)
                except OSError:
                    return
            self.send_response({"redirect": 307, "huge": 200}.get(str(status), status))
            if status == "redirect":
                self.send_header("Location", f"{receiver.url}/elsewhere")
            self.end_headers()
            if status == "huge":
                try:
                    self.wfile.write(b"x" * 2_000_000)
                except OSError:
                    return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
