"""Rounds on a real SuperLink with real SuperNodes, and what is killed under them. Devices answer in a thread."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import psycopg
import pytest
from sqlalchemy.exc import OperationalError
from support import rounds as round_samples
from support.crowd import Crowd, begin, found
from support.rounds import ISSUER
from support.server import emptied

from keyart.errors import FederatedError
from keyart.secagg import Stage
from keyart_federated.flower import programs
from keyart_federated.flower import supervisor as keeper
from keyart_federated.flower.flwr_cli import Control
from keyart_federated.flower.tls_keys import write_node_key
from keyart_server.flower import supernode
from keyart_server.flower.superlink import FlowerRunner
from keyart_server.state import ServerState

pytestmark = [pytest.mark.service, pytest.mark.xdist_group("superlink"), pytest.mark.usefixtures("flower")]

GATEWAYS = ("main", "west")
DEVICES, SIZE, EPSILON = 8, 16, 1e4
PATIENCE = 120.0
SERVERAPP, RELAY, SUPERLINK, SUPERNODE = (
    "flwr-serverapp",
    "flwr-clientapp",
    "flower-superlink",
    "polling_supernode.py",
)


@pytest.fixture(scope="module")
def address(postgres: str) -> str:
    return emptied(postgres)


@pytest.fixture(scope="module")
def state(address: str) -> Iterator[ServerState]:
    with closing(ServerState.open(address)) as made:
        yield made


@pytest.fixture(scope="module")
def link(address: str, state: ServerState, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowerRunner]:
    """Two gateways on Postgres, for every test that leaves them alive."""
    with FlowerRunner.start(tmp_path_factory.mktemp("link"), address, [ISSUER.public], GATEWAYS) as made:
        yield made


def crowd(state: ServerState, gateways: tuple[str, ...] = GATEWAYS, least: int = 5, **changes: object) -> Crowd:
    """Of a new round, whose devices have not begun to answer."""
    of = round_samples.terms(DEVICES, size=SIZE, least=least)
    begin(state, of, EPSILON, wanted=DEVICES)
    vectors = np.random.default_rng(5).integers(-1000, 1001, (DEVICES, SIZE))
    return Crowd(state, of, vectors, gateways, **changes)  # type: ignore[arg-type]


class Running:
    """A round that is run in a thread. failure: what it raised."""

    def __init__(self, link: FlowerRunner, devices: Crowd, patience: float = PATIENCE) -> None:
        self.stop, self.failure = threading.Event(), None
        self._link, self._devices, self._patience = link, devices, patience
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            self._link.run(self._devices.of.round_id.hex(), self._patience, self.stop, self._ended)
        except FederatedError as error:
            self.failure = error

    def _ended(self) -> bool:
        with suppress(OperationalError):  # the database is away
            return not found(self._devices.state, self._devices.of).is_active
        return False


def kill(program: str) -> None:
    """Every process of ours that runs this program."""
    pids = running(program)
    assert pids, program
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def running(program: str, root: int | None = None) -> list[int]:
    pids = []
    for pid in keeper.descendants(root or os.getpid(), keeper.parents()):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        # A supervisor names its program, too.
        if program.encode() in command and keeper.__file__.encode() not in command:
            pids.append(pid)
    return pids


def test_a_round_of_two_gateways(link: FlowerRunner, state: ServerState) -> None:
    with crowd(state) as devices:
        began = time.monotonic()
        run = Running(link, devices)
        run.join()
        print(f"seconds of a round: {time.monotonic() - began:.1f}")
        assert run.failure is None
        devices.check()
        assert devices.survivors() == list(range(DEVICES))


def test_too_few_devices(link: FlowerRunner, state: ServerState) -> None:
    with crowd(state, silent={Stage.SHARE: range(4)}) as devices:
        run = Running(link, devices, patience=6.0)
        run.join()
    failed = found(state, devices.of)
    assert run.failure is None and failed.standing == "failed"
    assert failed.failure.startswith("4 of 8 devices answered at stage share where 6 must")


def test_a_serverapp_that_is_killed_at_each_stage(link: FlowerRunner, state: ServerState) -> None:
    with crowd(state) as devices:
        for stage in Stage:
            devices.held = stage
            run = Running(link, devices)
            devices.wait(lambda stage=stage: devices.half(stage))
            kill(SERVERAPP)
            run.stop.set()  # Flower itself takes a minute to see that it is gone
            run.join()
        devices.held = None
        run = Running(link, devices)
        run.join()
        assert run.failure is None
        devices.check()
        assert devices.survivors() == list(range(DEVICES))


def test_a_database_that_is_away_for_a_while(link: FlowerRunner, state: ServerState, address: str) -> None:
    server, _, name = address.rpartition("/")
    with crowd(state, held=Stage.MASKED) as devices:
        run = Running(link, devices)
        devices.wait(lambda: devices.half(Stage.MASKED))
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            time.sleep(8)  # of an outage
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        devices.held = None
        run.join()
        assert run.failure is None
        devices.check()
        assert devices.survivors() == list(range(DEVICES))


def test_a_relay_that_is_killed_is_asked_again(link: FlowerRunner, state: ServerState) -> None:
    """Flower takes a minute to see that its process is gone; then the round goes on by itself."""
    with crowd(state, held=Stage.SHARE) as devices:
        run = Running(link, devices)
        devices.wait(lambda: devices.half(Stage.SHARE))
        kill(RELAY)
        devices.held = None
        run.join()
        assert run.failure is None
        devices.check()
        assert devices.survivors() == list(range(DEVICES))


def test_a_superlink_elsewhere_and_a_gateway_that_joins_it(
    link: FlowerRunner, state: ServerState, address: str, tmp_path
) -> None:
    """And whose SuperNode is started again when it is killed."""
    home, authority = link.folder / "fleet" / "homes" / "flwr", link.folder / "fleet" / "authority.pem"
    place = tomllib.loads((home / "config.toml").read_text())["superlink"]["fleet"]["address"]
    key = write_node_key(tmp_path, "east")
    Control(programs.environment(home)).register(key.public)  # as its operator does
    stop = threading.Event()
    with FlowerRunner.connect(tmp_path / "connected", place, authority, gateways=3) as connected:
        before = set(running(SUPERNODE))
        arguments = (stop, tmp_path / "node", address, "east", place, authority, key.private, 0.1)
        supervised = threading.Thread(target=supernode.supervise, args=arguments)
        supervised.start()
        try:
            with crowd(state, ("main", "west", "east"), held=Stage.KEYS) as devices:
                run = Running(connected, devices)
                devices.wait(lambda: devices.half(Stage.KEYS))
                (pid,) = set(running(SUPERNODE)) - before
                os.kill(pid, signal.SIGKILL)
                devices.wait(lambda: bool(set(running(SUPERNODE)) - before - {pid}))
                devices.held = None
                run.join()
                assert run.failure is None
                devices.check()
                assert devices.survivors() == list(range(DEVICES))
        finally:
            stop.set()
            supervised.join()
        assert set(running(SUPERNODE)) == before


VICTIMS = (SUPERLINK, SUPERNODE, RELAY)


@pytest.mark.soak
@pytest.mark.parametrize("shift", [0, 1, 2])
def test_what_is_killed_at_each_stage_costs_a_new_link_and_no_answer(tmp_path: Path, shift: int) -> None:
    database = tmp_path / "state.db"
    with closing(ServerState.open(database)) as state, crowd(state) as devices:
        for stage in Stage:
            victim = VICTIMS[(stage + shift) % len(VICTIMS)]
            devices.held = stage
            with FlowerRunner.start(tmp_path / "link", f"sqlite:///{database}", [ISSUER.public], GATEWAYS) as link:
                run = Running(link, devices)
                devices.wait(lambda stage=stage: devices.half(stage))
                handed = set(devices.handed)
                kill(victim)
                if victim == RELAY:
                    run.stop.set()
                run.join()
                assert victim == RELAY or "has ended" in str(run.failure)
        devices.held = None
        with FlowerRunner.start(tmp_path / "link", f"sqlite:///{database}", [ISSUER.public], GATEWAYS) as link:
            run = Running(link, devices)
            run.join()
            assert run.failure is None
        devices.check()
        assert devices.survivors() == list(range(DEVICES)) and handed <= devices.handed


def test_nothing_is_left_of_a_server_that_is_killed(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from keyart_server.flower.superlink import FlowerRunner
        with FlowerRunner.start(Path(sys.argv[1]) / "link", f"sqlite:///{sys.argv[1]}/state.db", [b"k" * 32]):
            print("up", flush=True)
            time.sleep(600)
        """
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None and server.stdout.readline() == "up\n"
        tree = keeper.descendants(server.pid, keeper.parents())
        assert len(tree) >= 6  # a keeper, a program and an executor for each of two
        server.kill()
    deadline = time.monotonic() + 15
    while left := [pid for pid in tree if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
