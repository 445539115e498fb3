"""A real SuperLink with real SuperNodes on this machine, and the runs that one submits to it."""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from keyart.errors import FederatedError, RoundFailed, SettingError

from . import programs
from .app import RESULT_PATH, Setting, settings_of, to_toml
from .flwr_cli import Control
from .process import GRACE_SECONDS, Process, tail_of
from .tls_keys import Certificates, write_certificates, write_node_key

POLL_SECONDS = 0.2
COMPLETED = "finished:completed"


@dataclass(frozen=True, slots=True)
class RunResult:
    """A completed run.

    Attributes:
        run_id: Id of the run.
        status: Status in Flower's words, `finished:completed`.
        log: Output of the ServerApp.
        result: Bytes that it wrote to its setting `result-path`. None if it wrote nothing there.
    """

    run_id: int
    status: str
    log: str
    result: bytes | None


class Fleet:
    """A running SuperLink with its SuperNodes. Use it as a context manager, or call `close`.

    Attributes:
        folder: Keys, certificates, database, logs, results, and one FLWR_HOME for each process.
        processes: The SuperLink, then the SuperNodes.
    """

    def __init__(self, folder: Path, port: int, certificates: Certificates, env: Mapping[str, str]) -> None:
        self.folder, self.port, self.certificates = folder, port, certificates
        self.processes: list[Process] = []
        self._env, self._run_numbers = dict(env), itertools.count()
        home = self.environment("flwr")
        text = programs.connections(f"{programs.HOST}:{port}", certificates.authority)
        (Path(home["FLWR_HOME"]) / "config.toml").write_text(text, encoding="utf-8")
        self.control = Control(home)

    @classmethod
    def start(
        cls,
        folder: Path,
        nodes: int = 2,
        node_config: Callable[[int], Mapping[str, Setting]] | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> Self:
        """Start a SuperLink and SuperNodes, and return when all are connected.

        Args:
            folder: A new or empty folder.
            nodes: Number of SuperNodes.
            node_config: Settings of node i, which a ClientApp reads in `context.node_config`; by default
                `partition-id` (i) and `num-partitions` (nodes).
            env: Additions to the environment of each process.
            timeout: Seconds until all must be connected.

        Raises:
            SettingError: An argument is out of range.
            FederatedError: A program is missing or has failed; the message has the end of the logs.
        """
        if nodes < 1:
            raise SettingError(f"A fleet needs at least one node, not {nodes}.")
        for name in programs.PROGRAMS:
            programs.program(name)
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        if any(folder.iterdir()):
            raise SettingError(f"{folder} is not empty. Give each fleet a folder of its own.")
        deadline = time.monotonic() + timeout
        ports = free_ports(nodes + 1)
        fleet = cls(folder, ports[0], write_certificates(folder), env or {})
        try:
            fleet._start_superlink(deadline)
            for i, port in enumerate(ports[1:]):
                own = node_config(i) if node_config else {"partition-id": i, "num-partitions": nodes}
                fleet._start_node(f"node-{i}", port, own)
            for _ in fleet._until(deadline, "Not every node has connected"):
                if fleet.online() == nodes:
                    break
        except BaseException:
            fleet.close()
            raise
        return fleet

    def online(self) -> int:
        """Return the number of SuperNodes that the SuperLink counts as connected (a dead one for up to 60 s)."""
        return self.control.online()

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment of the process `name`.

        Each has a FLWR_HOME of its own: Flower unpacks an app there in several steps and takes a folder that exists
        for a finished one, so of two processes that share it one can see half an app.
        """
        home = self.folder / "homes" / name
        home.mkdir(parents=True, exist_ok=True)
        return programs.environment(home, self._env)

    def run(
        self, app_dir: Path, run_config: Mapping[str, Setting] | None = None, timeout: float = 180.0
    ) -> RunResult:
        """Submit the Flower app in a folder and wait for its end.

        Args:
            app_dir: Folder of the app.
            run_config: Overrides of settings in the app's manifest; `result-path` is filled in if it is
                missing.
            timeout: Seconds.

        Raises:
            SettingError: The app has no such setting; nothing was sent.
            RoundFailed: The run fails or takes too long, or a process ends; the message has the end of the log.
        """
        number = next(self._run_numbers)
        default = str(self.folder / f"run-{number}.result")
        settings = settings_of(app_dir, {RESULT_PATH: default}, run_config or {})
        result = Path(str(settings.get(RESULT_PATH, default)))
        if result.exists():
            raise SettingError(f"{result} is there already. Give each run a {RESULT_PATH} of its own.")
        file = self.folder / f"run-{number}.toml"
        file.write_text(to_toml(settings), encoding="utf-8")
        self.require_running()
        deadline = time.monotonic() + timeout
        run_id = self.control.submit(app_dir.resolve(), file)
        log = self.folder / f"run-{run_id}.log"
        try:
            self._follow(run_id, log, deadline)
            status, details = self.status(run_id)
        except BaseException:
            with contextlib.suppress(FederatedError):
                self.control.stop(run_id)
            raise
        if status != COMPLETED:
            raise RoundFailed(f"Run {run_id} ended as {status}. Its log, {log}, ends:\n{tail_of(log)}\n{details}")
        written = result.read_bytes() if result.is_file() else None
        return RunResult(run_id, status, log.read_text(encoding="utf-8", errors="replace"), written)

    def close(self) -> None:
        """End every process and wait until all are gone. The files stay."""
        for process in reversed(self.processes):
            process.release()
        for process in reversed(self.processes):
            process.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start_superlink(self, deadline: float) -> None:
        command = programs.superlink(self.port, self.certificates, self.folder / "superlink.db")
        self._start("superlink", command)
        for _ in self._until(deadline, "The SuperLink does not listen"):
            with contextlib.suppress(OSError), socket.create_connection((programs.HOST, self.port), 1.0):
                return

    def _start_node(self, name: str, port: int, settings: Mapping[str, Setting]) -> None:
        key = write_node_key(self.folder, name)
        config = self.folder / f"{name}.toml"
        config.write_text(to_toml(settings), encoding="utf-8")
        self.control.register(key.public)
        self._start(name, programs.supernode(port, self.port, self.certificates, key.private, config))

    def _start(self, name: str, command: list[str]) -> None:
        self.processes.append(Process.start(name, command, self.folder, self.environment(name)))

    def _follow(self, run_id: int, log: Path, deadline: float) -> None:
        """Copy the ServerApp's log into a file until the run ends."""
        complaint = f"Run {run_id} did not end"
        with log.open("wb") as output:
            stream = self.control.follow(run_id, output)
            try:
                for _ in self._until(deadline, complaint):
                    if stream.poll() is not None:
                        break
            finally:
                stream.kill()
                stream.wait()
        for _ in self._until(deadline, complaint):
            if self.status(run_id)[0].startswith("finished"):
                return

    def status(self, run_id: int) -> tuple[str, str]:
        """Return `Control.status`. Raises RoundFailed if a process has ended, FederatedError if none answers."""
        try:
            return self.control.status(run_id)
        except FederatedError:
            # No answer: where a program has ended, its keeper says so once it has ended all below it.
            deadline = time.monotonic() + GRACE_SECONDS + 2.0
            while time.monotonic() < deadline:
                self.require_running()
                time.sleep(POLL_SECONDS)
            raise

    def _until(self, deadline: float, complaint: str) -> Iterator[None]:
        """Yield until the deadline, with a short sleep between, as long as every process is running."""
        while time.monotonic() < deadline:
            self.require_running()
            yield
            time.sleep(POLL_SECONDS)
        tails = "\n".join(f"{process.name}: {process.tail()}" for process in self.processes)
        raise RoundFailed(f"{complaint} in time. Give it a longer timeout, or look for the cause here:\n{tails}")

    def require_running(self) -> None:
        """Raise RoundFailed if a process has ended."""
        for process in self.processes:
            if not process.running:
                raise RoundFailed(
                    f"{process.name} has ended. Remove the cause and start a new fleet. "
                    f"Its log, {process.log}, ends:\n{process.tail()}"
                )


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody used a moment ago, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((programs.HOST, 0))
        return [each.getsockname()[1] for each in sockets]
