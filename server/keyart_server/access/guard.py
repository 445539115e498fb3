"""Authentication and authorisation: a bearer token or a session cookie, checked before a request body is read.

A router determines the scope that its routes need:

    routes = guard.router("operate")

    @routes.post("/api/v1/campaigns")
    def create(new: NewCampaign, who: Who) -> Campaign: ...

401: not authenticated. 403: the scope is missing, another site's page uses
the session, or the person has to set up a second factor first.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, HTTPException, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from ..http.error_responses import error_schema
from ..monitoring.metrics import Metrics
from ..state import ServerState
from . import people, secrets, tokens
from .code_attempts import CodeAttempts
from .scopes import SCOPES_BY_ROLE, Role, Scope
from .sign_in_metrics import SignInFailures
from .token_use import TokenUse

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER, CSRF_FIELD = "x-csrf-token", "csrf"
FORMS: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_bearer = HTTPBearer(auto_error=False, description="An API token, such as the one in DIR/admin.token.")


@dataclass(frozen=True, slots=True)
class Actor:
    """The authenticated sender of a request.

    Attributes:
        name: name in the audit log.
        session: secret in the session cookie; None for an API token.
        must_enrol: whether the person has to set up a second factor first, and has no scope until then.
    """

    name: str
    scopes: frozenset[str]
    session: str | None = None
    must_enrol: bool = False

    def has_scope(self, scope: Scope) -> bool:
        """Tell whether the actor has this scope."""
        return scope in self.scopes

    @property
    def csrf(self) -> str:
        """Return the CSRF token that forms of this session must send."""
        return "" if self.session is None else secrets.derive(self.session, "csrf")


def actor_of(request: Request) -> Actor:
    """Return the actor that the guard admitted."""
    actor: Actor = request.state.actor
    return actor


Who = Annotated[Actor, Depends(actor_of)]


class Guard:
    """Authenticates requests.

    Args:
        state: the database.
        clock: returns the current time, with zone.
        secure: whether the session cookie is bound to https and this host (`__Host-`).
        metrics: registry of the process.
        totp_roles: roles that need a second factor when they sign in with a password.
        passwords: whether sessions that began with a password are accepted.

    Attributes:
        failures: counts failed attempts to sign in.
        codes: limits wrong codes of second factors.
    """

    def __init__(
        self,
        state: ServerState,
        clock: Callable[[], datetime],
        secure: bool,
        metrics: Metrics,
        totp_roles: frozenset[Role] = frozenset(),
        passwords: bool = True,
    ) -> None:
        self._passwords = passwords
        self._state, self._clock, self._secure, self._totp_roles = state, clock, secure, totp_roles
        self.failures, self.codes, self._token_use = SignInFailures(metrics), CodeAttempts(clock), TokenUse(clock)
        self.cookie = "__Host-keyart" if secure else "keyart"

    def router(self, scope: Scope | None) -> APIRouter:
        """Return a router whose routes need this scope; None admits everybody who is authenticated."""
        admit = self._admit

        class Guarded(APIRoute):
            needs = scope

            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                handle = super().get_route_handler()

                async def guarded(request: Request) -> Response:
                    try:
                        request.state.actor = await admit(request, scope)
                        return await handle(request)
                    finally:
                        await request.close()  # the files of a form

                return guarded

        refusals: dict[int | str, dict[str, Any]] = {
            401: error_schema("Not signed in, or the token is not valid."),
            403: error_schema(f"The scope {scope} is missing." if scope else "Another site sent the request."),
        }
        return APIRouter(route_class=Guarded, dependencies=[Security(_bearer)], responses=refusals)

    def _unauthenticated(self, request: Request) -> str:
        """Return the sentence for a sender that `identify` does not know."""
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            with self._state.reading() as session:
                expired = tokens.find_expired(session, self._clock(), secret.strip())
            if expired is not None:
                return f"This token expired on {expired.expires:%Y-%m-%d}; ask an administrator for a new one."
        return "Sign in, or send a valid token: Authorization: Bearer TOKEN."

    def identify(self, request: Request) -> Actor | None:
        """Identify the sender by bearer token, else by cookie; this queries the database."""
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        cookie = request.cookies.get(self.cookie)
        with self._state.reading() as session:
            if kind:
                token = tokens.find(session, self._clock(), secret.strip()) if kind.lower() == "bearer" else None
                if token is None:
                    self.failures.count("token")
                    return None
                self._token_use.note(token)
                return Actor(f"token:{token.name}", token.scopes)
            if cookie is None:
                return None
            signed_in = people.find_by_session(session, self._clock(), cookie)
        if signed_in is None or not (self._passwords or signed_in.factor == "oidc"):
            return None
        person = signed_in.person
        must_enrol = signed_in.factor == "password" and person.role in self._totp_roles
        return Actor(
            f"person:{person.name}", frozenset() if must_enrol else SCOPES_BY_ROLE[person.role], cookie, must_enrol
        )

    async def _admit(self, request: Request, scope: Scope | None) -> Actor:
        actor = await run_in_threadpool(self.identify, request)
        if actor is None:
            sentence = await run_in_threadpool(self._unauthenticated, request)
            raise HTTPException(401, sentence, {"WWW-Authenticate": "Bearer"})
        if actor.session is not None and request.method not in SAFE_METHODS:
            refuse_cross_site(request)
            if not secrets.constant_time_equal(await _csrf_token(request), actor.csrf):
                raise HTTPException(403, "This form belongs to an expired session; reload the page and try again.")
        if scope is not None and actor.must_enrol:
            request.state.must_enrol = True  # a page is replaced by the one on which to do so
            raise HTTPException(403, f"{actor.name} has to set up a second factor first, on the page /account.")
        if scope is not None and not actor.has_scope(scope):
            raise HTTPException(403, f"{actor.name} lacks the scope {scope}; ask an administrator.")
        return actor

    def sign_in(self, response: Response, secret: str) -> None:
        """Set the session cookie."""
        response.set_cookie(
            self.cookie,
            secret,
            max_age=int(people.SESSION.total_seconds()),
            httponly=True,
            secure=self._secure,
            samesite="strict",
        )

    def challenge(self, response: Response, name: str, secret: str, valid: timedelta, lax: bool = False) -> None:
        """Set a short-lived cookie of a sign-in that is not complete; `lax` if another site leads back to it."""
        response.set_cookie(
            f"{self.cookie}-{name}",
            secret,
            max_age=int(valid.total_seconds()),
            httponly=True,
            secure=self._secure,
            samesite="lax" if lax else "strict",
        )

    def challenge_of(self, request: Request, name: str) -> str:
        """Return the secret in a cookie of `challenge`, or ""."""
        return request.cookies.get(f"{self.cookie}-{name}", "")

    def end_challenge(self, response: Response, name: str) -> None:
        """Delete a cookie of `challenge`."""
        response.delete_cookie(f"{self.cookie}-{name}", httponly=True, secure=self._secure, samesite="strict")

    def sign_out(self, response: Response) -> None:
        """Delete the session cookie."""
        response.delete_cookie(self.cookie, httponly=True, secure=self._secure, samesite="strict")


def refuse_cross_site(request: Request) -> None:
    """Raise 403 for a request that the browser attributes to another site."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if site not in ("same-origin", "none") or foreign:
        raise HTTPException(403, "Cross-site request refused; use the server's own pages.")


async def _csrf_token(request: Request) -> str:
    token = request.headers.get(CSRF_HEADER)
    if token is None and request.headers.get("content-type", "").partition(";")[0].strip().lower() in FORMS:
        try:
            value = (await request.form()).get(CSRF_FIELD)
        except ValueError:  # the parser's own errors, which Starlette lets through
            return ""
        token = value if isinstance(value, str) else None
    return token or ""
