"""A small OpenID provider as a process on this machine: it signs anybody in, and lies when it is told to.

`python -m support.oidc_provider` prints its address. `POST /control` takes what it does from now on:

claims        replace those of ID tokens; null removes one
forge         "none", "hmac" (the public key as an HMAC secret) or "stranger" (a key that is not listed)
rotate        use a new key from now on, and list it alone
reuse_codes   accept a code again and again
document      replace entries of the discovery document
broken        answer 500 to everything
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "keyart-server", "a secret: with & signs %"


class Provider(ThreadingHTTPServer):
    """Its state: keys, codes that were issued, and how it lies."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server_address[1]}"
        self.key = RSAKey.generate_key(2048, parameters={"kid": "first", "use": "sig"})
        self.codes: dict[str, dict[str, str]] = {}
        self.lies: dict[str, Any] = {}
        self.seen: list[str] = []

    def document(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            **self.lies.get("document", {}),
        }

    def id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT_ID, "sub": "subject-1", "exp": now + 300, "iat": now,
            "nonce": asked["nonce"], "preferred_username": "robin", "groups": ["staff"],
            **self.lies.get("claims", {}),
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        forge = self.lies.get("forge")
        if forge in ("none", "hmac"):  # by hand: no library does it
            header = {"alg": "none" if forge == "none" else "HS256", "kid": str(self.key.kid)}
            signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
            mac = hmac.digest(self.key.as_pem(private=False), signed.encode(), "sha256")
            return f"{signed}.{'' if forge == 'none' else _encoded(mac)}"
        key = RSAKey.generate_key(2048) if forge == "stranger" else self.key
        return jwt.encode({"alg": "RS256", "kid": str(self.key.kid)}, claims, key)


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def send(self, status: int, body: object, **headers: str) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        provider, parts = self.server, urlsplit(self.path)
        if parts.path == "/control":
            return self.send(200, provider.seen)
        provider.seen.append(parts.path)
        if provider.lies.get("broken"):
            return self.send(500, {})
        if parts.path == "/.well-known/openid-configuration":
            return self.send(200, provider.document())
        if parts.path == "/keys":
            return self.send(200, {"keys": [provider.key.as_dict(private=False)]})
        if parts.path == "/authorize":
            asked = dict(parse_qsl(parts.query))
            assert asked["client_id"] == CLIENT_ID and asked["response_type"] == "code", asked
            assert asked["code_challenge_method"] == "S256" and "openid" in asked["scope"].split(), asked
            code = secrets.token_urlsafe(16)
            provider.codes[code] = asked
            back = urlencode({"code": code, "state": asked["state"], "iss": provider.issuer})
            return self.send(303, {}, Location=f"{asked['redirect_uri']}?{back}")
        return self.send(404, {})

    def do_POST(self) -> None:
        provider = self.server
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/control":
            provider.lies = json.loads(body)
            if provider.lies.get("rotate"):
                name = secrets.token_hex(4)
                provider.key = RSAKey.generate_key(2048, parameters={"kid": name, "use": "sig"})
            return self.send(200, {})
        provider.seen.append(self.path)
        if provider.lies.get("broken"):
            return self.send(500, {})
        form = {name: values[0] for name, values in parse_qs(body).items()}
        pair = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        expected = f"{_quoted(CLIENT_ID)}:{_quoted(CLIENT_SECRET)}"
        if pair != expected:
            return self.send(401, {"error": "invalid_client"})
        asked = provider.codes.get(form["code"])
        if asked is not None and not provider.lies.get("reuse_codes"):
            del provider.codes[form["code"]]
        challenge = _encoded(hashlib.sha256(form["code_verifier"].encode()).digest())
        if asked is None or challenge != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return self.send(400, {"error": "invalid_grant"})
        return self.send(200, {"id_token": provider.id_token(asked), "token_type": "Bearer", "access_token": "x"})


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _quoted(text: str) -> str:

    return quote(text, safe="")


@dataclass
class RunningProvider:
    """The provider's process. issuer: its address."""

    process: subprocess.Popen[str]
    issuer: str

    def control(self, **lies: Any) -> None:
        """Lies from now on in exactly these ways."""
        httpx.post(f"{self.issuer}/control", json=lies, trust_env=False).raise_for_status()

    def seen(self) -> list[str]:
        """Paths of all requests so far."""
        paths: list[str] = httpx.get(f"{self.issuer}/control", trust_env=False).json()
        return paths

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def leave(self, browser: httpx.Client, next: str = "/") -> str:
        """Begins a sign-in and goes to the provider; the address to which the provider sends back."""
        begun = browser.get("/login/oidc", params={"next": next})
        assert begun.status_code == 303 and begun.headers["location"].startswith(self.issuer), begun.text
        back = httpx.get(begun.headers["location"], trust_env=False)
        assert back.status_code == 303
        return str(back.headers["location"])

    def sign_on(self, browser: httpx.Client, next: str = "/") -> httpx.Response:
        """The whole way."""
        return browser.get(self.leave(browser, next))


@contextmanager
def provider_running() -> Iterator[RunningProvider]:
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{tests}:{os.environ.get('PYTHONPATH', '')}"}
    words = [sys.executable, "-m", "support.oidc_provider"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        yield RunningProvider(process, process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def main() -> None:
    with Provider() as provider:
        print(provider.issuer, flush=True)
        provider.serve_forever()


if __name__ == "__main__":
    main()
