"""Reading of plain files, and of nothing that only looks like one.

A link leads out of the folder that was checked, a pipe keeps its reader waiting, a device may act on being opened.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import BundleRefused

# Without O_NONBLOCK the open of a pipe waits for a writer. Windows has none of these flags but O_BINARY.
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_BINARY"))


def check_plain(status: os.stat_result, name: str) -> None:
    """Raise BundleRefused unless `status` is that of a plain file.

    A second name of the same file (a hard link) does no harm: its bytes are checked as all are, and installers of
    packages make them.
    """
    if not stat.S_ISREG(status.st_mode):
        raise BundleRefused(
            f"{name} in the bundle is a link or a folder, a pipe or a device; a bundle holds plain files only."
        )


def read_plain(path: Path, most: int) -> bytes:
    """Read at most `most` bytes of a plain file, even if it was swapped since it was looked at.

    Raises:
        BundleRefused: It is not a plain file.
        OSError: It cannot be opened.
    """
    check_plain(path.lstat(), path.name)
    handle = os.open(path, _FLAGS)
    with os.fdopen(handle, "rb") as file:
        check_plain(os.fstat(handle), path.name)
        return file.read(most)
