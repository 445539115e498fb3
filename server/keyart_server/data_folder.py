"""The data folder of one server process: its layout, and the lock that keeps other processes out.

DIR/keyart.db                  SQLite database, unless another database is configured
DIR/admin.token                API token with all scopes, mode 0600
DIR/keys/*.pem                 private keys: TUF roles (`tuf_keys`), offers and device certificates (`signing_keys`)
DIR/issuer/                    with --insecure-issuer: vouchers, token and revocation list (`issuer.issuer_process`)
DIR/catalog.json               a copy of the current catalogue (`catalogs`)
DIR/tuf/{metadata,targets}/    the bundle repository: static files
DIR/tuf/bundles/VERSION/       the published bundles as folders
DIR/tuf/rollback/              the pre-signed rollback of the newest bundle
DIR/tuf/root.json              the trusted root that apps ship
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
except ImportError:  # Windows: the operator must make sure that one process uses the folder
    fcntl = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths inside a data folder."""

    path: Path

    @property
    def database(self) -> Path:
        """Return the path of the SQLite database."""
        return self.path / "keyart.db"

    @property
    def admin_token(self) -> Path:
        """Return the path of the first API token."""
        return self.path / "admin.token"

    @property
    def keys(self) -> Path:
        """Return the folder of private keys."""
        return self.path / "keys"

    @property
    def issuer(self) -> Path:
        """Return the folder of the server's own issuer."""
        return self.path / "issuer"

    @property
    def catalog(self) -> Path:
        """Return the path of the stored catalogue."""
        return self.path / "catalog.json"

    @property
    def tuf(self) -> Path:
        """Return the folder of the bundle repository."""
        return self.path / "tuf"

    def make(self) -> None:
        """Create the folder if missing, accessible to its owner only. Raises SettingError if it is unusable."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except (FileExistsError, NotADirectoryError):
            raise SettingError(f"{self.path} is not a folder; choose another --data.") from None
        except OSError as error:
            raise SettingError(
                f"Cannot make {self.path}: {error.strerror or error}. Choose another --data."
            ) from None
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise SettingError(f"Cannot write to {self.path}; choose another --data, or change its owner.")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the folder; the lock of a killed process is released.

        Raises:
            SettingError: while another process holds the lock.
        """
        try:
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SettingError(f"Cannot write to {self.path}: {error.strerror or error}.") from None
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                yield
            finally:
                _restore_ownership(self.path)
        except BlockingIOError:
            raise SettingError(
                f"{self.path} is in use by another keyart serve; stop that process, or choose another folder."
            ) from None
        finally:
            os.close(handle)


def _restore_ownership(folder: Path) -> None:
    """Give files that root created in the folder to its owner, so that the service can read its own keys.

    No link is followed, and files with a second hard link keep their owner.
    """
    owner = folder.stat()
    if os.name != "posix" or os.geteuid() != 0 or owner.st_uid == 0:
        return
    for _, folders, files, at in os.fwalk(folder):
        for name in (*folders, *files):
            status = os.stat(name, dir_fd=at, follow_symlinks=False)
            if status.st_uid == 0 and (stat.S_ISDIR(status.st_mode) or status.st_nlink == 1):
                os.chown(name, owner.st_uid, owner.st_gid, dir_fd=at, follow_symlinks=False)
