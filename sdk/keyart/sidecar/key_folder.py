"""A key store of files in one folder, for Linux boxes that have no other.

Whoever can read the folder can read the profiles: it protects a copy of the profile's file, not the device. Put it on
a partition that is encrypted or bound to the device, and leave it out of backups.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..bundle.durable import replace_file, sync_folder
from ..errors import StoreError
from ..store.keys import HostKey


def key_folder(folder: Path) -> HostKey:
    """Return the key store of a folder, which is made if it is missing. Files and folder are their owner's alone.

    Raises:
        StoreError: Others may enter the folder, or it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(folder.stat().st_mode)
    except OSError as error:
        raise StoreError(f"The key folder {folder} cannot be used: {error.strerror}.") from None
    if os.name == "posix" and mode & 0o077:
        raise StoreError(f"Others may enter the key folder {folder}; run chmod 700 {folder}.")

    def get(name: str) -> bytes | None:
        try:
            return (folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def put(name: str, secret: bytes) -> None:
        replace_file(folder / name, secret, 0o600)

    def delete(name: str) -> None:
        (folder / name).unlink(missing_ok=True)
        sync_folder(folder)

    return HostKey(get, put, delete)
