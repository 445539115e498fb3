"""A disk that counts what SQLite does to it, and fails, or ends the process, at the k-th step.

A thin VFS (https://www.sqlite.org/vfs.html) over SQLite's own, through ctypes: every write, truncation, sync and
deletion of a file passes through `Disk.step` first.
"""

from __future__ import annotations

import _sqlite3
import contextlib
import ctypes
import os
import signal
from collections.abc import Callable, Iterator
from ctypes import CFUNCTYPE, POINTER, Structure, addressof, c_char_p, c_int, c_int64, c_void_p, cast, memmove, sizeof
from dataclasses import dataclass, field
from pathlib import Path

import pytest

IOERR_WRITE, IOERR_FSYNC, IOERR_TRUNCATE, IOERR_DELETE = 778, 1034, 1546, 2570
FULL = 13

_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(Structure):
    _fields_ = [
        ("version", c_int),
        ("file_bytes", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", _Open),
        ("delete", _Delete),
        ("rest", c_void_p * 14),
    ]


class _Methods(Structure):
    _fields_ = [
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", _Write),
        ("truncate", _Truncate),
        ("sync", _Sync),
        ("rest", c_void_p * 13),
    ]


@dataclass
class Disk:
    """Failing: at which step (0: the first), or never; `lasting`: and at each step that follows.

    die: the process is killed at that step instead. torn: a write that fails has written its first half.
    on_write: sees (file name, bytes) of each write. unsynced: files written since their last sync. syncs: how many.
    """

    failing: int | None = None
    lasting: bool = False
    die: bool = False
    torn: bool = False
    code: int | None = None
    on_write: Callable[[str, bytes], None] | None = None
    steps: int = 0
    syncs: int = 0
    failed: int = 0
    unsynced: set[str] = field(default_factory=set)

    def step(self, tear: Callable[[], object] = lambda: None) -> bool:
        """Counts one; True if it has to fail. tear: does the first half of it."""
        here, self.steps = self.steps, self.steps + 1
        if self.failing is None or here < self.failing or (here > self.failing and not self.lasting):
            return False
        self.failed += 1
        if self.torn:
            tear()
        if self.die:
            os.kill(os.getpid(), signal.SIGKILL)
        return True


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(_sqlite3.__file__)
    try:
        library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        library.sqlite3_vfs_register.argtypes = library.sqlite3_vfs_unregister.argtypes = [c_void_p]
    except AttributeError:
        pytest.skip("this Python hides the functions of its SQLite")
    return library


@contextlib.contextmanager
def mounted(disk: Disk) -> Iterator[Disk]:
    """While it lasts, new connections of this process are on this disk. Close them before it ends."""
    library = _library()
    real = library.sqlite3_vfs_find(None).contents
    ours = _Vfs()
    memmove(addressof(ours), addressof(real), sizeof(_Vfs))
    ours.name = b"store-disk"
    names: dict[int, str] = {}
    copies: dict[int, _Methods] = {}
    originals: dict[int, _Methods] = {}  # by address of the copy

    def original(file: int) -> _Methods:
        return originals[cast(file, POINTER(c_void_p))[0]]

    @_Open
    def on_open(vfs: int, name: int, file: int, flags: int, out: int) -> int:
        result = real.open(vfs, name, file, flags, out)
        slot = cast(file, POINTER(c_void_p))
        if result == 0 and slot[0]:
            if slot[0] not in copies:
                copy, methods = _Methods(), cast(slot[0], POINTER(_Methods)).contents
                memmove(addressof(copy), addressof(methods), sizeof(_Methods))
                copy.write, copy.truncate, copy.sync = on_write, on_truncate, on_sync
                copies[slot[0]], originals[addressof(copy)] = copy, methods
            slot[0] = addressof(copies[slot[0]])
            names[file] = Path(os.fsdecode(cast(name, c_char_p).value)).name if name else "temporary"
        return result

    @_Delete
    def on_delete(vfs: int, name: bytes, sync_folder: int) -> int:
        return IOERR_DELETE if disk.step() else real.delete(vfs, name, sync_folder)

    @_Write
    def on_write(file: int, data: int, count: int, offset: int) -> int:
        if disk.on_write is not None:
            disk.on_write(names[file], ctypes.string_at(data, count))
        disk.unsynced.add(names[file])
        if disk.step(lambda: original(file).write(file, data, count // 2, offset)):
            return disk.code or IOERR_WRITE
        return original(file).write(file, data, count, offset)

    @_Truncate
    def on_truncate(file: int, size: int) -> int:
        return IOERR_TRUNCATE if disk.step() else original(file).truncate(file, size)

    @_Sync
    def on_sync(file: int, flags: int) -> int:
        if disk.step():
            return IOERR_FSYNC
        disk.syncs += 1
        disk.unsynced.discard(names[file])
        return original(file).sync(file, flags)

    ours.open, ours.delete = on_open, on_delete
    library.sqlite3_vfs_register(addressof(ours), 1)
    try:
        yield disk
    finally:
        library.sqlite3_vfs_unregister(addressof(ours))
        library.sqlite3_vfs_register(addressof(real), 1)
