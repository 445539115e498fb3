"""A client of the HTTP API under `/api/v1`, with timeouts and repeated requests.

The token goes to the given server only: redirects are not followed, and the next page of a list is asked for by its
cursor, never by an address from an answer.
"""

from __future__ import annotations

import random
import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from types import TracebackType
from typing import Any, Final, Self

import httpx

from keyart.errors import ApiError, ServerUnreachable, SettingError

from .answers import document_of, printable
from .retrying import Attempt, pause_after_answer, pause_after_error
from .saved_login import Login

API: Final = "/api/v1"
TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)  # seconds
UPLOAD_TIMEOUT: Final = httpx.Timeout(300.0, connect=10.0)  # a bundle is evaluated before the answer
PAGE_ITEMS: Final = 200  # the maximum that the API allows
NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.PoolTimeout)
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Network:
    """Surroundings of a client: the transport (None for real sockets), and how it waits. Tests hand in others."""

    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = time.sleep


class ApiClient:
    """A session with a server; a context manager."""

    def __init__(self, login: Login, network: Network | None = None) -> None:
        """Open no connection yet; that happens with the first request.

        Raises:
            SettingError: if the CA certificate cannot be used.
        """
        self.login, self._network = login, network or Network()
        self._http = httpx.Client(
            base_url=login.server.url,
            transport=self._network.transport,
            verify=_tls(login),
            timeout=TIMEOUT,
            follow_redirects=False,
            trust_env=not login.server.is_loopback,  # a proxy cannot reach this machine's own server
            headers={
                "Authorization": f"Bearer {login.token.secret}",
                "Accept": "application/json, application/problem+json",
                "User-Agent": f"keyart/{version('keyart-tools')}",
            },
        )

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: object) -> Document:
        """Return the object at a path below `/api/v1`; parameters that are None are left out."""
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self._object(self._send("GET", path, True, params=given))

    def items(self, path: str, limit: int | None = None, **query: object) -> Iterator[Document]:
        """Yield the items of a list, following its pages; `limit` is their maximum number, None for all."""
        cursor, seen, count = None, set(), 0
        while limit is None or count < limit:
            wanted = PAGE_ITEMS if limit is None else min(PAGE_ITEMS, limit - count)
            page = self.get(path, **query, limit=wanted, cursor=cursor)
            items, cursor = page.get("items"), page.get("next")
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items) or cursor in seen:
                raise ApiError(
                    f"The list {API}/{path} has another form than this keyart expects; update the older one."
                )
            for item in items[:wanted]:
                count += 1
                yield item
            if cursor is None:
                return
            seen.add(cursor)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Document:
        """Request a change of an existing object; return the changed object."""
        return self._object(self._send("POST", path, False, json=None if body is None else dict(body)))

    def create(self, path: str, body: Mapping[str, Any], key: str | None = None) -> Document:
        """Create an object, once however often the request is repeated.

        Args:
            path: the list that gets the object.
            body: the object.
            key: Idempotency-Key; None makes a new one. The same key and body again return the first answer.
        """
        headers = {"Idempotency-Key": key or new_key()}
        return self._object(self._send("POST", path, True, json=dict(body), headers=headers))

    def upload(self, path: str, content: bytes, key: str | None = None, **query: object) -> Document:
        """Create an object from bytes; see `create`."""
        headers = {"Idempotency-Key": key or new_key(), "Content-Type": "application/octet-stream"}
        given = {name: str(value).lower() for name, value in query.items()}
        return self._object(
            self._send("POST", path, True, content=content, headers=headers, params=given, timeout=UPLOAD_TIMEOUT)
        )

    def _send(self, method: str, path: str, repeatable: bool, **options: Any) -> Any:
        """Send a request, again where `retrying` says so; return the document of the last answer."""
        number = 0
        while True:
            number += 1
            attempt = Attempt(number, repeatable, random.random())  # noqa: S311 - spreads clients, protects nothing
            try:
                response = self._http.request(method, f"{API}/{path}", **options)
            except httpx.TransportError as error:
                tls = _tls_fault(error)
                pause = None if tls else pause_after_error(attempt, not isinstance(error, NOT_SENT))
                if pause is None:
                    raise ServerUnreachable(self._unreachable(error, tls, method, options)) from None
            except httpx.DecodingError:
                raise ApiError(
                    f"The answer of {self.login.server.url} is damaged; check the proxy before it."
                ) from None
            else:
                pause = pause_after_answer(attempt, response.status_code, response.headers, datetime.now(UTC))
                if pause is None:
                    return document_of(response, self.login)
            self._network.sleep(pause)

    def _unreachable(
        self, error: httpx.TransportError, tls: ssl.SSLError | None, method: str, options: Mapping[str, Any]
    ) -> str:
        """Return the sentence for a request without an answer."""
        url, text = self.login.server.url, printable(self.login.token.redact(str(error)))
        if isinstance(tls, ssl.SSLCertVerificationError):
            return (
                f"The certificate of {url} cannot be trusted: {tls.verify_message}. If a CA of your own signed it, "
                "give the CA's certificate with --ca FILE."
            )
        if tls is not None:
            why = printable(tls.strerror or str(tls))
            return f"{url} does not answer with TLS ({why}); if it serves plain HTTP, give its http address."
        if isinstance(error, NOT_SENT):
            why = text or "no connection in time"
            return f"Cannot reach {url}: {why}. Check that the server runs, and the address given by --server."
        why = "no answer in time" if isinstance(error, httpx.TimeoutException) else text
        sentence = f"{url} got the request, but did not answer ({why}); look at the server's log."
        if method == "GET":
            return sentence
        key = options.get("headers", {}).get("Idempotency-Key")
        check = f", or repeat the command with --idempotency-key {key}" if key else ""
        return f"{sentence} The change may have been made: list or show the object to see{check}."

    def _object(self, document: Any) -> Document:
        if not isinstance(document, dict):
            raise ApiError(f"{self.login.server.url} answered with a list instead of an object; update the server.")
        return document


def new_key() -> str:
    """Return a new Idempotency-Key."""
    return uuid.uuid4().hex


def _tls(login: Login) -> ssl.SSLContext | bool:
    if login.ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(login.ca))
    except (OSError, ssl.SSLError):
        raise SettingError(f"--ca: {login.ca} is not a CA certificate in PEM form.") from None


def _tls_fault(error: BaseException | None) -> ssl.SSLError | None:
    """Return the TLS error behind a transport error, or None if there is none."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error
