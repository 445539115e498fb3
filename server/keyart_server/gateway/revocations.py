"""The issuer's revocation list at a gateway: a file, which is read again whenever it has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

from keyart.errors import MessageError, SettingError
from keyart.secagg import RevocationList

log = logging.getLogger("keyart.server")


class Revocations:
    """The revocation list in a file.

    Args:
        path: The file, as `keyart issuer` writes it.
        issuers: Public keys whose lists count.
        renew: Called before each look at the file, by a server that is its own issuer.
    """

    def __init__(self, path: Path, issuers: Collection[bytes], renew: Callable[[], object] | None = None) -> None:
        self._path, self._issuers, self._renew = path, issuers, renew
        self._read_at: tuple[int, int] | None = None
        self._list: RevocationList | None = None

    def current(self, at: datetime) -> RevocationList | None:
        """Return the list that is in force, or None without one: then no device can be admitted."""
        now = int(at.timestamp())
        if self._renew is not None:
            self._renew()
        try:
            status = self._path.stat()
            version = (status.st_mtime_ns, status.st_size)
            if version != self._read_at:
                found = RevocationList.read(self._path.read_bytes(), self._issuers, now)
                if self._list is None or found.version >= self._list.version:
                    self._list = found
                self._read_at = version
        except (OSError, MessageError) as error:
            log.error("the revocation list cannot be read", extra={"error": str(error)})
        return self._list if self._list is not None and self._list.expires >= now else None


def check_revocations(path: Path | None) -> None:
    """Raise SettingError if the file is given and does not exist."""
    if path is not None and not path.is_file():
        raise SettingError(f"--revocations: the file {path} does not exist.")
