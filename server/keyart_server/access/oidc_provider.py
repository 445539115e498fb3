"""The OpenID provider: its document (OpenID Connect Discovery 1.0), its keys, and the exchange of codes.

Requests go to the host of the issuer, and to hosts that --oidc-host names; a document that names others is refused.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ..http.outgoing import OutgoingClient, OutgoingFailed
from .id_token import SigningKeyUnknown, verified_claims
from .identity_settings import OidcSettings

DOCUMENT: Final = "/.well-known/openid-configuration"
FORM: Final = "application/x-www-form-urlencoded"
TIMEOUT_SECONDS: Final = 10.0
MAX_BYTES: Final = 512_000
CACHE_SECONDS: Final = 3600.0
RETRY_SECONDS: Final = 10.0  # after a failure, and between two looks for a key that is unknown
KEY_TYPES: Final = ("RSA", "EC", "OKP")


class ProviderFailed(Exception):
    """The provider cannot be used now; the message is a phrase for the log."""


class CodeRefused(Exception):
    """The provider has refused the code."""


@dataclass(frozen=True, slots=True)
class _Document:
    authorization: str
    token: str
    keys: str
    secret_in_body: bool
    fetched: float


class OidcProvider:
    """The provider of these settings; `monotonic` is a clock in seconds."""

    def __init__(
        self, settings: OidcSettings, proxy: str | None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._monotonic = settings, monotonic
        self._client = OutgoingClient(proxy, lambda _: True, TIMEOUT_SECONDS, MAX_BYTES)
        self._lock = threading.Lock()
        self._document: _Document | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._failed: tuple[float, str] | None = None

    def authorization_url(self, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        """Return the address at which the person signs in. Raises ProviderFailed."""
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = self._current().authorization
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(query)}"

    def claims(self, code: str, redirect_uri: str, verifier: str, nonce: str, at: datetime) -> dict[str, Any]:
        """Exchange a code and return the verified claims of its ID token.

        Raises:
            ProviderFailed: if the provider does not answer as it should.
            CodeRefused: if it refuses the code.
            IdTokenRefused: if its ID token is not valid for this sign-in.
        """
        token, settings = self._exchange(code, redirect_uri, verifier), self._settings
        checked = settings.issuer, settings.client_id, nonce, at
        try:
            return verified_claims(token, self._key_set(), *checked)
        except SigningKeyUnknown:  # the provider may have begun to use another key
            return verified_claims(token, self._key_set(renew=True), *checked)

    def _exchange(self, code: str, redirect_uri: str, verifier: str) -> str:
        document, settings = self._current(), self._settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": FORM, "Accept": "application/json"}
        client_id, secret = settings.client_id, settings.client_secret()
        if document.secret_in_body:
            form |= {"client_id": client_id, "client_secret": secret}
        else:  # RFC 6749, section 2.3.1
            pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        status, answer = self._request("POST", document.token, headers, urlencode(form).encode())
        if status == 400 and answer.get("error") == "invalid_grant":
            raise CodeRefused
        token = answer.get("id_token")
        if status != 200 or not isinstance(token, str):
            raise ProviderFailed(f"the token endpoint answered {status} without an ID token")
        return token

    def _current(self) -> _Document:
        """Return the provider's document, at most `CACHE_SECONDS` old."""
        with self._lock:
            now = self._monotonic()
            if self._document is not None and now < self._document.fetched + CACHE_SECONDS:
                return self._document
            if self._failed is not None and now < self._failed[0] + RETRY_SECONDS:
                raise ProviderFailed(self._failed[1])
            try:
                self._document = self._fetch_document(now)
            except ProviderFailed as error:
                self._failed = self._monotonic(), str(error)
                raise
            return self._document

    def _fetch_document(self, now: float) -> _Document:
        issuer = self._settings.issuer
        status, found = self._request("GET", issuer.rstrip("/") + DOCUMENT)
        if status != 200:
            raise ProviderFailed(f"its document has status {status}")
        if found.get("issuer") != issuer:
            raise ProviderFailed("its document names another issuer")
        names = "authorization_endpoint", "token_endpoint", "jwks_uri"
        authorization, token, keys = (self._checked_address(found.get(name), name) for name in names)
        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return _Document(authorization, token, keys, "client_secret_basic" not in methods, now)

    def _checked_address(self, address: object, name: str) -> str:
        """Return an address of the document. Raises ProviderFailed unless it is one of the issuer's."""
        issuer, parts = urlsplit(self._settings.issuer), urlsplit(address if isinstance(address, str) else "")
        known = parts.netloc == issuer.netloc or parts.netloc in self._settings.hosts
        if parts.scheme != issuer.scheme or not known:
            raise ProviderFailed(f"its document names another host as {name}; allow it with --oidc-host")
        return str(address)

    def _key_set(self, renew: bool = False) -> KeySet:
        address = self._current().keys
        with self._lock:
            now = self._monotonic()
            max_age = RETRY_SECONDS if renew else CACHE_SECONDS
            if self._keys is not None and now < self._keys[0] + max_age:
                return self._keys[1]
            status, found = self._request("GET", address)
            listed = found.get("keys")
            if status != 200 or not isinstance(listed, list):
                raise ProviderFailed(f"its keys have status {status}")
            usable = [
                key for key in listed
                if isinstance(key, dict) and key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig"
            ]  # fmt: skip
            try:
                self._keys = now, KeySet.import_key_set({"keys": usable})
            except (JoseError, ValueError) as error:
                raise ProviderFailed(f"its keys cannot be read ({type(error).__name__})") from error
            return self._keys[1]

    def _request(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, dict[str, Any]]:
        """Send a request; return status and JSON object of the answer."""
        try:
            answer = self._client.send(method, url, headers, body)
        except OutgoingFailed as error:
            raise ProviderFailed(str(error)) from error
        try:
            found = json.loads(answer.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ProviderFailed(f"it answered {answer.status} without a JSON object")
        return answer.status, found
