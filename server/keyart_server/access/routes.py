"""The routes `/api/v1/tokens`, `/api/v1/people`, `/api/v1/invitations` and `/api/v1/audit`, for administrators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from .. import audit_log
from ..http.error_responses import error_schema, found_or_404
from ..service import Service
from . import people, second_factors, tokens
from .guard import Who
from .people import INVITATION, Person
from .scopes import Role, Scope
from .tokens import Token

MAX_TOKEN_DAYS = 730
Id = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


class NewToken(BaseModel):
    """Body of a request for an API token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100)
    scopes: frozenset[Scope] = Field(min_length=1)
    days: int = Field(90, ge=1, le=MAX_TOKEN_DAYS, description="Number of days until the token expires.")


class IssuedToken(BaseModel):
    """An issued token; `secret` is returned this once and stored as a hash."""

    secret: str
    token: Token


class NewInvitation(BaseModel):
    """Body of a request for an invitation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role


class Invitation(BaseModel):
    """A one-time link; `path` is relative to the address of this server."""

    path: str
    role: Role
    expires: datetime


class AuditCheck(BaseModel):
    """Result of the verification: number of rows and digest of the last one, to store elsewhere."""

    rows: int
    digest: str


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes, all for administrators."""
    router = service.guard.router("administer")
    state, clock = service.state, service.clock
    missing: dict[int | str, dict[str, Any]] = {404: error_schema("No entry has this id.")}

    @router.get("/api/v1/tokens")
    def list_tokens() -> list[Token]:
        with state.reading() as session:
            return tokens.list_all(session)

    @router.post("/api/v1/tokens", status_code=201)
    def issue_token(new: NewToken, who: Who) -> IssuedToken:
        """Issue an API token. Its secret is returned in this response only."""
        name = people.checked_name(new.name)
        with state.writing() as session:
            valid = timedelta(days=new.days)
            secret, token = tokens.issue(session, clock(), who.name, name, new.scopes, valid)
        return IssuedToken(secret=secret, token=token)

    @router.delete("/api/v1/tokens/{token_id}", status_code=204, responses=missing)
    def revoke_token(token_id: Id, who: Who) -> None:
        """Revoke a token."""
        with state.writing() as session:
            found_or_404(tokens.revoke(session, clock(), who.name, token_id) or None, "token")

    @router.get("/api/v1/people")
    def list_people() -> list[Person]:
        with state.reading() as session:
            return people.list_all(session)

    @router.delete("/api/v1/people/{person_id}", status_code=204, responses=missing)
    def remove_person(person_id: Id, who: Who) -> None:
        """Remove an account and end its sessions. If none is left, the next start prints a new one-time link."""
        with state.writing() as session:
            found_or_404(people.remove(session, clock(), who.name, person_id) or None, "account")

    @router.delete("/api/v1/people/{person_id}/second-factor", status_code=204, responses=missing)
    def reset_second_factor(person_id: Id, who: Who) -> None:
        """Turn a person's second factor off and end their sessions."""
        with state.writing() as session:
            person = found_or_404(people.find(session, person_id), "account")
            found_or_404(second_factors.reset(session, clock(), who.name, person) or None, "second factor")

    @router.post("/api/v1/invitations", status_code=201)
    def invite_person(new: NewInvitation, who: Who) -> Invitation:
        """Create a one-time link for an account. It is returned in this response only."""
        with state.writing() as session:
            at = clock()
            code = people.invite(session, at, who.name, new.role)
        return Invitation(path=f"/join/{code}", role=new.role, expires=at + INVITATION)

    @router.get("/api/v1/audit")
    def list_audit(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    ) -> list[audit_log.AuditEntry]:
        """List changes, newest first; `before` restricts them to entries with a smaller number."""
        with state.reading() as session:
            return audit_log.newest(session, limit, before)

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
