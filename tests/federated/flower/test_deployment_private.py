"""Private rounds on a real SuperLink: masked sums through Flower's messages, and what survives a kill."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from keyart_federated.apps import server

from keyart.errors import RoundFailed
from keyart_federated import flower as deployment
from keyart_federated.accounting.ledger import Ledger

pytestmark = [pytest.mark.service]

WORLD = {"viewers": 24, "titles": 12, "artworks": 3, "impressions": 20}
STEPS, EPSILON, DELTA = 5, 8.0, 1e-6


def settings(state, rounds: int) -> dict[str, object]:
    return {
        "world-settings": json.dumps(WORLD),
        "impressions": rounds * STEPS,
        "rounds": rounds,
        "steps": STEPS,
        "nodes": 2,
        "epsilon": EPSILON,
        "state-path": str(state),
        "patience-seconds": 8.0,
    }


def when_charged(state, charges: int, do) -> threading.Thread:
    """Does something once the ledger holds so many charges: in the middle of the sum that the last one pays for."""

    def watch() -> None:
        deadline = time.monotonic() + 150.0
        while time.monotonic() < deadline:
            try:
                if (state / "ledger").read_bytes().count(b"\n") > charges and do():
                    return
            except OSError:
                pass
            time.sleep(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def kill(pids, program: bytes) -> list[int]:
    """The first of these processes that runs `program`, killed; none where there is none."""
    for pid in sorted(pids):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if program in command and b"keeper" not in command:  # a keeper names its program, too
                os.kill(pid, signal.SIGKILL)
                return [pid]
        except OSError:
            continue
    return []


def charged(state) -> list[int]:
    with Ledger.open(state / "ledger", EPSILON, DELTA) as ledger:
        assert ledger.spent() <= EPSILON
        return sorted(number for _, number in ledger.charges)


def test_masked_rounds_with_an_app_killed_between_two_stages(fleet, below, tmp_path):
    state, killed = tmp_path / "state", []

    nodes = [process.pid for process in fleet.processes[1:]]
    killer = when_charged(state, 2, lambda: killed.extend(kill(below(nodes), b"flwr-clientapp")) or killed)
    app = deployment.write_app(tmp_path / "app", config=server.DEFAULTS)
    run = fleet.run(app, settings(state, 1), timeout=240.0)
    killer.join()
    result = np.load(io.BytesIO(run.result))
    assert killed and int(result["rounds"]) == 1 and np.isfinite(result["model"]).all()
    assert charged(state) == [0, 1]  # the population, and a round of training


def test_a_superlink_that_is_killed_in_a_round_and_the_campaign_that_goes_on(flower, below, tmp_path):
    state = tmp_path / "state"
    app = deployment.write_app(tmp_path / "app", config=server.DEFAULTS)
    environment = {"PROBE": "private", "OPENBLAS_NUM_THREADS": "1"}
    with deployment.Fleet.start(tmp_path / "first", 2, env=environment) as fleet:
        superlink = fleet.processes[0].pid
        killer = when_charged(state, 3, lambda: kill(below([superlink]), b"flower-superlink"))
        with pytest.raises(RoundFailed, match="has ended"):
            fleet.run(app, settings(state, 2), timeout=240.0)
        killer.join()
    assert charged(state) == [0, 1, 2]
    with deployment.Fleet.start(tmp_path / "second", 2, env=environment) as fleet:
        run = fleet.run(app, settings(state, 2), timeout=240.0)
    # The second round was paid for and is lost with its server: its devices would not answer twice.
    assert "paid for before the server stopped" in run.log
    assert charged(state) == [0, 1, 2]
    assert int(np.load(io.BytesIO(run.result))["rounds"]) == 1
