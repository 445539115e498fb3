"""The signing key: made once, kept from others, and refused when it cannot serve."""

import stat
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from keyart.errors import SettingError
from keyart_tools.compose.signing_keys import CHAIN_FILE, KEY_FILE, LIFETIME, create_key, open_keys


def test_it_is_made_once(tmp_path, now):
    folder = tmp_path / "a" / "keys"
    one = open_keys(folder, now)
    assert open_keys(folder, now + timedelta(days=900)) == one
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(path.name for path in folder.iterdir()) == [CHAIN_FILE, KEY_FILE]


def test_a_run_that_was_killed_in_between_leaves_no_trap(tmp_path, now):
    (tmp_path / CHAIN_FILE).write_bytes(create_key(now).chain)
    key = open_keys(tmp_path, now)
    assert open_keys(tmp_path, now) == key


def test_the_chain_verifies_and_the_authority_can_sign_no_authority(now):
    leaf, authority = x509.load_pem_x509_certificates(create_key(now).chain)
    leaf.verify_directly_issued_by(authority)
    limits = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert limits.ca and limits.path_length == 0
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.not_valid_before_utc < now < leaf.not_valid_after_utc


def test_the_key_does_not_show(now):
    assert b"PRIVATE" in create_key(now).private
    assert "PRIVATE" not in repr(create_key(now))


def test_others_may_not_read_it(tmp_path, now):
    open_keys(tmp_path, now)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(SettingError, match="chmod 600"):
        open_keys(tmp_path, now)


def test_it_ends(tmp_path, now):
    open_keys(tmp_path, now)
    with pytest.raises(SettingError, match="is valid from"):
        open_keys(tmp_path, now + LIFETIME)


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("file", "data", "words"),
    [
        (KEY_FILE, lambda now: b"hello", "must be PEM"),
        (CHAIN_FILE, lambda now: b"hello", "must be PEM"),
        (KEY_FILE, lambda now: create_key(now).private, "does not belong"),
        (KEY_FILE, lambda now: pem(rsa.generate_private_key(65537, 2048)), "no P-256 key"),
    ],
)
def test_what_is_no_pair_is_refused(tmp_path, now, file, data, words):
    open_keys(tmp_path, now)
    (tmp_path / file).write_bytes(data(now))
    with pytest.raises(SettingError, match=words):
        open_keys(tmp_path, now)


def test_a_key_without_its_chain(tmp_path, now):
    open_keys(tmp_path, now)
    (tmp_path / CHAIN_FILE).unlink()
    with pytest.raises(SettingError, match="No signing key in"):
        open_keys(tmp_path, now)


def test_a_file_in_place_of_the_folder(tmp_path, now):
    (tmp_path / "keys").write_text("x")
    with pytest.raises(SettingError, match="give --keys a folder"):
        open_keys(tmp_path / "keys", now)
