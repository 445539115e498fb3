"""A program of a fleet: started under a supervisor, with its log in a file, and never outliving its owner."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import supervisor as keeper

GRACE_SECONDS = 6.0  # a Flower program that is told to end takes at most 5 s (its own forced exit)
LOG_LINES = 25
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Process:
    """A running program.

    Attributes:
        name: Name for messages.
        log: File with everything that it and its children have printed.
    """

    name: str
    log: Path
    _keeper: subprocess.Popen[bytes]

    @classmethod
    def start(cls, name: str, command: Sequence[str], folder: Path, env: Mapping[str, str]) -> Process:
        """Start `command` in `folder`; its output goes to `folder/NAME.log`."""
        log = folder / f"{name}.log"
        kept = [sys.executable, "-I", keeper.__file__, str(GRACE_SECONDS), *command]
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603
                kept,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=dict(env),
                start_new_session=True,  # Ctrl-C in a terminal reaches the owner, who ends the fleet in order
            )
        return cls(name, log, process)

    @property
    def pid(self) -> int:
        """The process id of the supervisor; the program is its child."""
        return self._keeper.pid

    @property
    def running(self) -> bool:
        """Return whether the program is still running."""
        return self._keeper.poll() is None

    def tail(self, lines: int = LOG_LINES) -> str:
        """Return the last lines of the log."""
        return tail_of(self.log, lines)

    def release(self) -> None:
        """Ask the program to end, and return at once."""
        if self._keeper.stdin is not None:
            with contextlib.suppress(OSError):
                self._keeper.stdin.close()

    def end(self) -> None:
        """End the program and all its children, and wait until they are gone."""
        self.release()
        try:
            self._keeper.wait(GRACE_SECONDS + 10.0)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()


def tail_of(log: Path, lines: int = LOG_LINES) -> str:
    """Return the last lines of a log without its colours, or "" if there is no such file."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(_COLOUR.sub("", text).splitlines()[-lines:])
