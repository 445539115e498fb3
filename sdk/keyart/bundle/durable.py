"""Writes that survive a power cut whole: the old bytes or the new, never half of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: one process a folder is then the host's promise
    fcntl = None  # type: ignore[assignment]


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable. A rename is only as durable as the folder that holds it."""
    if os.name != "posix":  # a folder cannot be opened there, and its journal keeps renames in order
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_synced(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a new file and sync it to the disk.

    Raises:
        OSError: The file exists or cannot be written.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace the content of `path` atomically. A kill leaves the old content, at worst beside a `.partial`."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    write_synced(partial, data, mode)
    partial.replace(path)
    sync_folder(path.parent)


@contextmanager
def locked_file(path: Path) -> Iterator[None]:
    """Hold an exclusive lock, across threads and processes. The kernel releases the lock of a killed process."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):
            os.close(handle)
