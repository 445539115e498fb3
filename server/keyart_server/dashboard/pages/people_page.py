"""The page `/people`: accounts and API tokens; invite, remove, issue and revoke. For administrators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, cast

from fastapi import APIRouter, Request, Response

from keyart.errors import InputError, SettingError
from keyart_federated.campaigns.setting_texts import parse_number

from ...access import ROLES, SCOPES, Role, Who, people, second_factors, tokens
from ...access.routes import MAX_TOKEN_DAYS
from ...service import Service
from ..responses import FormFields, Id, form_choice, page_router, redirect, render_page

DEFAULT_DAYS: Final = 90
PATH: Final = "/people"
# Description of each scope.
SCOPE_TEXTS: Final = {
    "read": "read everything except accounts, tokens and the audit log",
    "operate": "change campaigns and releases",
    "administer": "manage accounts, tokens and the audit log",
}


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes of the page and of its forms."""
    administering = page_router(service, "administer")
    state, clock = service.state, service.clock

    def show(request: Request, who: Who, status: int = 200, **shown: Any) -> Response:
        with state.reading() as session:
            persons, machine_tokens = people.list_all(session), tokens.list_all(session)
            enrolled = second_factors.confirmed_people(session)
        values = {"mistake": "", "secret": "", "link": "", "role": "", "sent": {}, **shown}
        return render_page(
            service, request, who, "people.html", status,
            people=persons, tokens=machine_tokens, roles=ROLES, scopes=SCOPES, scope_texts=SCOPE_TEXTS,
            days=DEFAULT_DAYS, enrolled=enrolled, passwords=service.settings.identity.passwords, **values,
        )  # fmt: skip

    @administering.get(PATH)
    def listed(request: Request, who: Who) -> Response:
        return show(request, who)

    @administering.post("/people/invitations")
    def invite(request: Request, who: Who, sent: FormFields) -> Response:
        """Create an invitation. Its link is in this response only, so there is no redirect."""
        role = cast(Role, form_choice(sent, "role", ROLES))
        with state.writing() as session:
            code = people.invite(session, clock(), who.name, role)
        address = service.settings.public_url(request.base_url)
        return show(request, who, 201, link=f"{address}/join/{code}", role=role)

    @administering.post("/people/tokens")
    def issue(request: Request, who: Who, sent: FormFields) -> Response:
        """Issue a token, which is in this response only."""
        try:
            name, days = people.checked_name(sent.get("name", "")), parse_number("days", sent.get("days", ""), int)
            scopes = [scope for scope in SCOPES if scope in sent.getlist("scopes")]
            if not scopes:
                raise SettingError("A token needs at least one scope.")
            if not 1 <= days <= MAX_TOKEN_DAYS:
                raise SettingError(f"A token is valid for 1 to {MAX_TOKEN_DAYS} days.")
        except InputError as error:
            return show(request, who, 422, mistake=str(error), sent=sent)
        with state.writing() as session:
            secret, token = tokens.issue(session, clock(), who.name, name, scopes, timedelta(days=days))
        return show(request, who, 201, secret=secret, role=token.name)

    @administering.post("/people/tokens/{token_id}/revoke")
    def revoke(token_id: Id, who: Who) -> Response:
        with state.writing() as session:
            revoked = tokens.revoke(session, clock(), who.name, token_id)
        sentence = "The token is revoked." if revoked else "The token had been revoked already."
        return redirect(service, who, PATH, sentence, revoked)

    @administering.post("/people/{person_id}/totp/reset")
    def reset_second_factor(person_id: Id, who: Who) -> Response:
        with state.writing() as session:
            person = people.find(session, person_id)
            done = person is not None and second_factors.reset(session, clock(), who.name, person)
        sentence = "The second factor is off, and the person is signed out." if done else "There is no second factor."
        return redirect(service, who, PATH, sentence, done)

    @administering.post("/people/{person_id}/remove")
    def remove(person_id: Id, who: Who) -> Response:
        with state.writing() as session:
            removed = people.remove(session, clock(), who.name, person_id)
        sentence = "The account is removed and signed out." if removed else "The account had been removed already."
        return redirect(service, who, PATH, sentence, removed)

    return (administering,)
