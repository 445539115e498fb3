"""The pages `/login/oidc` and `/login/oidc/callback`: sign-in at an OpenID provider.

Authorisation code flow with PKCE (RFC 7636), state and nonce. All three are derived from one secret in a cookie of
the browser that began, so nothing is stored before somebody has signed in, and no answer fits another browser.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from ..http.client_network import client_network
from ..service import Service
from . import identities, people, secrets
from .guard import refuse_cross_site
from .hash_threads import RETRY_SECONDS, HashThreads
from .id_token import IdTokenRefused, groups_of
from .identity_settings import OidcSettings
from .oidc_provider import CodeRefused, OidcProvider, ProviderFailed
from .sign_in_pages import BUSY, local_path, show_sign_in

log = logging.getLogger("keyart.server")
COOKIE: Final = "oidc"
VALID: Final = timedelta(minutes=10)
USED: Final = timedelta(hours=1)  # much longer than any ID token is accepted
CALLBACK: Final = "/login/oidc/callback"
MAX_WAITING: Final = 4  # threads that wait for the provider
AWAY: Final = "The single sign-on provider does not answer as it should. Try again in a minute"
OTHER_WAY: Final = ", or sign in with your password."
EXPIRED: Final = "This sign-in has expired, was begun in another browser, or was used before; begin again."


@dataclass(frozen=True, slots=True)
class _Flow:
    """A sign-in of one browser; `secret` is in its cookie, `next` the page to show afterwards."""

    secret: str
    next: str

    @property
    def state(self) -> str:
        return secrets.derive(self.secret, "oidc state")

    @property
    def nonce(self) -> str:
        return secrets.derive(self.secret, "oidc nonce")

    @property
    def verifier(self) -> str:
        return secrets.derive(self.secret, "oidc pkce")

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def cookie(self) -> str:
        """Return the value of the cookie."""
        return f"{self.secret}.{base64.urlsafe_b64encode(self.next.encode()).decode()}"


def _flow_of(cookie: str) -> _Flow | None:
    secret, _, path = cookie.partition(".")
    try:
        return _Flow(secret, local_path(base64.urlsafe_b64decode(path).decode())) if secret else None
    except ValueError:
        return None


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes, which are public; none without a provider."""
    identity = service.settings.identity
    return () if identity.oidc is None else (_routes(service, identity.oidc),)


def _routes(service: Service, settings: OidcSettings) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    provider = OidcProvider(settings, service.settings.identity.outgoing_proxy)
    waiting = HashThreads(MAX_WAITING)  # of people who wait for the provider, so that nobody else waits with them
    away = AWAY + (OTHER_WAY if service.settings.identity.passwords else ".")

    def redirect_uri(request: Request) -> str:
        return service.settings.public_url(request.base_url) + CALLBACK

    def refused(next: str, sentence: str, status: int, cause: object = None) -> Response:
        if cause is not None:
            log.warning("a single sign-on failed", extra={"error": str(cause) or type(cause).__name__})
        response = show_sign_in(service, next, sentence, status=status)
        service.guard.end_challenge(response, COOKIE)
        return response

    def busy(request: Request) -> None:
        if waiting.full(client_network(request)):
            raise HTTPException(503, BUSY, {"Retry-After": str(RETRY_SECONDS)})

    @router.get("/login/oidc")
    async def begin(request: Request, next: str = "/") -> Response:
        refuse_cross_site(request)
        busy(request)
        flow = _Flow(secrets.make(), local_path(next[:400]))

        def prepare() -> Response:
            try:
                url = provider.authorization_url(redirect_uri(request), flow.state, flow.nonce, flow.challenge)
            except ProviderFailed as error:
                return refused(next, away, 503, error)
            response = RedirectResponse(url, 303)
            service.guard.challenge(response, COOKIE, flow.cookie(), VALID, lax=True)
            return response

        return await waiting.run(client_network(request), prepare)

    @router.get(CALLBACK)
    async def callback(request: Request, state: str = "", code: str = "", error: str = "", iss: str = "") -> Response:
        flow = _flow_of(service.guard.challenge_of(request, COOKIE))
        if flow is None or not secrets.constant_time_equal(state, flow.state):
            return refused("/", EXPIRED, 401)
        if error or not code:
            return refused(flow.next, "The single sign-on provider did not sign you in.", 403, "no code")
        if iss and iss != settings.issuer:  # RFC 9207
            return refused(flow.next, EXPIRED, 401, "the answer is of another issuer")
        busy(request)
        return await waiting.run(client_network(request), lambda: finish(request, flow, code))

    def finish(request: Request, flow: _Flow, code: str) -> Response:
        at = service.clock()
        try:
            claims = provider.claims(code, redirect_uri(request), flow.verifier, flow.nonce, at)
        except ProviderFailed as error:
            return refused(flow.next, away, 503, error)
        except (CodeRefused, IdTokenRefused) as error:
            return refused(flow.next, EXPIRED, 401, error)
        secret = _begin_session(service, settings, flow, claims, at)
        if secret is None:
            sentence = "Your account at the provider is in none of the groups that may use this server."
            return refused(flow.next, sentence, 403, "no group with a role")
        if not secret:
            return refused(flow.next, EXPIRED, 401, "the sign-in was used before")
        # A page, and no redirect: browsers send the new cookie, which is SameSite=Strict, only after the visit that
        # came from the provider has ended here.
        response = service.pages.show("signed_in.html", next=flow.next)
        service.guard.end_challenge(response, COOKIE)
        service.guard.sign_in(response, secret)
        return response

    return router


def _begin_session(
    service: Service, settings: OidcSettings, flow: _Flow, claims: dict[str, Any], at: datetime
) -> str | None:
    """Begin a session and return its secret; "" if the sign-in was used before, None without a role."""
    role = settings.role_of(groups_of(claims, settings.groups_claim))
    if role is None:
        return None
    with service.state.writing() as session:
        if not identities.use_up(session, at, flow.secret, USED):
            return ""
        name = identities.name_of(claims)
        person = identities.person_of(session, at, settings.issuer, claims["sub"], name, role)
        return people.sign_in(session, at, person, "oidc")
