"""An API token, and the file that holds it."""

from __future__ import annotations

import os
import re
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from keyart.errors import SettingError

STDIN: Final = Path("-")
MAX_TOKEN_BYTES: Final = 4096
TOKEN: Final = re.compile(r"keyart_[A-Za-z0-9_-]{20,200}")  # as `keyart_server.access.tokens` issues them
READABLE_BY_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A bearer token.

    Attributes:
        secret: the token itself, which appears in no message.
        source: where it was read, for messages.
    """

    secret: str = field(repr=False)
    source: str

    @classmethod
    def parse(cls, text: str, source: str) -> ApiToken:
        """Return the token in a text. Raises SettingError, without the text, if it is not a token of keyart."""
        secret = text.strip()
        if TOKEN.fullmatch(secret) is None:
            raise SettingError(
                f"{source} does not hold an API token, which is one line that begins with keyart_. The server writes "
                "its first token to admin.token in its data folder, and administrators issue others."
            )
        return cls(secret, source)

    def redact(self, value: Any) -> Any:
        """Return a text or a JSON value without the secret, which a hostile server could repeat in its answer."""
        if isinstance(value, str):
            return value.replace(self.secret, "[token]")
        if isinstance(value, dict):
            return {self.redact(name): self.redact(inner) for name, inner in value.items()}
        return [self.redact(inner) for inner in value] if isinstance(value, list) else value


def read_token(path: Path) -> ApiToken:
    """Read a token from a file, or from standard input if the path is `-`.

    Raises:
        SettingError: if the file cannot be read, holds no token, or can be read by other users.
    """
    if path == STDIN:
        return ApiToken.parse(sys.stdin.read(MAX_TOKEN_BYTES), "Standard input")
    try:
        with path.open("rb") as file:
            require_private(path, os.fstat(file.fileno()))
            text = file.read(MAX_TOKEN_BYTES).decode("ascii", "replace")
    except OSError as error:
        raise SettingError(f"Cannot read the token file {path}: {error.strerror or error}.") from None
    return ApiToken.parse(text, str(path))


def require_private(path: Path, status: os.stat_result) -> None:
    """Raise SettingError for a file whose mode lets other users read it.

    Not judged: pipes, other users' files, which this one cannot change (a secret that a container mounts), and
    Windows, where the mode says nothing about access.
    """
    if os.name != "posix" or not stat.S_ISREG(status.st_mode) or os.geteuid() not in (0, status.st_uid):
        return
    if status.st_mode & READABLE_BY_OTHERS:
        raise SettingError(
            f"Other users can access the token file {path} (mode {stat.S_IMODE(status.st_mode):04o}). Run "
            f"chmod 600 {path}; if somebody may have read it, have an administrator revoke the token."
        )
