"""Idempotency keys: a POST that creates something is carried out once, however often it is sent.

The row of a key is written in the transaction of the change, so after a kill there are both or neither, and a client
that got no answer sends the request again without risk. An answer may hold a secret of which the server stores only
the hash, such as a new API token. So it is encrypted with a key that is derived from the client's credential and its
idempotency key; the database holds neither.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from cryptography.fernet import Fernet
from fastapi import Depends, Header, HTTPException, Request, Response
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from .access import secrets
from .access.guard import actor_of
from .http.error_responses import error_schema
from .state import ServerState
from .state.tables import IdempotencyKeyRow

KEPT: Final = timedelta(hours=24)
MAX_KEY_LENGTH: Final = 255  # characters
REPLAYED: Final = "Idempotency-Replayed"
CONFLICT: Final[dict[int | str, dict[str, Any]]] = {
    409: error_schema("The state of the server does not allow this, or the `Idempotency-Key` is in progress.")
}
_BUSY: Final = "A request with this Idempotency-Key is in progress; try again in a moment."
_busy: set[str] = set()
_busy_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class CreatedAnswer:
    """The answer to a request that created something.

    Attributes:
        body: JSON; None while the work goes on after the change was recorded.
        location: path of the object, for the header `Location`; None if it has none.
    """

    body: str | None
    location: str | None = None

    def response(self, replayed: bool = False) -> Response:
        """Return it as a response with status 201."""
        headers = {"Location": self.location} if self.location else {}
        if replayed:
            headers[REPLAYED] = "true"
        return Response(self.body, 201, headers, "application/json")


@dataclass(frozen=True, slots=True)
class OnceRequest:
    """A request that is carried out once.

    Attributes:
        secret: derived from its credential and idempotency key; None without such a key.
        request_hash: hash of what it asks for.
    """

    secret: str | None = field(default=None, repr=False)
    request_hash: str = ""

    def create(self, state: ServerState, at: datetime, change: Callable[[Session], CreatedAnswer]) -> Response:
        """Make a change in one transaction and answer 201, or repeat the first answer.

        Args:
            state: the database.
            at: current time.
            change: makes the change. An exception undoes everything, and the key is free again.

        Raises:
            HTTPException: 409 while this key is in progress, 422 for a key that came with another request.
        """
        with self.in_progress(), state.writing() as session:
            first = self.replay(session, at)
            if first is not None:
                return first.response(replayed=True)
            answer = change(session)
            self.record(session, at, answer)
        return answer.response()

    @contextmanager
    def in_progress(self) -> Iterator[None]:
        """Hold the key while the request is carried out. Raises 409 if this process holds it already."""
        if self.secret is None:
            yield
            return
        key_hash = secrets.digest(self.secret)
        with _busy_lock:
            if key_hash in _busy:
                raise HTTPException(409, _BUSY, {"Retry-After": "1"})
            _busy.add(key_hash)
        try:
            yield
        finally:
            with _busy_lock:
                _busy.discard(key_hash)

    def replay(self, session: Session, at: datetime) -> CreatedAnswer | None:
        """Return the first answer to this key, or None. Raises 409 or 422, see `create`."""
        if self.secret is None:
            return None
        key_hash = secrets.digest(self.secret)
        if session.get_bind().dialect.name == "postgresql":  # another process may hold the key
            number = int(key_hash[:15], 16)
            if not session.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": number}).scalar_one():
                raise HTTPException(409, _BUSY, {"Retry-After": "1"})
        row = session.get(IdempotencyKeyRow, key_hash)
        if row is None or row.at <= at - KEPT:
            return None
        if row.request_hash != self.request_hash:
            raise HTTPException(
                422, "This Idempotency-Key came with another request before; send a new key with each new request."
            )
        return CreatedAnswer(**json.loads(_cipher(self.secret).decrypt(row.answer)))

    def record(self, session: Session, at: datetime, answer: CreatedAnswer) -> None:
        """Store the answer, in the transaction of the change."""
        if self.secret is None:
            return
        encrypted = _cipher(self.secret).encrypt(json.dumps(asdict(answer)).encode())
        key_hash = secrets.digest(self.secret)
        session.merge(IdempotencyKeyRow(key_hash=key_hash, request_hash=self.request_hash, answer=encrypted, at=at))


async def _once_request(
    request: Request,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=MAX_KEY_LENGTH,
            pattern="^[ -~]+$",
            description="A text of your choice, such as a UUID. The same request with the same key is carried out "
            "once within 24 hours; a repetition gets the first answer, with the header `Idempotency-Replayed: true`.",
        ),
    ] = None,
) -> OnceRequest:
    if key is None:
        return OnceRequest()
    credential = actor_of(request).session or request.headers["authorization"].partition(" ")[2].strip()
    content = hashlib.sha256(await request.body()).hexdigest()
    asked = json.dumps([request.method, request.url.path, request.url.query, content])
    return OnceRequest(secrets.derive(credential, f"idempotency {key}"), secrets.digest(asked))


Once = Annotated[OnceRequest, Depends(_once_request)]


def delete_expired(session: Session, at: datetime) -> None:
    """Delete keys whose time is over."""
    session.execute(delete(IdempotencyKeyRow).where(IdempotencyKeyRow.at <= at - KEPT))


def _cipher(secret: str) -> Fernet:
    return Fernet(secrets.derive(secret, "answer") + "=")
