"""Who comes in: a bearer token or a browser's session, checked before anything of a request is read.

A route is guarded by the router that it stands on:

    routes = guard.router("operate")

    @routes.post("/api/campaigns")
    def create(new: NewCampaign, who: Who) -> Campaign: ...

401: nobody we know. 403: somebody who may not, or a page of another site that uses somebody's session.
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
FORM = "application/x-www-form-urlencoded"
_bearer = HTTPBearer(auto_error=False, description="A token, such as the one in DIR/admin.token.")


@dataclass(frozen=True, slots=True)
class Actor:
    """name: as the audit log has it. session: what the cookie holds; None for a machine."""

    name: str
    scopes: frozenset[str]
    session: str | None = None

    def has_scope(self, scope: Scope) -> bool:
        return scope in self.scopes

    @property
    def csrf(self) -> str:
        """What a form of this session has to bring along."""
        return "" if self.session is None else secrets.derive(self.session, "csrf")


def actor_of(request: Request) -> Actor:
    """Who the guard let in."""
    actor: Actor = request.state.actor
    return actor


Who = Annotated[Actor, Depends(actor_of)]


class Guard:
    """secure: whether browsers come by https, where a cookie can be bound to this host (`__Host-`)."""

    def __init__(self, state: ServerState, clock: Callable[[], datetime], secure: bool) -> None:
        self._state, self._clock, self._secure = state, clock, secure
        self.cookie = "__Host-keyart" if secure else "keyart"

    def router(self, scope: Scope) -> APIRouter:
        """A router whose routes need this scope."""
        admit = self._admit

        class Guarded(APIRoute):
            needs = scope

            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                handle = super().get_route_handler()

                async def guarded(request: Request) -> Response:
                    request.state.actor = await admit(request, scope)
                    return await handle(request)

                return guarded

        refusals: dict[int | str, dict[str, Any]] = {
            401: {"description": "Nobody that this server knows."},
            403: {"description": f"May not {scope}."},
        }
        return APIRouter(route_class=Guarded, dependencies=[Security(_bearer)], responses=refusals)

    def identify(self, request: Request) -> Actor | None:
        """Who asks, by bearer token or else by cookie. Asks the database."""
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
                "Sign in, or bring a token that is valid: Authorization: Bearer TOKEN.",
                {"WWW-Authenticate": "Bearer"},
            )
        if actor.session is not None and request.method not in SAFE_METHODS:
            refuse_cross_site(request)
            if not secrets.constant_time_equal(await _csrf_token(request), actor.csrf):
                raise HTTPException(403, "This form is not of your session any more; load the page and try again.")
        if not actor.has_scope(scope):
            raise HTTPException(403, f"{actor.name} may not {scope}; ask an administrator.")
        return actor

    def sign_in(self, response: Response, secret: str) -> None:
        response.set_cookie(
            self.cookie,
            secret,
            max_age=int(people.SESSION.total_seconds()),
            httponly=True,
            secure=self._secure,
            samesite="strict",
        )

    def sign_out(self, response: Response) -> None:
        response.delete_cookie(self.cookie, httponly=True, secure=self._secure, samesite="strict")


def refuse_cross_site(request: Request) -> None:
    """A browser says which site a request comes from; another one's is refused."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if site not in ("same-origin", "none") or foreign:
        raise HTTPException(403, "This request comes from another site's page; use the server's own.")


async def _csrf_token(request: Request) -> str:
    token = request.headers.get(CSRF_HEADER)
    if token is None and request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        value = (await request.form()).get(CSRF_FIELD)
        token = value if isinstance(value, str) else None
    return token or ""
