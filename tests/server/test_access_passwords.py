"""Passwords at their full cost."""

from __future__ import annotations

import base64

import pytest

from keyart.errors import SettingError
from keyart_server.access import passwords, people


def test_a_password_and_no_other() -> None:
    stored = passwords.hash_password("Ⅷ long passwords")
    assert stored.startswith("scrypt$15$8$3$") and stored != passwords.hash_password("Ⅷ long passwords")
    assert passwords.verify_password("VIII long passwords", stored)  # the same letters on another keyboard
    assert not passwords.verify_password("VIII long password", stored) and not passwords.verify_password("", stored)


def test_scrypt_is_that_of_the_rfc() -> None:
    """RFC 7914, section 12, second vector; the first 32 of its 64 bytes."""
    key = bytes.fromhex("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162")
    salt, told = base64.b64encode(b"NaCl").decode(), base64.b64encode(key).decode()
    assert passwords.verify_password("password", f"scrypt$10$8$16${salt}${told}")


@pytest.mark.parametrize("password", ["", "eleven char", "x" * 201])
def test_too_short_and_too_long(password: str) -> None:
    with pytest.raises(SettingError, match="12 to 200"):
        passwords.hash_password(password)


def test_who_is_not_known_costs_as_much() -> None:
    assert people.dummy_password_hash().startswith("scrypt$15$8$3$")
