"""`/people`: people and tokens: invite, remove, issue, revoke. For administrators, as their API is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, cast

from fastapi import APIRouter, Request, Response

from keyart.errors import InputError, SettingError

from ...access import ROLES, SCOPES, Role, Who, people, tokens
from ...access.routes import MAX_TOKEN_DAYS
from ...service import Service
from ..responses import FormFields, Id, form_choice, page_router, redirect, render_page
from ..settings_form import parse_number

DEFAULT_DAYS: Final = 90
PATH: Final = "/people"
# What a scope opens, for somebody who gives one.
SCOPE_TEXTS: Final = {
    "read": "see everything but people, tokens and the audit log",
    "operate": "change campaigns and releases",
    "administer": "people, tokens, the audit log",
    "enrol": "bring devices in",
}


def routes(service: Service) -> Sequence[APIRouter]:
    administering = page_router(service, "administer")
    state, clock = service.state, service.clock

    def show(request: Request, who: Who, status: int = 200, **shown: Any) -> Response:
        with state.reading() as session:
            persons, machine_tokens = people.list_all(session), tokens.list_all(session)
        values = {"mistake": "", "secret": "", "link": "", "role": "", "sent": {}, **shown}
        return render_page(
            service, request, who, "people.html", status,
            people=persons, tokens=machine_tokens, roles=ROLES, scopes=SCOPES, means=SCOPE_TEXTS, days=DEFAULT_DAYS,
            **values,
        )  # fmt: skip

    @administering.get(PATH)
    def listed(request: Request, who: Who) -> Response:
        return show(request, who)

    @administering.post("/people/invitations")
    def invite(request: Request, who: Who, sent: FormFields) -> Response:
        """The link is in this answer and nowhere else, so there is no page to go to."""
        role = cast(Role, form_choice(sent, "role", ROLES))
        with state.writing() as session:
            code = people.invite(session, clock(), who.name, role)
        address = (service.settings.url or str(request.base_url)).rstrip("/")
        return show(request, who, 201, link=f"{address}/join/{code}", role=role)

    @administering.post("/people/tokens")
    def issue(request: Request, who: Who, sent: FormFields) -> Response:
        """As with `invite`: the token is told once."""
        try:
            name, days = people.checked_name(sent.get("name", "")), parse_number("days", sent.get("days", ""), int)
            scopes = [scope for scope in SCOPES if scope in sent.getlist("scopes")]
            if not scopes:
                raise SettingError("A token needs something that it may do; tick one.")
            if not 1 <= days <= MAX_TOKEN_DAYS:
                raise SettingError(f"A token ends after 1 to {MAX_TOKEN_DAYS} days.")
        except InputError as error:
            return show(request, who, 422, mistake=str(error), sent=sent)
        with state.writing() as session:
            secret, token = tokens.issue(session, clock(), who.name, name, scopes, timedelta(days=days))
        return show(request, who, 201, secret=secret, role=token.name)

    @administering.post("/people/tokens/{token_id}/revoke")
    def revoke(token_id: Id, who: Who) -> Response:
        with state.writing() as session:
            found = tokens.revoke(session, clock(), who.name, token_id)
        return redirect(
            service, who, PATH, "The token opens nothing any more." if found else "It was gone already.", found
        )

    @administering.post("/people/{person_id}/remove")
    def remove(person_id: Id, who: Who) -> Response:
        with state.writing() as session:
            found = people.remove(session, clock(), who.name, person_id)
        return redirect(service, who, PATH, "Removed, and signed out." if found else "They were gone already.", found)

    return (administering,)
