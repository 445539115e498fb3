"""The sidecar as a child process that is started again whenever it has ended.

It ends by itself when its standard input closes, that is, when Kodi has gone, however that came about.
"""

from __future__ import annotations

import os
import subprocess

from . import rpc
from .place import Place

MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.5, 60.0  # between two starts
CONSENT = {"purpose": "personalization"}
STOP_SECONDS = 2.0  # then it is killed, which costs nothing that was answered; Kodi itself waits five


class Helper:
    """Starts the sidecar, and knows whether it is ready."""

    def __init__(
        self, place: Place, python: str, bundle: str, opening: list[tuple[str, dict]], consents: bool
    ) -> None:
        """Prepare.

        Args:
            place: The files of the Kodi profile.
            python: A Python with keyart.
            bundle: Folder of a model bundle, or "".
            opening: The calls that open the profile.
            consents: True if the viewer allows personalisation.
        """
        self._place, self._opening, self._consents = place, opening, consents
        options = ["--bundle", bundle] if bundle else []
        self._command = [
            python, "-m", "keyart.sidecar", "--catalog", place.catalog,
            "--file", f"{place.folder}/profile.db", "--key-folder", f"{place.folder}/keys",
            "--socket", place.socket, "--engine", "numpy", *options,
        ]  # fmt: skip
        self._process: subprocess.Popen | None = None
        self._pause, self._next_start = MIN_PAUSE_SECONDS, 0.0
        self.ready = False
        self.problem = ""

    def watch(self, now: float) -> bool:
        """Start the sidecar if it does not run; return True when it has just become ready."""
        if self._process is None or self._process.poll() is not None:
            self.ready = False
            if now >= self._next_start:
                self._start(now)
            return False
        if self.ready:
            return False
        try:
            answers = rpc.call_all(self._place.socket, [*self._opening, ("consent.allows", CONSENT)])
            if answers[-1] is not self._consents:  # else each start of Kodi would count as a consent
                method = "consent.grant" if self._consents else "consent.withdraw"
                answers += rpc.call_all(self._place.socket, [(method, CONSENT)])
        except rpc.Away:
            return False
        refusals = [str(answer) for answer in answers if isinstance(answer, rpc.Refused)]
        self.ready, self.problem = not refusals, " ".join(refusals)
        if self.ready:
            self._pause = MIN_PAUSE_SECONDS
        else:
            self.stop()
        return self.ready

    def _start(self, now: float) -> None:
        self._next_start, self._pause = now + self._pause, min(2 * self._pause, MAX_PAUSE_SECONDS)
        surroundings = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}  # Kodi's
        said = f"{self._place.folder}/sidecar.log"
        if self._process is not None:
            self._process.stdin.close()
            self.problem = _last_line(said) or self.problem
        try:
            with open(said, "wb") as log:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log, env=surroundings
                )
        except OSError as error:
            self.problem = f"{self._command[0]}: {error.strerror}"

    def stop(self) -> None:
        """End the sidecar, which writes what is pending."""
        process, self._process, self.ready = self._process, None, False
        if process is None:
            return
        process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _last_line(file: str) -> str:
    with open(file, encoding="utf-8", errors="replace") as stream:
        return next(reversed(stream.read().strip().splitlines()), "")
