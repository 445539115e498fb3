"""The server that commands talk to, and the token: from options, the environment, or a saved login.

A saved login is one file, readable by its owner only. It names the token file, so that the secret has one copy and a
renewed token is used at once; a token from standard input is stored itself.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from keyart.bundle import replace_file
from keyart.errors import SettingError

from .api_token import STDIN, ApiToken, read_token, require_private
from .server_address import ServerAddress

FORMAT: Final = "keyart-login/1"


@dataclass(frozen=True, slots=True)
class SavedLogin:
    """The content of the file.

    Attributes:
        server: address of the server.
        token_file: path of the token file; None if `secret` is stored.
        secret: the token; None if it is read from `token_file`.
        ca: path of the CA certificate that signed the server's; None for the public ones.
        insecure_http: whether unencrypted HTTP to another machine was accepted.
    """

    server: str
    token_file: str | None = None
    secret: str | None = field(default=None, repr=False)
    ca: str | None = None
    insecure_http: bool = False


@dataclass(frozen=True, slots=True)
class Login:
    """A server, the token for it, and the CA certificate to trust; None for the public ones."""

    server: ServerAddress
    token: ApiToken
    ca: Path | None = None


def choose_login(
    server: str | None, token_file: Path | None, ca: Path | None, insecure_http: bool, saved: SavedLogin | None
) -> Login:
    """Return the login of a command: what is given comes first, then what is saved.

    A saved token is sent to the server that it was saved for and to no other.

    Args:
        server: address of the server, if given.
        token_file: path of a token file, if given.
        ca: path of a CA certificate, if given.
        insecure_http: whether unencrypted HTTP to another machine is accepted.
        saved: the saved login, if there is one.

    Raises:
        SettingError: if the server or the token is missing or cannot be used.
    """
    if server is None and saved is None:
        raise SettingError(
            "No server is known. Run `keyart login --server URL --token-file FILE` once, give both options here, or "
            "set KEYART_SERVER and KEYART_TOKEN_FILE."
        )
    if saved is not None and server is not None:
        same = ServerAddress.parse(server, True).url == ServerAddress.parse(saved.server, True).url
        saved = saved if same else None
        if saved is None and token_file is None:
            raise SettingError(f"The saved login is for another server; give --token-file for {server}.")
    if saved is not None:
        server, insecure_http = saved.server, insecure_http or saved.insecure_http
        ca = ca if ca is not None or saved.ca is None else Path(saved.ca)
    assert server is not None  # noqa: S101 - given, or saved
    address = ServerAddress.parse(server, insecure_http)
    if token_file is not None:
        token = read_token(token_file)
    elif saved is not None and saved.secret is not None:
        token = ApiToken.parse(saved.secret, "The saved login")
    elif saved is not None and saved.token_file is not None:
        token = read_token(Path(saved.token_file))
    else:
        raise SettingError(f"No token is known for {address.url}; give --token-file, or run `keyart login`.")
    if ca is not None and not ca.is_file():
        raise SettingError(f"--ca: the file {ca} does not exist.")
    return Login(address, token, ca)


def to_save(login: Login, token_file: Path, insecure_http: bool) -> SavedLogin:
    """Return what a login is saved as; a token that came from standard input has no file, so it is stored."""
    from_stdin = token_file == STDIN
    return SavedLogin(
        login.server.url,
        None if from_stdin else str(token_file.absolute()),
        login.token.secret if from_stdin else None,
        None if login.ca is None else str(login.ca.absolute()),
        insecure_http,
    )


def load_login(path: Path) -> SavedLogin | None:
    """Return the saved login, or None if there is none. Raises SettingError if the file is damaged."""
    try:
        with path.open("rb") as file:
            document, status = json.load(file), os.fstat(file.fileno())
        if document.pop("format") != FORMAT:
            raise ValueError
        saved = SavedLogin(**document)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingError(f"Cannot read the saved login {path}: {error.strerror or error}.") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise SettingError(
            f"The saved login {path} cannot be used; run `keyart logout`, then `keyart login`."
        ) from None
    if saved.secret is not None:
        require_private(path, status)
    return saved


def save_login(path: Path, login: SavedLogin) -> None:
    """Write the saved login, readable by its owner only. Raises SettingError if it cannot be written."""
    text = json.dumps({"format": FORMAT, **asdict(login)}, ensure_ascii=False, indent=1)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(path, f"{text}\n".encode("utf-8", "surrogateescape"), 0o600)
    except OSError as error:
        raise SettingError(f"Cannot save the login as {path}: {error.strerror or error}.") from None


def remove_login(path: Path) -> bool:
    """Delete the saved login; return whether there was one. Raises SettingError if it cannot be deleted."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise SettingError(f"Cannot delete the saved login {path}: {error.strerror or error}.") from None
    return True
