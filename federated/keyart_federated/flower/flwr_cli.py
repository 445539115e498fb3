"""The command line of Flower, `flwr`, by which a SuperLink is controlled: its answers are JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from keyart.errors import FederatedError

from . import programs

ANSWER_SECONDS = 60.0  # longest wait for one call; on an idle machine one takes 0.7 s


@dataclass(frozen=True, slots=True)
class Control:
    """The command line with its environment; `$FLWR_HOME/config.toml` in there names the SuperLink."""

    env: Mapping[str, str]

    def register(self, public_key: Path) -> None:
        """Admit the SuperNode with this public key."""
        self._ask("supernode", "register", str(public_key), programs.CONNECTION)

    def online(self) -> int:
        """Return the number of connected SuperNodes, by the SuperLink's count."""
        answer = self._ask("supernode", "list", programs.CONNECTION)
        return sum(node["status"] == "online" for node in answer["nodes"])

    def submit(self, app_dir: Path, settings: Path) -> int:
        """Start a run of the app with the settings of a TOML file, and return the run's id."""
        answer = self._ask("run", str(app_dir), programs.CONNECTION, "--run-config", str(settings))
        return int(answer["run-id"])

    def status(self, run_id: int) -> tuple[str, str]:
        """Return `pending`, `starting`, `running` or `finished:HOW`, and the details of a failure."""
        (run,) = self._ask("list", programs.CONNECTION, "--run-id", str(run_id))["runs"]
        return run["status"], run["status-details"]

    def stop(self, run_id: int) -> None:
        """Stop a run that has not ended."""
        self._ask("stop", str(run_id), programs.CONNECTION)

    def follow(self, run_id: int, output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Copy the ServerApp's log to `output`; the process ends with the run."""
        return subprocess.Popen(  # noqa: S603
            [programs.program("flwr"), "log", str(run_id), programs.CONNECTION, "--stream"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(self.env),
        )

    def _ask(self, *arguments: str) -> Any:
        try:
            done = subprocess.run(  # noqa: S603
                [programs.program("flwr"), *arguments, "--format", "json"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=ANSWER_SECONDS,
                check=False,
                env=dict(self.env),
            )
        except subprocess.TimeoutExpired:
            raise FederatedError(
                f"`flwr {arguments[0]}` got no answer within {ANSWER_SECONDS:g} s. See the SuperLink's log."
            ) from None
        try:
            answer = json.loads(done.stdout)
        except json.JSONDecodeError:
            answer = None
        if done.returncode != 0 or not isinstance(answer, dict) or not answer.get("success"):
            said = (done.stdout + done.stderr).strip()
            raise FederatedError(f"`flwr {' '.join(arguments)}` failed. It says: {said}")
        return answer
