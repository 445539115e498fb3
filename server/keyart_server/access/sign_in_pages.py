"""The pages `/login`, `/logout` and `/join/CODE`; `second_factor_pages` and `oidc_pages` continue a sign-in."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from keyart.errors import InputError

from ..http.client_network import client_network
from ..service import Service
from . import challenges, passwords, people, second_factors
from .failure_report import FailureReport
from .guard import Who, refuse_cross_site
from .hash_threads import RETRY_SECONDS, HashThreads
from .people import Person
from .throttle import Throttle, refusal

WINDOW: Final = timedelta(minutes=15)
# Of a name from one network. No limit counts a name over all networks: a stranger could lock its owner out.
MAX_FAILURES_OF_NAME: Final = 10
MAX_FAILURES_OF_NETWORK: Final = 50  # whatever the names; many colleagues may share a network
REFUSAL_SECONDS: Final = (1.0, 3.0)
NO_PASSWORDS: Final = "This server accepts no passwords; use single sign-on."
BUSY: Final = "Too many people are signing in right now; try again in a few seconds."

SECOND_FACTOR: Final = "code"  # cookie of a challenge

Text = Annotated[str, Form(max_length=400)]


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes: signing in and joining are public, signing out is not."""
    hashing = HashThreads()
    return _login_route(service, hashing), _logout_route(service), _join_routes(service, hashing)


def _login_route(service: Service, hashing: HashThreads) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    state, clock = service.state, service.clock
    throttle, failures = Throttle(WINDOW, clock), FailureReport(state, WINDOW, clock, service.guard.failures)

    def limits_of(network: str, name: str) -> dict[str, int]:
        limits = {f"{network} {people.folded_name(name)}": MAX_FAILURES_OF_NAME}
        if service.settings.sees_clients:
            limits[network] = MAX_FAILURES_OF_NETWORK
        return limits

    def checked(name: str, password: str) -> tuple[Person | None, bool]:
        with state.reading() as session:
            account = people.find_by_name(session, name)
        if account is None or not account[1]:  # no such account, or one without a password
            passwords.verify_password(password, people.dummy_password_hash())
            return None if account is None else account[0], False
        return account[0], passwords.verify_password(password, account[1])

    def welcome(person: Person, next: str) -> Response:
        """Begin a session, or ask for the second factor."""
        with state.writing() as session:
            if second_factors.is_on(session, person.id):
                secret = challenges.begin(session, clock(), person)
                response = RedirectResponse(f"/login/code?{urlencode({'next': local_path(next)})}", 303)
                service.guard.challenge(response, SECOND_FACTOR, secret, challenges.VALID)
                return response
            secret = people.sign_in(session, clock(), person)
        response = RedirectResponse(local_path(next), 303)
        service.guard.sign_in(response, secret)
        return response

    @router.post("/login")
    async def login(request: Request, name: Text, password: Text, next: Text = "/") -> Response:
        refuse_cross_site(request)
        if not service.settings.identity.passwords:
            return show_sign_in(service, next, status=403)

        async def refused(status: int, mistake: str, headers: dict[str, str]) -> Response:
            # Without the database and without a thread. And late, at moments that differ: of a flood almost all is
            # refused, and a client that waits does not try again.
            await asyncio.sleep(random.uniform(*REFUSAL_SECONDS))  # noqa: S311 (no secret)
            return show_sign_in(service, next, mistake, name, status, headers)

        network = client_network(request)
        if hashing.full(network):
            return await refused(503, BUSY, {"Retry-After": str(RETRY_SECONDS)})
        limits = limits_of(network, name)
        if wait := throttle.begin(limits):
            return await refused(429, *refusal("attempts", wait))
        try:
            person, fits = await hashing.run(network, lambda: checked(name, password))
        except Exception:  # nobody has learned whether the password fits
            throttle.take_back(limits)
            raise
        if person is None or not fits:
            response = show_sign_in(service, next, "Name or password is wrong.", name, 401)
            # After the response, whose time would reveal whether a row is written, and so whether the account exists.
            response.background = BackgroundTask(failures.add, person)
            return response
        throttle.take_back(limits)
        return await run_in_threadpool(welcome, person, next)

    return router


def _logout_route(service: Service) -> APIRouter:
    router = service.guard.router(None)
    router.include_in_schema = False

    @router.post("/logout")
    def logout(who: Who) -> Response:
        if who.session is not None:
            with service.state.writing() as session:
                people.sign_out(session, service.clock(), who.name, who.session)
        response = RedirectResponse("/", 303)
        service.guard.sign_out(response)
        return response

    return router


def _join_routes(service: Service, hashing: HashThreads) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    state, clock = service.state, service.clock

    def refuse_without_passwords() -> None:
        if not service.settings.identity.passwords:
            raise HTTPException(403, NO_PASSWORDS)

    def join_page(code: str, mistake: str = "", name: str = "", status: int = 200) -> Response:
        with state.reading() as session:
            role = people.invited_role(session, clock(), code)
        if role is None:
            raise HTTPException(404, "This link has been used or has expired; ask for a new one.")
        values: dict[str, Any] = {"role": role, "mistake": mistake, "name": name, "min_length": passwords.MIN_LENGTH}
        return service.pages.show("join.html", status, **values)

    @router.get("/join/{code}")
    def join(code: str) -> Response:
        refuse_without_passwords()
        return join_page(code)

    def join_and_begin(code: str, name: str, sealed: str) -> str:
        with state.writing() as session:
            person = people.join(session, clock(), code, name, sealed)
            return people.sign_in(session, clock(), person)

    def is_invited(code: str) -> bool:
        with state.reading() as session:
            return people.invited_role(session, clock(), code) is not None

    @router.post("/join/{code}")
    async def joined(request: Request, code: str, name: Text, password: Text) -> Response:
        refuse_cross_site(request)
        refuse_without_passwords()
        if not await run_in_threadpool(is_invited, code):  # before the expensive password hash
            return await run_in_threadpool(join_page, code)
        network = client_network(request)
        if hashing.full(network):
            raise HTTPException(503, BUSY, {"Retry-After": str(RETRY_SECONDS)})
        try:
            name = people.checked_name(name)
            sealed = await hashing.run(network, lambda: passwords.hash_password(password))
            secret = await run_in_threadpool(join_and_begin, code, name, sealed)
        except InputError as error:
            return await run_in_threadpool(join_page, code, str(error), name, 422)
        response = RedirectResponse("/", 303)
        service.guard.sign_in(response, secret)
        return response

    return router


def sign_in_page(service: Service, next: str, status: int) -> Response:
    """Render the sign-in page for somebody who has not tried yet; `next` is the page to show afterwards."""
    with service.state.reading() as session:
        nobody = people.is_empty(session)
    return show_sign_in(service, next, status=status, nobody=nobody)


def show_sign_in(
    service: Service,
    next: str,
    mistake: str = "",
    name: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
    nobody: bool = False,
) -> Response:
    """Render the sign-in page; `nobody` shows what to do before the first account exists."""
    identity, path = service.settings.identity, local_path(next)
    values: dict[str, Any] = {
        "next": path, "mistake": mistake, "name": name, "nobody": nobody, "passwords": identity.passwords,
        "single_sign_on": None if identity.oidc is None else f"/login/oidc?{urlencode({'next': path})}",
    }  # fmt: skip
    return service.pages.show("login.html", status, headers, **values)


def local_path(path: str) -> str:
    """Return a path on this server, or `/`: a link must not redirect elsewhere after sign-in."""
    return path if path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable() else "/"
