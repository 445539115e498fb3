"""Time-based one-time passwords (RFC 6238): six digits, 30 seconds, SHA-1, as in authenticator apps. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pyotp

from . import secrets

STEP_SECONDS: Final = 30
DIGITS: Final = 6
WINDOW_STEPS: Final = 1  # before and after the current step, for clocks that differ (RFC 6238, section 5.2)
ISSUER: Final = "keyart"


def make_secret() -> str:
    """Return a new secret of 160 bits as base32 (RFC 4226, section 4)."""
    return pyotp.random_base32()


def accepted_step(secret: str, code: str, at: datetime, after: int) -> int | None:
    """Return the time step whose code this is, or None.

    Args:
        secret: the secret as base32.
        code: what was typed.
        at: current time.
        after: step of the newest code that was accepted; its code and all older ones are not accepted again.
    """
    generator = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_SECONDS)
    now = int(at.timestamp()) // STEP_SECONDS
    # All steps are compared, so that the time does not tell which one was near.
    steps = range(now - WINDOW_STEPS, now + WINDOW_STEPS + 1)
    matching = [step for step in steps if secrets.constant_time_equal(generator.generate_otp(step), code)]
    newer = [step for step in matching if step > after]
    return newer[0] if newer else None


def enrolment_uri(secret: str, name: str, host: str) -> str:
    """Return the `otpauth:` address that authenticator apps read from a QR code."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP_SECONDS).provisioning_uri(
        name=f"{name} ({host})", issuer_name=ISSUER
    )
