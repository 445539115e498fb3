"""Passwords at their full cost."""

from __future__ import annotations

import pytest

from keyart.errors import SettingError
from keyart_server.access import passwords, people


def test_a_password_and_no_other() -> None:
    stored = passwords.hash_password("Ⅷ long passwords")
    assert stored.startswith("$argon2id$v=19$m=32768,t=3,p=1$") and stored != passwords.hash_password(
        "Ⅷ long passwords"
    )
    assert passwords.verify_password("VIII long passwords", stored)  # the same letters on another keyboard
    assert not passwords.verify_password("VIII long password", stored) and not passwords.verify_password("", stored)


def test_a_damaged_hash_admits_nobody() -> None:
    for stored in ("", "$argon2id$v=19$m=32768,t=3,p=1$", "scrypt$15$8$3$c2FsdA==$a2V5"):
        assert not passwords.verify_password("eleven chars", stored)


@pytest.mark.parametrize("password", ["", "eleven char", "x" * 201])
def test_too_short_and_too_long(password: str) -> None:
    with pytest.raises(SettingError, match="12 to 200"):
        passwords.hash_password(password)


def test_who_is_not_known_costs_as_much() -> None:
    assert people.dummy_password_hash().startswith("$argon2id$v=19$m=32768,t=3,p=1$")
