"""A sentence that a form leaves for the next page: in a cookie of a minute, signed for the session. No state."""

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
    """done: whether what was asked was done."""

    sentence: str
    done: bool = True


def leave_flash(response: Response, who: Actor, notice: FlashMessage, secure: bool) -> None:
    """A machine has no next page, and gets none."""
    if who.session is not None:
        shortened = FlashMessage(notice.sentence[:MAX_LENGTH], notice.done)
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
    """What was left for this session; what anybody else put there counts for nothing."""
    payload, _, seal = request.cookies.get(COOKIE, "").partition(".")
    if who.session is None or not constant_time_equal(seal, _seal(who.session, payload)):
        return None
    return FlashMessage(*json.loads(urlsafe_b64decode(payload)))


def _seal(session: str, payload: str) -> str:
    return derive(session, f"notice {payload}")
