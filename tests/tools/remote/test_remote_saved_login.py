"""The choice of a login, and the saved one."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from support.fake_api import SECRET, URL, token_file

from keyart.errors import SettingError
from keyart_tools.remote import STDIN, SavedLogin, choose_login, load_login, remove_login, save_login, to_save

OTHER = "https://other.example"


def test_options_need_nothing_saved(tmp_path: Path) -> None:
    login = choose_login(URL, token_file(tmp_path), None, False, None)
    assert (login.server.url, login.token.secret, login.ca) == (URL, SECRET, None)


def test_a_saved_login_stands_in_for_what_is_not_given(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    saved = SavedLogin("http://keyart.example", str(token_file(tmp_path)), None, str(tmp_path / "ca.pem"), True)
    login = choose_login(None, None, None, False, saved)
    assert (login.server.url, login.token.secret, login.ca) == (saved.server, SECRET, tmp_path / "ca.pem")
    again = choose_login("http://KEYART.example/", None, None, False, saved)
    assert again == login


def test_a_saved_token_goes_to_its_own_server_only(tmp_path: Path) -> None:
    for saved in (SavedLogin(URL, str(token_file(tmp_path))), SavedLogin(URL, secret=SECRET)):
        with pytest.raises(SettingError, match=r"The saved login is for another server; give --token-file"):
            choose_login(OTHER, None, None, False, saved)


def test_another_server_takes_nothing_of_the_saved_login(tmp_path: Path) -> None:
    saved = SavedLogin("http://keyart.example", None, "keyart_" + "x" * 40, "/nowhere/ca.pem", True)
    login = choose_login(OTHER, token_file(tmp_path), None, False, saved)
    assert (login.server.url, login.token.secret, login.ca) == (OTHER, SECRET, None)
    with pytest.raises(SettingError, match="unencrypted"):
        choose_login("http://other.example", token_file(tmp_path), None, False, saved)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="Run `keyart login"):
        choose_login(None, token_file(tmp_path), None, False, None)
    with pytest.raises(SettingError, match="No token is known for http"):
        choose_login(URL, None, None, False, None)
    with pytest.raises(SettingError, match=r"--ca: the file .* does not exist"):
        choose_login(URL, token_file(tmp_path), tmp_path / "nowhere", False, None)


def test_it_is_saved_for_its_owner_and_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config" / "keyart" / "login.json"
    login = choose_login(URL, token_file(Path()), None, False, None)
    save_login(path, to_save(login, Path("api.token"), False))
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert SECRET not in path.read_text()
    saved = load_login(path)
    assert saved is not None and saved.token_file == str(tmp_path / "api.token")
    assert choose_login(None, None, None, False, saved).token.secret == SECRET
    assert remove_login(path) and not remove_login(path)
    assert load_login(path) is None


def test_a_token_from_standard_input_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "login.json"
    login = choose_login(URL, token_file(tmp_path), None, False, None)
    save_login(path, to_save(login, STDIN, False))
    saved = load_login(path)
    assert saved is not None and saved.secret == SECRET
    assert SECRET not in repr(saved)
    if os.name == "posix":
        path.chmod(0o644)
        with pytest.raises(SettingError, match="Other users can access"):
            load_login(path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"format": "keyart-login/2"}', '{"format": "keyart-login/1", "host": "x"}', "\x00"]
)
def test_a_damaged_login(text: str, tmp_path: Path) -> None:
    path = tmp_path / "login.json"
    path.write_text(text)
    with pytest.raises(SettingError, match=r"cannot be used; run `keyart logout`"):
        load_login(path)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="Cannot save the login"):
        save_login(tmp_path / "file" / "login.json", SavedLogin(URL))


def test_its_format_is_stated(tmp_path: Path) -> None:
    path = tmp_path / "login.json"
    save_login(path, SavedLogin(URL))
    assert json.loads(path.read_text())["format"] == "keyart-login/1"
