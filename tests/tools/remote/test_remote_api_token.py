"""Tokens and their files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.fake_api import SECRET, token_file

from keyart.errors import SettingError
from keyart_server.access import secrets, tokens
from keyart_tools.remote import ApiToken, read_token


def test_a_token_of_the_server_is_one() -> None:
    secret = tokens.PREFIX + secrets.make()
    assert ApiToken.parse(f" {secret}\n", "x").secret == secret


def test_the_secret_is_in_no_representation(tmp_path: Path) -> None:
    token = read_token(token_file(tmp_path))
    assert token.secret == SECRET
    assert SECRET not in repr(token)
    assert token.redact(f"so {SECRET}.") == "so [token]."


@pytest.mark.parametrize("text", ["", "hunter2", f"{SECRET} {SECRET}", "-----BEGIN PRIVATE KEY-----", "keyart_kurz"])
def test_what_is_no_token_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(SettingError, match="does not hold an API token") as caught:
        ApiToken.parse(text, "FILE")
    assert not text or text not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="modes mean nothing here")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o610])
def test_a_file_that_others_can_access(mode: int, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"Other users can access .*chmod 600"):
        read_token(token_file(tmp_path, mode))


@pytest.mark.skipif(os.name != "posix", reason="modes mean nothing here")
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_its_owner_alone(mode: int, tmp_path: Path) -> None:
    assert read_token(token_file(tmp_path, mode)).secret == SECRET


@pytest.mark.skipif(os.name != "posix", reason="modes mean nothing here")
def test_a_file_of_another_user_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ssh does: a container mounts secrets that its user cannot change."""
    path = token_file(tmp_path, 0o644)
    monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)
    assert read_token(path).secret == SECRET


@pytest.mark.skipif(os.name != "posix", reason="needs /dev/fd")
def test_a_pipe_is_not_judged() -> None:
    reader, writer = os.pipe()
    os.write(writer, SECRET.encode())
    os.close(writer)
    try:
        assert read_token(Path(f"/dev/fd/{reader}")).secret == SECRET
    finally:
        os.close(reader)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(SettingError, match="Cannot read the token file"):
            read_token(path)
