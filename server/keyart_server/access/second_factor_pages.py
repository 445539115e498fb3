"""The page `/login/code`: the second factor of a sign-in whose password was right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ..service import Service
from . import challenges, people, second_factors
from .failure_report import FailureReport
from .guard import refuse_cross_site
from .people import Person
from .sign_in_pages import SECOND_FACTOR, WINDOW, Text, local_path, show_sign_in

EXPIRED: Final = "This sign-in has expired; begin again."


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes, which are public: the cookie of the challenge takes the place of a session."""
    router = APIRouter(include_in_schema=False)
    state, clock, guard = service.state, service.clock, service.guard
    failures = FailureReport(state, WINDOW, clock, guard.failures, "code")

    def challenged(request: Request) -> Person | None:
        with state.reading() as session:
            return challenges.find(session, clock(), guard.challenge_of(request, SECOND_FACTOR))

    def show(next: str, mistake: str = "", status: int = 200, headers: dict[str, str] | None = None) -> Response:
        return service.pages.show("login_code.html", status, headers, next=local_path(next), mistake=mistake)

    def expired(next: str) -> Response:
        response = show_sign_in(service, next, EXPIRED, status=401)
        guard.end_challenge(response, SECOND_FACTOR)
        return response

    @router.get("/login/code")
    def ask(request: Request, next: str = "/") -> Response:
        return show(next) if challenged(request) is not None else expired(next)

    @router.post("/login/code")
    def answer(request: Request, code: Text, next: Text = "/") -> Response:
        refuse_cross_site(request)
        person = challenged(request)
        if person is None:
            return expired(next)
        if refused := guard.codes.begin(person.id):
            return show(next, refused[0], 429, refused[1])
        challenge = guard.challenge_of(request, SECOND_FACTOR)
        secret = None
        with state.writing() as session:
            if second_factors.check(session, clock(), service.sealer, person, code):
                if challenges.end(session, challenge):
                    secret = people.sign_in(session, clock(), person, "totp")
            else:
                challenges.fail(session, challenge)
        if secret is None:
            failures.add(person)
            return show(next, "The code is wrong, or was used before.", 401)
        guard.codes.succeed(person.id)
        response = RedirectResponse(local_path(next), 303)
        guard.end_challenge(response, SECOND_FACTOR)
        guard.sign_in(response, secret)
        return response

    return (router,)
