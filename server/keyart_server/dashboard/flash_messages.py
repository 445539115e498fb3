"""Flash messages: a sentence for the next page, in a cookie that lives a minute and is signed for the session."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import astuple, dataclass
from typing import Final

from fastapi import Request, Response

from ..access import Actor
from ..access.secrets import constant_time_equal, derive

COOKIE: Final = "keyart-notice"
SECONDS: Final = 60
MAX_LENGTH: Final = 500  # characters


@dataclass(frozen=True, slots=True)
class FlashMessage:
    """A sentence about a form's effect; `succeeded` tells whether the action was performed."""

    sentence: str
    succeeded: bool = True


def leave_flash(response: Response, who: Actor, message: FlashMessage, secure: bool) -> None:
    """Set the message for the next page; API clients get none."""
    if who.session is not None:
        shortened = FlashMessage(message.sentence[:MAX_LENGTH], message.succeeded)
        payload = urlsafe_b64encode(json.dumps(astuple(shortened)).encode()).decode()
        response.set_cookie(
            COOKIE,
            f"{payload}.{_seal(who.session, payload)}",
            SECONDS,
            httponly=True,
            secure=secure,
            samesite="strict",
        )


def take_flash(request: Request, who: Actor) -> FlashMessage | None:
    """Return the message of this session, or None; a cookie without a valid signature is ignored."""
    payload, _, seal = request.cookies.get(COOKIE, "").partition(".")
    if who.session is None or not constant_time_equal(seal, _seal(who.session, payload)):
        return None
    return FlashMessage(*json.loads(urlsafe_b64decode(payload)))


def _seal(session: str, payload: str) -> str:
    return derive(session, f"notice {payload}")
