"""`/people`: people and tokens: invite, remove, issue, revoke. For administrators, as their API is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, cast

from fastapi import APIRouter, Request, Response

from keyart.errors import InputError, SettingError

from ...access import ROLES, SCOPES, Role, Who, people, tokens
from ...access.routes import MOST_DAYS
from ...service import Service
from ..responses import Id, Sent, choice, go, page, router
from ..settings_form import number

DAYS: Final = 90
HERE: Final = "/people"
# What a scope opens, for somebody who gives one.
MEANS: Final = {
    "read": "see everything but people, tokens and the audit log",
    "operate": "change campaigns and releases",
    "administer": "people, tokens, the audit log",
    "enrol": "bring devices in",
}


def routes(service: Service) -> Sequence[APIRouter]:
    administering = router(service, "administer")
    state, clock = service.state, service.clock

    def show(request: Request, who: Who, status: int = 200, **said: Any) -> Response:
        with state.reading() as session:
            known, machines = people.every(session), tokens.every(session)
        values = {"mistake": "", "secret": "", "link": "", "role": "", "sent": {}, **said}
        return page(
            service, request, who, "people.html", status,
            people=known, tokens=machines, roles=ROLES, scopes=SCOPES, means=MEANS, days=DAYS, **values,
        )  # fmt: skip

    @administering.get(HERE)
    def listed(request: Request, who: Who) -> Response:
        return show(request, who)

    @administering.post("/people/invitations")
    def invite(request: Request, who: Who, sent: Sent) -> Response:
        """The link is in this answer and nowhere else, so there is no page to go to."""
        role = cast(Role, choice(sent, "role", ROLES))
        with state.writing() as session:
            code = people.invite(session, clock(), who.name, role)
        address = (service.settings.url or str(request.base_url)).rstrip("/")
        return show(request, who, 201, link=f"{address}/join/{code}", role=role)

    @administering.post("/people/tokens")
    def issue(request: Request, who: Who, sent: Sent) -> Response:
        """As with `invite`: the token is told once."""
        try:
            name, days = people.checked_name(sent.get("name", "")), number("days", sent.get("days", ""), int)
            scopes = [scope for scope in SCOPES if scope in sent.getlist("scopes")]
            if not scopes:
                raise SettingError("A token needs something that it may do; tick one.")
            if not 1 <= days <= MOST_DAYS:
                raise SettingError(f"A token ends after 1 to {MOST_DAYS} days.")
        except InputError as error:
            return show(request, who, 422, mistake=str(error), sent=sent)
        with state.writing() as session:
            secret, token = tokens.issue(session, clock(), who.name, name, scopes, timedelta(days=days))
        return show(request, who, 201, secret=secret, role=token.name)

    @administering.post("/people/tokens/{token_id}/revoke")
    def revoke(token_id: Id, who: Who) -> Response:
        with state.writing() as session:
            there = tokens.revoke(session, clock(), who.name, token_id)
        return go(service, who, HERE, "The token opens nothing any more." if there else "It was gone already.", there)

    @administering.post("/people/{person_id}/remove")
    def remove(person_id: Id, who: Who) -> Response:
        with state.writing() as session:
            there = people.remove(session, clock(), who.name, person_id)
        return go(service, who, HERE, "Removed, and signed out." if there else "They were gone already.", there)

    return (administering,)
