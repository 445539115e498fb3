"""The data folder of one server process: what lies where in it, and that nobody else uses it.

DIR/keyart.db                  SQLite, unless a database is named
DIR/admin.token                bearer token for machines, mode 0600
DIR/keys/*.pem                 signing keys of the bundle repository (`rolekeys`), of offers and devices (`vouching`)
DIR/catalog.json               the titles and pictures that devices choose from
DIR/tuf/{metadata,targets}/    the bundle repository: static files
DIR/tuf/root.json              the trusted root that apps ship with
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from keyart.errors import SettingError

try:
    import fcntl
except ImportError:  # Windows: one process a folder is then the operator's promise
    fcntl = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class DataFolder:
    path: Path

    @property
    def database(self) -> Path:
        return self.path / "keyart.db"

    @property
    def admin_token(self) -> Path:
        return self.path / "admin.token"

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def catalog(self) -> Path:
        return self.path / "catalog.json"

    @property
    def tuf(self) -> Path:
        return self.path / "tuf"

    def make(self) -> None:
        """The folder, for its owner alone if it is new. Raises SettingError where it cannot be used."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except (FileExistsError, NotADirectoryError):
            raise SettingError(f"{self.path} is no folder, and --data needs one; name another.") from None
        except OSError as error:
            raise SettingError(f"Cannot make {self.path}: {error.strerror or error}. Name another --data.") from None
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise SettingError(f"Cannot write in {self.path}; name another --data, or change its owner.")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The folder is this process's alone; a killed one keeps nothing. Raises SettingError while it is not."""
        try:
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SettingError(f"Cannot write in {self.path}: {error.strerror or error}.") from None
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                yield
            finally:
                _restore_ownership(self.path)
        except BlockingIOError:
            raise SettingError(f"{self.path} is in use by another keyart serve; stop it, or name another.") from None
        finally:
            os.close(handle)


def _restore_ownership(folder: Path) -> None:
    """What root wrote in the folder of a service becomes the service's, which could not read its own keys otherwise.

    No link is followed, and nothing is given away that has a second name elsewhere.
    """
    owner = folder.stat()
    if os.name != "posix" or os.geteuid() != 0 or owner.st_uid == 0:
        return
    for _, folders, files, at in os.fwalk(folder):
        for name in (*folders, *files):
            status = os.stat(name, dir_fd=at, follow_symlinks=False)
            if status.st_uid == 0 and (stat.S_ISDIR(status.st_mode) or status.st_nlink == 1):
                os.chown(name, owner.st_uid, owner.st_gid, dir_fd=at, follow_symlinks=False)
