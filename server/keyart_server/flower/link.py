"""What runs rounds: a SuperLink with a SuperNode a gateway on this machine, or a SuperLink elsewhere.

Nothing in here is worth keeping: where a process has died, close the link, start another one and run the round again.
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

from .environment import GATEWAY, told
from .waiting import GRACE_SECONDS

POLL_SECONDS: Final = 0.2
STAGES: Final = 4
START_SECONDS: Final = 300.0  # what a round may take beside its stages
SETTINGS: Final[Mapping[str, Setting]] = {"round": "", "nodes": 1, "patience": 60.0}


class Link:
    """Made by `start` or `connect`; use it as a context manager, or call `close`. Rounds may run side by side: a
    SuperNode answers one message after the other, and lets go of a stage that takes long. folder: of this link's own,
    with logs."""

    def __init__(self, folder: Path, control: Control, fleet: Fleet | None, gateways: int) -> None:
        self.folder = folder
        self._control, self._fleet, self._gateways = control, fleet, gateways
        self._app = write_app(
            folder / "app", "keyart_server.flower.coordinate:app", "keyart_server.flower.relay:app", SETTINGS
        )

    @classmethod
    def start(
        cls, folder: Path, database_url: str, issuers: Iterable[bytes], gateways: Sequence[str] = ("main",)
    ) -> Self:
        """A SuperLink and a SuperNode for each gateway, here; they end with this process, however it ends.

        folder: for this alone; what an earlier link left there is removed. issuers: public keys (Ed25519). The
        database's address reaches these processes by their environment alone. Raises FederatedError.
        """
        own = fresh(folder)
        env = told(database_url, issuers)
        fleet = Fleet.start(own / "fleet", len(gateways), lambda i: {GATEWAY: gateways[i]}, env)
        return cls(own, fleet.control, fleet, len(gateways))

    @classmethod
    def connect(cls, folder: Path, address: str, authority: Path, gateways: int = 1) -> Self:
        """A SuperLink that runs elsewhere, where KEYART_DATABASE_URL and KEYART_ISSUERS are set for it.

        address: HOST:PORT of its control API, which knows no passwords: it must not be open to others. authority: a
        PEM file that vouches for it. gateways: a round waits for so many, for a minute.
        """
        own = fresh(folder)
        home = own / "home"
        home.mkdir()
        (home / "config.toml").write_text(connections(address, authority.resolve()), encoding="utf-8")
        return cls(own, Control(environment(home)), None, gateways)

    def run(
        self, round_id: str, patience: float, stop: threading.Event, ended: Callable[[], bool] = lambda: False
    ) -> None:
        """Drives a round to its end, or until `stop` is set; how it ended is in the database.

        patience: seconds that a stage may take. ended: whether the database says so, which Flower takes 3 s to find
        out; it must not raise. Raises FederatedError where a process has died, or where Flower or the database
        failed: the round stands where it stood, and goes on when another link runs it.
        """
        settings = self.folder / f"round-{round_id[:16]}.toml"
        run = to_toml({"round": round_id, "nodes": self._gateways, "patience": float(patience)})
        settings.write_text(run, encoding="utf-8")
        self._require_running()
        run_id = self._control.submit(self._app, settings)
        log = self.folder / f"run-{run_id}.log"
        self._follow(
            run_id, log, START_SECONDS + STAGES * (patience + GRACE_SECONDS), lambda: stop.is_set() or ended()
        )
        if ended():
            return
        if stop.is_set():
            with contextlib.suppress(FederatedError):  # it has just ended by itself
                self._control.stop(run_id)
            return
        status, details = (self._fleet or self._control).status(run_id)
        if status != COMPLETED:
            raise FederatedError(
                f"The round's run ended as {status}. {details}\nIts log, {log}, ends:\n{tail_of(log)}"
            )

    def close(self) -> None:
        """Ends every process of a link that was started here."""
        if self._fleet is not None:
            self._fleet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _follow(self, run_id: int, log: Path, seconds: float, enough: Callable[[], bool]) -> None:
        """Until the run has ended, or it is enough. Its log goes to a file."""
        deadline = time.monotonic() + seconds
        with log.open("wb") as output:
            # It ends with the run, and costs less than to ask again and again.
            following = self._control.follow(run_id, output)
            try:
                while following.poll() is None and not enough():
                    self._require_running()
                    if time.monotonic() > deadline:
                        raise FederatedError(f"The round's run has not ended within {seconds:.0f} s. See {log}.")
                    time.sleep(POLL_SECONDS)
            finally:
                following.kill()
                following.wait()

    def _require_running(self) -> None:
        if self._fleet is not None:
            self._fleet.require_running()


def fresh(folder: Path) -> Path:
    """An empty folder in `folder`, and nothing else in there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.iterdir():
        shutil.rmtree(left, ignore_errors=True)
    return Path(mkdtemp(dir=folder)).resolve()
