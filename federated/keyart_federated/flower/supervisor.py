"""The supervisor of one program, which ends it with all its children when the owner goes away, however that happens.

Run by its path: `python -I supervisor.py GRACE_SECONDS PROGRAM ARGUMENT…`. The owner holds the other end of
standard input; when that closes (on purpose, or because the owner was killed), everything below this process ends:
SIGTERM, then after GRACE_SECONDS SIGKILL. Needed because a SuperLink puts its executor into a session of its own,
where no signal to a process group arrives. Standard library only, to start fast. POSIX only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
POLL_SECONDS = 0.1
NOT_STARTED = 127  # what a shell answers for a program that it cannot start


def adopt_orphans() -> None:
    """Become the parent of orphans below this process, so that they stay within reach.

    This works on Linux. Elsewhere Flower's own watch over its parent's pid has to do.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def parents() -> dict[int, int]:
    """Return the parent's process id of every process in sight."""
    table: dict[int, int] = {}
    if Path("/proc/self/stat").exists():
        for entry in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                # The name, in brackets, may hold spaces and brackets: read behind the last one.
                table[int(entry.parent.name)] = int(entry.read_text(errors="replace").rpartition(")")[2].split()[1])
        return table
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)  # noqa: S607
    for line in listing.stdout.splitlines():
        pid, parent = line.split()
        table[int(pid)] = int(parent)
    return table


def descendants(root: int, table: Mapping[int, int]) -> set[int]:
    """Return everything below `root` in a table of parents."""
    found: set[int] = set()
    fresh = {root}
    while fresh:
        fresh = {pid for pid, parent in table.items() if parent in fresh and pid not in found}
        found |= fresh
    return found


def reap(child: int) -> int | None:
    """Collect ended children, and return the exit code of `child` if it is among them."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
    return code


def signal_all(pids: set[int], number: signal.Signals) -> None:
    """Send a signal to each of `pids` that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def keep(command: list[str], grace_seconds: float) -> int:
    """Run `command` until it ends or standard input closes; return its exit code (minus a signal)."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    adopt_orphans()
    try:
        # Kept until the end: one that is dropped collects a child that has ended already, and `reap` waits for ever.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    except OSError as error:
        sys.stderr.write(f"Cannot start {command[0]}: {error}.\n")
        return NOT_STARTED
    child, code = process.pid, None
    while code is None and not asked and not select.select([0], [], [], POLL_SECONDS)[0]:
        code = reap(child)
    signal_all(descendants(os.getpid(), parents()), signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while True:
        ended = reap(child)
        code = ended if code is None else code
        left = descendants(os.getpid(), parents())
        if not left:
            return code if code is not None else -signal.SIGKILL
        if time.monotonic() > deadline:
            signal_all(left, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(keep(sys.argv[2:], float(sys.argv[1])) & 0xFF)
