"""Tables of sign-in beyond passwords: identities of a provider, and second factors."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import DIGEST_HEX, TableBase

MAX_IDENTITY_LENGTH = 255  # characters of a subject (OpenID Connect Core 1.0, section 2) and of an issuer


def _person(primary_key: bool = False) -> Mapped[str]:
    return mapped_column(
        ForeignKey("people.id", ondelete="CASCADE"), primary_key=primary_key, index=None if primary_key else True
    )


class IdentityRow(TableBase):
    """An account of an OpenID provider, by issuer and subject, and the account of this server that it signs in to."""

    __tablename__ = "identities"

    issuer: Mapped[str] = mapped_column(String(MAX_IDENTITY_LENGTH), primary_key=True)
    subject: Mapped[str] = mapped_column(String(MAX_IDENTITY_LENGTH), primary_key=True)
    person_id: Mapped[str] = _person()
    created: Mapped[datetime]


class UsedSignInRow(TableBase):
    """A sign-in at the provider that has begun a session, by the sha256 of its cookie: it begins no second one."""

    __tablename__ = "used_sign_ins"

    digest: Mapped[str] = mapped_column(String(DIGEST_HEX), primary_key=True)
    expires: Mapped[datetime] = mapped_column(index=True)


class TotpRow(TableBase):
    """The TOTP secret of a person, sealed; `last_step` is the newest time step whose code was accepted.

    `confirmed` is None until a first code has shown that the person's device has the secret.
    """

    __tablename__ = "totp"

    person_id: Mapped[str] = _person(primary_key=True)
    secret: Mapped[bytes]
    confirmed: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(BigInteger)


class RecoveryCodeRow(TableBase):
    """An unused recovery code of a person, by its sha256."""

    __tablename__ = "recovery_codes"

    person_id: Mapped[str] = _person(primary_key=True)
    digest: Mapped[str] = mapped_column(String(DIGEST_HEX), primary_key=True)


class ChallengeRow(TableBase):
    """A sign-in whose password was right and whose second factor is due; `digest` is the sha256 of its cookie."""

    __tablename__ = "challenges"

    digest: Mapped[str] = mapped_column(String(DIGEST_HEX), primary_key=True)
    person_id: Mapped[str] = _person()
    failures: Mapped[int]
    expires: Mapped[datetime] = mapped_column(index=True)
