"""The page `/account`: a person's own account and second factor. API tokens have none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import segno
from fastapi import APIRouter, HTTPException, Request, Response
from markupsafe import Markup

from ...access import Actor, Who, people, second_factors, totp
from ...access.people import SignedIn
from ...access.scopes import SCOPES_BY_ROLE
from ...service import Service
from ..responses import FormFields, redirect, render_page

PATH: Final = "/account"
WRONG: Final = "The code is wrong, or was used before. Check the clock of your device, and enter the newest code."


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes of the page and of its forms."""
    router = service.guard.router(None)
    router.include_in_schema = False
    state, clock, sealer, account = service.state, service.clock, service.sealer, _Account(service)

    @router.get(PATH)
    def page(request: Request, who: Who) -> Response:
        return account.show(request, who)

    @router.post("/account/totp")
    def begin(request: Request, who: Who) -> Response:
        """Show a new secret. It is in this response only, so there is no redirect."""
        found = account.with_password(who)
        with state.writing() as session:
            secret = second_factors.begin(session, sealer, found.person.id)
        if secret is None:
            return redirect(service, who, PATH, "Your second factor is on already.", False)
        return account.show_secret(request, who, secret, 201)

    @router.post("/account/totp/confirm")
    def confirm(request: Request, who: Who, sent: FormFields) -> Response:
        """Turn it on with a first code; recovery codes are in this response only."""
        found = account.with_password(who)
        account.begin_attempt(found.person.id)
        with state.writing() as session:
            codes = second_factors.confirm(session, clock(), sealer, found.person, sent.get("code", ""))
        if codes is None:
            with state.reading() as session:
                secret = second_factors.pending_secret(session, sealer, found.person.id)
            if secret is None:
                return redirect(service, who, PATH, "There is nothing to confirm; set up a second factor.", False)
            return account.show_secret(request, who, secret, 422, WRONG)
        service.guard.codes.succeed(found.person.id)
        renewed = account.renew_session(who, found, "totp")
        response = account.show(request, renewed, 201, codes=codes)
        service.guard.sign_in(response, renewed.session or "")
        return response

    @router.post("/account/totp/codes")
    def renew(request: Request, who: Who, sent: FormFields) -> Response:
        found = account.with_code(who, sent.get("code", ""))
        if found is None:
            return account.show(request, who, 422, mistake=WRONG)
        with state.writing() as session:
            codes = second_factors.renew_recovery_codes(session, clock(), found.person)
        return account.show(request, who, 201, codes=codes)

    @router.post("/account/totp/off")
    def turn_off(request: Request, who: Who, sent: FormFields) -> Response:
        if account.is_required(account.signed_in(who)):
            raise HTTPException(403, "Your role requires a second factor; an administrator can reset it.")
        found = account.with_code(who, sent.get("code", ""))
        if found is None:
            return account.show(request, who, 422, mistake=WRONG)
        with state.writing() as session:
            second_factors.reset(session, clock(), who.name, found.person)
        renewed = account.renew_session(who, found, "password")
        response = redirect(service, renewed, PATH, "The second factor is off, and your other sessions have ended.")
        service.guard.sign_in(response, renewed.session or "")
        return response

    return (router,)


class _Account:
    """The parts that the routes share."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def signed_in(self, who: Actor) -> SignedIn:
        service = self._service
        with service.state.reading() as session:
            found = None if who.session is None else people.find_by_session(session, service.clock(), who.session)
        if found is None:
            raise HTTPException(403, "This page belongs to people; an API token has no account.")
        return found

    def with_password(self, who: Actor) -> SignedIn:
        """Return the person, unless a provider has signed them in."""
        found = self.signed_in(who)
        if found.factor == "oidc":
            raise HTTPException(403, "Your provider asks for second factors; there is none to set up here.")
        return found

    def with_code(self, who: Actor, code: str) -> SignedIn | None:
        """Return the person if the code is valid, and use it up."""
        found, service = self.with_password(who), self._service
        self.begin_attempt(found.person.id)
        with service.state.writing() as session:
            if not second_factors.check(session, service.clock(), service.sealer, found.person, code):
                return None
        service.guard.codes.succeed(found.person.id)
        return found

    def begin_attempt(self, person_id: str) -> None:
        if refused := self._service.guard.codes.begin(person_id):
            raise HTTPException(429, *refused)

    def is_required(self, found: SignedIn) -> bool:
        return found.person.role in self._service.settings.identity.totp_roles

    def renew_session(self, who: Actor, found: SignedIn, factor: people.Factor) -> Actor:
        """Replace all sessions of the person by a new one: what they may do has changed."""
        service = self._service
        with service.state.writing() as session:
            people.end_sessions(session, found.person.id)
            secret = people.sign_in(session, service.clock(), found.person, factor)
        return Actor(who.name, SCOPES_BY_ROLE[found.person.role], secret)

    def show(self, request: Request, who: Actor, status: int = 200, **shown: Any) -> Response:
        """Render the page."""
        found = self.signed_in(who)
        with self._service.state.reading() as session:
            factor = second_factors.find(session, found.person.id)
        values = {"mistake": "", "secret": "", "qr": "", "codes": (), **shown}
        return render_page(
            self._service, request, who, "account.html", status, person=found.person, factor=found.factor,
            second=factor if factor is not None and factor.confirmed else None,
            required=self.is_required(found), **values,
        )  # fmt: skip

    def show_secret(self, request: Request, who: Actor, secret: str, status: int, mistake: str = "") -> Response:
        """Render the page with a secret, as text and as a QR code."""
        host = urlsplit(self._service.settings.public_url(request.base_url)).hostname or "keyart"
        uri = totp.enrolment_uri(secret, self.signed_in(who).person.name, host)
        code = segno.make(uri, error="m", micro=False).svg_inline(scale=5, border=4, dark="#000", light="#fff")
        return self.show(request, who, status, secret=secret, qr=Markup(code), mistake=mistake)  # noqa: S704 (ours)
