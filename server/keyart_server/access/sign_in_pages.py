"""The pages `/login`, `/logout` and `/join/CODE`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from keyart.errors import InputError

from ..service import Service
from . import passwords, people
from .guard import Who, refuse_cross_site
from .throttle import Throttle

WINDOW: Final = timedelta(minutes=15)
FAILURES_FROM_ONE_ADDRESS: Final = 10  # per name, since clients behind a proxy share an address
FAILURES_BY_NAME: Final = 50  # higher, so that a stranger cannot easily lock an account

Text = Annotated[str, Form(max_length=400)]


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes: signing in and joining are public, signing out is not."""
    public, signed_in = APIRouter(include_in_schema=False), service.guard.router("read")
    signed_in.include_in_schema = False
    state, guard, pages, clock = service.state, service.guard, service.pages, service.clock
    by_address = Throttle(FAILURES_FROM_ONE_ADDRESS, WINDOW, clock)
    by_name = Throttle(FAILURES_BY_NAME, WINDOW, clock)

    @public.post("/login")
    def login(request: Request, name: Text, password: Text, next: Text = "/") -> Response:
        refuse_cross_site(request)
        folded = people.folded_name(name)
        address = f"{request.client.host if request.client else ''} {folded}"
        if wait := max(by_address.wait(address), by_name.wait(folded)):
            mistake_text = f"Too many attempts; wait {wait.total_seconds() / 60:.0f} minutes."
            headers = {"Retry-After": str(int(wait.total_seconds()) + 1)}
            return sign_in_page(service, next, mistake_text, name, 429, headers)
        with state.reading() as session:
            account = people.find_by_name(session, name)
        fits = passwords.verify_password(password, people.dummy_password_hash() if account is None else account[1])
        if account is None or not fits:
            by_address.failed(address)
            by_name.failed(folded)
            return sign_in_page(service, next, "Name or password is wrong.", name, 401)
        with state.writing() as session:
            secret = people.sign_in(session, clock(), account[0])
        response = RedirectResponse(_local_path(next), 303)
        guard.sign_in(response, secret)
        return response

    @signed_in.post("/logout")
    def logout(who: Who) -> Response:
        if who.session is not None:
            with state.writing() as session:
                people.sign_out(session, clock(), who.name, who.session)
        response = RedirectResponse("/", 303)
        guard.sign_out(response)
        return response

    def join_page(code: str, mistake: str = "", name: str = "", status: int = 200) -> Response:
        with state.reading() as session:
            role = people.invited_role(session, clock(), code)
        if role is None:
            raise HTTPException(404, "This link has been used or has expired; ask for a new one.")
        values: dict[str, Any] = {"role": role, "mistake": mistake, "name": name, "min_length": passwords.MIN_LENGTH}
        return pages.show("join.html", status, **values)

    @public.get("/join/{code}")
    def join(code: str) -> Response:
        return join_page(code)

    @public.post("/join/{code}")
    def joined(request: Request, code: str, name: Text, password: Text) -> Response:
        refuse_cross_site(request)
        with state.reading() as session:
            if people.invited_role(session, clock(), code) is None:  # before the expensive password hash
                return join_page(code)
        try:
            name, sealed = people.checked_name(name), passwords.hash_password(password)
            with state.writing() as session:
                person = people.join(session, clock(), code, name, sealed)
                secret = people.sign_in(session, clock(), person)
        except InputError as error:
            return join_page(code, str(error), name, 422)
        response = RedirectResponse("/", 303)
        guard.sign_in(response, secret)
        return response

    return public, signed_in


def sign_in_page(
    service: Service,
    next: str,
    mistake: str = "",
    name: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """Render the sign-in page; `next` is the page to show afterwards."""
    with service.state.reading() as session:
        nobody = people.is_empty(session)
    values: dict[str, Any] = {"next": _local_path(next), "mistake": mistake, "name": name, "nobody": nobody}
    return service.pages.show("login.html", status, headers, **values)


def _local_path(path: str) -> str:
    """Return a path on this server, or `/`: a link must not redirect elsewhere after sign-in."""
    return path if path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable() else "/"
