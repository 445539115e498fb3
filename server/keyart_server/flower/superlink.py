"""Runs rounds on a SuperLink: one started on this machine with a SuperNode per gateway, or an external one.

No state is kept here: if a process has died, close the runner, start another one and run the round again.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Final, Self

from keyart.errors import FederatedError
from keyart_federated.flower import Fleet, write_app
from keyart_federated.flower.app import Setting, to_toml
from keyart_federated.flower.fleet import COMPLETED
from keyart_federated.flower.flwr_cli import Control
from keyart_federated.flower.process import tail_of
from keyart_federated.flower.programs import connections, environment

from .database_retries import GRACE_SECONDS
from .environment import GATEWAY, flower_environment

POLL_SECONDS: Final = 0.2
STAGES_PER_ROUND: Final = 4
START_SECONDS: Final = 300.0  # time that a round may take besides its stages
SETTINGS: Final[Mapping[str, Setting]] = {"round": "", "nodes": 1, "patience": 60.0}


class FlowerRunner:
    """Runs rounds on Flower; made by `start` or `connect`, closed by `close` or as a context manager.

    Rounds may run at the same time: a SuperNode answers one message after the other and returns early from long
    stages.
    """

    def __init__(self, folder: Path, control: Control, fleet: Fleet | None, gateways: int) -> None:
        self.folder = folder
        self._control, self._fleet, self._gateways = control, fleet, gateways
        self._app = write_app(
            folder / "app", "keyart_server.flower.server_app:app", "keyart_server.flower.client_app:app", SETTINGS
        )

    @classmethod
    def start(
        cls, folder: Path, database_url: str, issuers: Iterable[bytes], gateways: Sequence[str] = ("main",)
    ) -> Self:
        """Start a SuperLink and one SuperNode per gateway on this machine; they end with this process.

        Args:
            folder: for this runner only; leftovers of an earlier one are deleted.
            database_url: address of the database, passed by environment variables only.
            issuers: public keys (Ed25519) that verify device certificates.
            gateways: names of the gateways.

        Raises:
            FederatedError: if they cannot be started.
        """
        run_folder = fresh_folder(folder)
        env = flower_environment(database_url, issuers)
        fleet = Fleet.start(run_folder / "fleet", len(gateways), lambda i: {GATEWAY: gateways[i]}, env)
        return cls(run_folder, fleet.control, fleet, len(gateways))

    @classmethod
    def connect(cls, folder: Path, address: str, authority: Path, gateways: int = 1) -> Self:
        """Connect to an external SuperLink, where KEYART_DATABASE_URL and KEYART_ISSUERS are set.

        Args:
            folder: for this runner only.
            address: HOST:PORT of its control API, which has no passwords and must not be public.
            authority: PEM file of the authority that signed its certificate.
            gateways: number of gateways that a round waits for, up to a minute.
        """
        run_folder = fresh_folder(folder)
        home = run_folder / "home"
        home.mkdir()
        (home / "config.toml").write_text(connections(address, authority.resolve()), encoding="utf-8")
        return cls(run_folder, Control(environment(home)), None, gateways)

    def run(
        self, round_id: str, patience: float, stop: threading.Event, ended: Callable[[], bool] = lambda: False
    ) -> None:
        """Run a round to its end, or until `stop` is set; the outcome is in the database.

        Args:
            round_id: id of the round, in hex.
            patience: stage timeout in seconds.
            stop: set it to leave the round early.
            ended: tells whether the database shows the end of the round, which Flower reports 3 s later; must not
                raise.

        Raises:
            FederatedError: if a process has died, or Flower or the database failed; another runner can resume the
                round.
        """
        settings = self.folder / f"round-{round_id[:16]}.toml"
        run = to_toml({"round": round_id, "nodes": self._gateways, "patience": float(patience)})
        settings.write_text(run, encoding="utf-8")
        self._require_running()
        run_id = self._control.submit(self._app, settings)
        log = self.folder / f"run-{run_id}.log"
        self._follow(
            run_id,
            log,
            START_SECONDS + STAGES_PER_ROUND * (patience + GRACE_SECONDS),
            lambda: stop.is_set() or ended(),
        )
        if ended():
            return
        if stop.is_set():
            with contextlib.suppress(FederatedError):  # the run has just ended by itself
                self._control.stop(run_id)
            return
        status, details = (self._fleet or self._control).status(run_id)
        if status != COMPLETED:
            raise FederatedError(
                f"The Flower run of the round ended as {status}. {details}\nEnd of its log {log}:\n{tail_of(log)}"
            )

    def close(self) -> None:
        """End the processes that `start` has started."""
        if self._fleet is not None:
            self._fleet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _follow(self, run_id: int, log: Path, seconds: float, enough: Callable[[], bool]) -> None:
        """Write the log of the run to a file until the run has ended or `enough` says so."""
        deadline = time.monotonic() + seconds
        with log.open("wb") as output:
            # The process ends with the run and is cheaper than polling.
            following = self._control.follow(run_id, output)
            try:
                while following.poll() is None and not enough():
                    self._require_running()
                    if time.monotonic() > deadline:
                        raise FederatedError(
                            f"The Flower run of the round did not end within {seconds:.0f} s. See {log}."
                        )
                    time.sleep(POLL_SECONDS)
            finally:
                following.kill()
                following.wait()

    def _require_running(self) -> None:
        if self._fleet is not None:
            self._fleet.require_running()


def fresh_folder(folder: Path) -> Path:
    """Return an empty folder inside `folder`, after deleting everything else in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for leftover in folder.iterdir():
        shutil.rmtree(leftover, ignore_errors=True)
    return Path(mkdtemp(dir=folder)).resolve()
