"""Verification of ID tokens (OpenID Connect Core 1.0, section 3.1.3.7). Pure.

The algorithm is one of a fixed list of signatures with public keys, whatever the token's header says: `none`, and a
public key used as an HMAC secret, are never tried.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from ..state.tables.identity import MAX_IDENTITY_LENGTH

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY_SECONDS: Final = 60  # for clocks that differ
MAX_AGE: Final = timedelta(minutes=10)  # since the token was issued
MAX_TOKEN_LENGTH: Final = 64_000  # characters
# Header fields beyond the registered ones are ignored, as RFC 7515 (section 4) requires; critical ones are refused.
_SIGNATURES: Final = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)


class IdTokenRefused(Exception):
    """An ID token is not valid; the message is for the log and names no claim's value."""


class SigningKeyUnknown(IdTokenRefused):
    """The provider's keys that are known here do not include the one of the token."""


def verified_claims(
    token: str, keys: KeySet, issuer: str, client_id: str, nonce: str, at: datetime
) -> dict[str, Any]:
    """Verify an ID token and return its claims.

    Args:
        token: the token in compact form.
        keys: public keys of the provider.
        issuer: required issuer.
        client_id: required audience, the only one unless `azp` names it.
        nonce: required nonce, that of the browser's sign-in.
        at: current time.

    Raises:
        SigningKeyUnknown: if the token names a key that is not among `keys`.
        IdTokenRefused: if anything else is wrong.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise IdTokenRefused("the ID token is too long")
    try:
        claims = jwt.decode(token, keys, algorithms=list(ALGORITHMS), registry=_SIGNATURES).claims
        expected = JWTClaimsRegistry(
            now=int(at.timestamp()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": client_id},
            nonce={"essential": True, "value": nonce},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        expected.validate(claims)
    except InvalidKeyIdError as error:
        raise SigningKeyUnknown("the key of the ID token is unknown") from error
    except (JoseError, ValueError) as error:
        raise IdTokenRefused(f"the ID token is not valid: {getattr(error, 'error', type(error).__name__)}") from error
    audience, authorized = claims["aud"], claims.get("azp")
    if (isinstance(audience, list) and len(audience) != 1 and authorized is None) or authorized not in (
        None,
        client_id,
    ):
        raise IdTokenRefused("the ID token was issued to another client")
    if claims["nonce"] != nonce:  # the registry would also accept a list that holds it
        raise IdTokenRefused("the nonce is not a string")
    if not 0 < len(claims["sub"]) <= MAX_IDENTITY_LENGTH:
        raise IdTokenRefused("the subject is too long")
    if claims["iat"] < at.timestamp() - MAX_AGE.total_seconds() - LEEWAY_SECONDS:
        raise IdTokenRefused("the ID token was issued too long ago")
    return claims


def groups_of(claims: dict[str, Any], claim: str) -> frozenset[str]:
    """Return the groups in a claim: a list of texts, or one text; anything else is no group."""
    value = claims.get(claim)
    values = value if isinstance(value, list) else [value]
    return frozenset(group for group in values if isinstance(group, str) and group)
