"""One running fleet for the tests that need it."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from keyart_federated import flower as deployment
from keyart_federated.flower import supervisor as keeper

PROBE = Path(__file__).parent / "probe"


def node_settings(i):
    return {"partition-id": i, "num-partitions": 2, "name": f'node "{i}"'}


@pytest.fixture(scope="session")
def below():
    """Function: these processes and everything below them."""
    return processes_below


@pytest.fixture(scope="session")
def wait_until_gone():
    """Function: fails unless all of these processes end within some seconds."""

    def wait(pids, seconds=10.0):
        deadline = time.monotonic() + seconds
        while left := still_there(pids):
            assert time.monotonic() < deadline, f"left behind: {left}"
            time.sleep(0.1)

    return wait


@pytest.fixture(scope="module")
def app_dir(tmp_path_factory):
    folder = deployment.write_app(
        tmp_path_factory.mktemp("app"),
        "probe_server:app",
        "probe_client:app",
        {"behaviour": "sum", "rounds": 2, "word": ""},
    )
    for source in PROBE.glob("*.py"):
        shutil.copy(source, folder)
    return folder


@pytest.fixture(scope="module")
def fleet(flower, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    with deployment.Fleet.start(
        folder, 2, node_settings, env={"PROBE": "of the fleet", "OPENBLAS_NUM_THREADS": "1"}
    ) as running:
        yield running
        tree = processes_below(process.pid for process in running.processes)
    assert len(tree) >= 9  # three programs, their keepers and their executors
    assert not still_there(tree)


def processes_below(pids):
    table = keeper.parents()
    return {pid for root in pids for pid in (root, *keeper.descendants(root, table))}


def still_there(pids):
    """Those of `pids` that have not ended; one that only waits to be collected by its parent has."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,stat="], capture_output=True, text=True, check=True)
    rows = (line.split() for line in listing.stdout.splitlines())
    return {int(pid) for pid, state in rows if int(pid) in pids and not state.startswith("Z")}
