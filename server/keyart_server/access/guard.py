"""Authentication and authorisation: a bearer token or a session cookie, checked before a request body is read.

A router determines the scope that its routes need:

    routes = guard.router("operate")

    @routes.post("/api/v1/campaigns")
    def create(new: NewCampaign, who: Who) -> Campaign: ...

401: not authenticated. 403: the scope is missing, or another site's page uses the session.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, HTTPException, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from ..state import ServerState
from . import people, secrets, tokens
from .scopes import SCOPES_BY_ROLE, Scope

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
    """

    name: str
    scopes: frozenset[str]
    session: str | None = None

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
    """Authenticates requests; `secure` binds the session cookie to this host (`__Host-`)."""

    def __init__(self, state: ServerState, clock: Callable[[], datetime], secure: bool) -> None:
        self._state, self._clock, self._secure = state, clock, secure
        self.cookie = "__Host-keyart" if secure else "keyart"

    def router(self, scope: Scope) -> APIRouter:
        """Return a router whose routes need this scope."""
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
            401: {"description": "Not signed in, or the token is not valid."},
            403: {"description": f"The scope {scope} is missing."},
        }
        return APIRouter(route_class=Guarded, dependencies=[Security(_bearer)], responses=refusals)

    def identify(self, request: Request) -> Actor | None:
        """Identify the sender by bearer token, else by cookie; this queries the database."""
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        cookie = request.cookies.get(self.cookie)
        with self._state.reading() as session:
            if kind:
                token = tokens.find(session, self._clock(), secret.strip()) if kind.lower() == "bearer" else None
                return None if token is None else Actor(f"token:{token.name}", token.scopes)
            if cookie is None:
                return None
            person = people.find_by_session(session, self._clock(), cookie)
            return None if person is None else Actor(f"person:{person.name}", SCOPES_BY_ROLE[person.role], cookie)

    async def _admit(self, request: Request, scope: Scope) -> Actor:
        actor = await run_in_threadpool(self.identify, request)
        if actor is None:
            raise HTTPException(
                401,
                "Sign in, or send a valid token: Authorization: Bearer TOKEN.",
                {"WWW-Authenticate": "Bearer"},
            )
        if actor.session is not None and request.method not in SAFE_METHODS:
            refuse_cross_site(request)
            if not secrets.constant_time_equal(await _csrf_token(request), actor.csrf):
                raise HTTPException(403, "This form belongs to an expired session; reload the page and try again.")
        if not actor.has_scope(scope):
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
        value = (await request.form()).get(CSRF_FIELD)
        token = value if isinstance(value, str) else None
    return token or ""
