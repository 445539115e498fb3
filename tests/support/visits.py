"""A server's door in memory, with one round behind it, and transports that fail; the same door on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import keyart
from keyart.campaigns.offer import Offer
from keyart.client import CERTIFICATE_PATH, CHALLENGE_PATH, Response, Send, Visit, visit
from keyart.errors import MessageError
from keyart.secagg import CHALLENGE_BYTES, AggregationParameters, CertificationRequest, Stage, certify
from keyart.secagg.identity import verify_registration
from keyart.secagg.messages import KeysReply
from keyart_federated.secagg import Coordinator, Gateway
from support.campaigns import ISSUER, NOW, SERVER, offer, public

DEVICES = 3
STAGES = ("share", "masked", "unmask")
OPEN = {"contributions_a_day": 100_000, "epsilon": 1e6}  # limits that hold many rounds
TOKEN = "a-token"
GONE = Response(410)
EXAMPLE = Path(__file__).parents[2] / "examples" / "visiting_devices.py"
names = (f"campaign-{n}" for n in count())


class Door:
    """The device's API of one server, with R for its round's id. `asked` lists the requests; `answers`, by request,
    are given in place of the door's own. due: devices at whose answers a stage ends by itself. lasting: whether
    questions and answers of a closed stage are still known. site: folder of a bundle repository."""

    def __init__(
        self,
        asked: Offer | None = None,
        due: int | None = None,
        lasting: bool = True,
        now: int = NOW,
        site: Path | None = None,
        **model: Any,
    ) -> None:
        self.now, self.due, self.site = now, due, site
        self.asked: list[str] = []
        self.sent: list[tuple[bytes, Mapping[str, str]]] = []
        self.answers: dict[str, Response | Exception] = {}
        self.model = {"version": None, "share": 1.0, "before": None, **model}
        self.again, self.low, self.high, self.closes = 60.0, 0.0, 1.0, now + 3600
        self.lasting, self.stage = lasting, Stage.KEYS
        self._lock = threading.RLock()
        self.numbers: dict[bytes, int] = {}
        self.questions: dict[Stage, dict[int, bytes]] = {}
        self.taken: dict[Stage, dict[int, bytes]] = {stage: {} for stage in Stage}
        self.message, self.id, self.over = b"", "", asked is None
        if asked is not None:
            self.message = asked.sign(SERVER)
            self.terms: AggregationParameters = asked.terms(self.message)
            self.id = self.terms.round_id.hex()
            self.gateway = Gateway(self.terms)
            self.coordinator = Coordinator(self.terms, [public(ISSUER)], self.now)

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        with self._lock:
            request = f"{method} {path.replace(self.id, 'R') if self.id else path}"
            self.asked.append(request)
            self.sent.append((body, headers))
            planted = self.answers.get(request)
            if isinstance(planted, Exception):
                raise planted
            answer = planted if planted is not None else self._answer(request, path, body, headers)
            if self.due is not None and not self.over and len(self.taken[self.stage]) == self.due:
                self.close()
            return answer

    def _answer(self, request: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        if request == "GET /device/current":
            return self._current(headers)
        if self.site is not None and path.startswith("/tuf/"):
            file = self.site / path.removeprefix("/tuf/")
            return Response(200, {}, file.read_bytes()) if file.is_file() else Response(404)
        if request == f"POST {CHALLENGE_PATH}":
            return Response(200, {}, bytes(CHALLENGE_BYTES))
        if request == f"POST {CERTIFICATE_PATH}":
            wants, known = CertificationRequest.from_bytes(body), headers.get("Authorization") == f"Voucher {TOKEN}"
            if not known or not wants.proves_possession:
                return Response(401)
            return Response(200, {}, certify(ISSUER, wants.device, self.now + 86_400))
        if request == "GET /device/rounds/R/offer":
            return Response(200, {}, self.message)
        if request == "POST /device/rounds/R/keys":
            return self._join(body)
        method, _, name = request.partition(" /device/rounds/R/")
        return self._stage(method, Stage[name.upper()], body, headers)

    def _current(self, headers: Mapping[str, str]) -> Response:
        listed = [] if self.over else [{"id": self.id, "low": self.low, "high": self.high, "closes": self.closes}]
        document = {"again": self.again, "model": self.model, "rounds": listed}
        etag = f'"{hash(json.dumps(document)):x}"'
        if headers.get("If-None-Match") == etag:
            return Response(304)
        return Response(200, {"etag": etag}, json.dumps(document).encode())

    def _join(self, body: bytes) -> Response:
        try:
            keys, round_id = KeysReply.from_bytes(body, self.terms.round_id), self.terms.round_id
            issuers = [public(ISSUER)]
            device = verify_registration(keys.record, keys.registration, round_id, issuers, self.now).device
        except MessageError:
            return Response(400)
        if device not in self.numbers and self.stage is not Stage.KEYS:
            return GONE
        number = self.numbers.setdefault(device, 10 + len(self.numbers))
        if self.taken[Stage.KEYS].setdefault(number, body) != body:
            return Response(409)
        return Response(200, {}, f"{number}.main.{number:032x}".encode())

    def _stage(self, method: str, stage: Stage, body: bytes, headers: Mapping[str, str]) -> Response:
        number = int(headers["Authorization"].removeprefix("Ticket ").partition(".")[0])
        if stage > self.stage:
            return Response(202, {"Retry-After": "2"})
        closed, asked = stage < self.stage or self.over, self.questions[stage]
        if number not in asked or (closed and not self.lasting):
            return GONE
        if method == "GET":
            return Response(200, {}, asked[number])
        if closed and number not in self.taken[stage]:
            return GONE
        return Response(204 if self.taken[stage].setdefault(number, body) == body else 409)

    def close(self) -> None:
        """Ends the stage, and asks for the next."""
        with self._lock:
            self.coordinator.receive(0, self.gateway.collect(self.taken[self.stage]))
            self.coordinator.close()
            assert not self.coordinator.rejected
            if self.stage is Stage.UNMASK:
                self.over = True
                return
            self.stage = self.coordinator.stage
            self.questions[self.stage] = self.gateway.deliver(self.coordinator.ask(0))


def a_door(arts: Sequence[keyart.Personalizer], **settings: Any) -> Door:
    """With a round of its own for these devices."""
    return Door(offer(arts[0], campaign=next(names)), **{"due": DEVICES, **settings})


def go(art: keyart.Personalizer, send: Send, before: Visit | None = None, at: float = NOW) -> Visit:
    """A visit without chance in its waits."""
    return visit(art, send, before, clock=lambda: at, uniform=lambda: 0.0)


def current(headers: Mapping[str, str] | None = None, **changes: Any) -> Response:
    """What a server says is going on, where it is nothing."""
    told = {"again": 60, "model": {"version": None, "share": 1.0, "before": None}, "rounds": [], **changes}
    return Response(200, headers or {}, json.dumps(told).encode())


class Cut:
    """A transport whose call number `at` (from 1) is lost: on its way there, or on its way back."""

    def __init__(self, send: Send, at: int, back: bool) -> None:
        self._send, self._at, self._back = send, at, back
        self.calls = 0

    def __call__(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        self.calls += 1
        if self.calls != self._at:
            return self._send(method, path, body, headers)
        if self._back:
            self._send(method, path, body, headers)
        raise ConnectionResetError("cut")


@contextmanager
def on_loopback(send: Callable[..., Response]) -> Iterator[str]:
    """The address of an HTTP server that answers as the transport does."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = send(self.command, self.path, body, dict(self.headers))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status not in (204, 304):
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = answer

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
