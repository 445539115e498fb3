"""The routes `/api/v1/tokens`, `/api/v1/people`, `/api/v1/invitations` and `/api/v1/audit`, for administrators."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from .. import audit_log, idempotency
from ..http.error_responses import error_schema, found_or_404
from ..http.pagination import Page, Paging
from ..idempotency import CreatedAnswer, Once
from ..service import Service
from . import people, second_factors, tokens
from .guard import Who
from .people import INVITATION, Person
from .scopes import Role, Scope
from .tokens import Token

MAX_TOKEN_DAYS = 730
Id = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="Identifier, its `id`.")]


class NewToken(BaseModel):
    """Body of a request for an API token.

    Attributes:
        name: name in the audit log.
        scopes: what the token may do.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"name": "nightly", "scopes": ["read"], "days": 90}]},
    )

    name: str = Field(min_length=1, max_length=100)
    scopes: frozenset[Scope] = Field(min_length=1)
    days: int = Field(90, ge=1, le=MAX_TOKEN_DAYS, description="Number of days until the token expires.")


class IssuedToken(BaseModel):
    """An issued token.

    Attributes:
        secret: the token itself, which is returned this once and stored as a hash.
    """

    secret: str
    token: Token


class NewInvitation(BaseModel):
    """Body of a request for an invitation.

    Attributes:
        role: role of the account.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"role": "operator"}]})

    role: Role


class Invitation(BaseModel):
    """A one-time link.

    Attributes:
        path: path of the link, to be appended to the address of this server.
        role: role of the account.
        expires: time from which the link is refused.
    """

    path: str
    role: Role
    expires: datetime


class TokenPage(Page[Token]):
    """One page of API tokens, newest first."""


class PersonPage(Page[Person]):
    """One page of accounts, newest first."""


class AuditResource(BaseModel):
    """A change, from the audit log."""

    number: int = Field(description="Number in the log, from 1, without gaps.", examples=[12])
    at: datetime = Field(description="Time of the change.")
    actor: str = Field(description="`person:NAME`, `token:NAME` or `server`.", examples=["token:admin"])
    action: str = Field(description="Noun and verb.", examples=["campaign.start"])
    subject: str = Field(description="Identifier of what was changed.", examples=["0a1b2c3d4e5f6071"])
    details: dict[str, Any] = Field(description="What was changed; it names no title and no device.", examples=[{}])
    digest: str = Field(description="Digest of the row and all rows before it.", examples=["0" * 64])

    @classmethod
    def of(cls, entry: audit_log.AuditEntry) -> AuditResource:
        """Return an entry as the API describes it."""
        return cls(**{**asdict(entry), "details": json.loads(entry.details)})


class AuditPage(Page[AuditResource]):
    """One page of the audit log, newest first."""


class AuditCheck(BaseModel):
    """Result of the verification of the audit log.

    Attributes:
        rows: number of rows.
        digest: digest of the last row; store it elsewhere, and later changes to earlier rows are detectable.
    """

    rows: int
    digest: str


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes, all for administrators."""
    router = service.guard.router("administer")
    state, clock = service.state, service.clock
    missing: dict[int | str, dict[str, Any]] = {404: error_schema("No entry has this id.")}

    @router.get("/api/v1/tokens")
    def list_tokens(paging: Paging) -> TokenPage:
        """List API tokens, newest first, without their secrets."""
        with state.reading() as session:
            items, following = tokens.list_page(session, paging)
        return TokenPage(items=items, next=following)

    @router.post("/api/v1/tokens", status_code=201, response_model=IssuedToken, responses=idempotency.CONFLICT)
    def issue_token(new: NewToken, who: Who, once: Once) -> Response:
        """Issue an API token. Its secret is returned in this answer only."""
        name, valid, at = people.checked_name(new.name), timedelta(days=new.days), clock()

        def change(session: Session) -> CreatedAnswer:
            secret, token = tokens.issue(session, at, who.name, name, new.scopes, valid)
            return CreatedAnswer(IssuedToken(secret=secret, token=token).model_dump_json())

        return once.create(state, at, change)

    @router.delete("/api/v1/tokens/{token_id}", status_code=204, responses=missing)
    def revoke_token(token_id: Id, who: Who) -> None:
        """Revoke a token."""
        with state.writing() as session:
            found_or_404(tokens.revoke(session, clock(), who.name, token_id) or None, "token")

    @router.get("/api/v1/people")
    def list_people(paging: Paging) -> PersonPage:
        """List the accounts of people, newest first."""
        with state.reading() as session:
            items, following = people.list_page(session, paging)
        return PersonPage(items=items, next=following)

    @router.delete("/api/v1/people/{person_id}", status_code=204, responses=missing)
    def remove_person(person_id: Id, who: Who) -> None:
        """Remove an account and end its sessions. If none is left, the next start prints a new one-time link."""
        with state.writing() as session:
            found_or_404(people.remove(session, clock(), who.name, person_id) or None, "account")

    @router.delete("/api/v1/people/{person_id}/second-factor", status_code=204, responses=missing)
    def reset_second_factor(person_id: Id, who: Who) -> None:
        """Turn off the second factor of a person, and end their sessions."""
        with state.writing() as session:
            person = found_or_404(people.find(session, person_id), "account")
            found_or_404(second_factors.reset(session, clock(), who.name, person) or None, "second factor")

    @router.post("/api/v1/invitations", status_code=201, response_model=Invitation, responses=idempotency.CONFLICT)
    def invite_person(new: NewInvitation, who: Who, once: Once) -> Response:
        """Create a one-time link for an account. It is returned in this answer only."""
        at = clock()

        def change(session: Session) -> CreatedAnswer:
            code = people.invite(session, at, who.name, new.role)
            invitation = Invitation(path=f"/join/{code}", role=new.role, expires=at + INVITATION)
            return CreatedAnswer(invitation.model_dump_json())

        return once.create(state, at, change)

    @router.get("/api/v1/audit")
    def list_audit(paging: Paging) -> AuditPage:
        """List changes, newest first."""
        with state.reading() as session:
            entries, following = audit_log.list_page(session, paging)
        return AuditPage(items=[AuditResource.of(entry) for entry in entries], next=following)

    @router.get(
        "/api/v1/audit/check",
        responses={500: error_schema("The log was altered; the message names the first altered row.")},
    )
    def check_audit() -> AuditCheck:
        """Verify the hashes of the whole audit log."""
        with state.reading() as session:
            rows, digest = audit_log.verify(session)
        return AuditCheck(rows=rows, digest=digest)

    return (router,)
