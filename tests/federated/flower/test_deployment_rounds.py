"""keyart's own apps on a real SuperLink with two real SuperNodes, against the same rounds in one process."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from keyart_federated.apps import server

from keyart_federated import flower as deployment

pytestmark = [pytest.mark.service]

WORLD = {"viewers": 12, "titles": 40, "artworks": 3, "impressions": 20}
ROUNDS, STEPS, SEED = 3, 5, 3
SETTINGS = {
    "world-settings": json.dumps(WORLD),
    "impressions": ROUNDS * STEPS,
    "rounds": ROUNDS,
    "steps": STEPS,
    "nodes": 2,
    "seed": SEED,
}

# In a process of its own, with one BLAS thread as the fleet's programs have: the last bits of a matrix product depend
# on how many threads share it.
IN_ONE_PROCESS = """
import json, sys
from pathlib import Path
from flwr.app import Context, RecordDict
import keyart_federated
from keyart_federated.apps import client, server
from local_grid import LocalGrid
from keyart_federated.worlds import SyntheticWorld

settings, world, rounds, steps, seed, folder = json.loads(sys.argv[1])
config = {**server.DEFAULTS, **settings, "result-path": folder + "/local.npz"}
nodes = {i + 1: Context(1, i + 1, {"partition-id": i, "num-partitions": 2}, RecordDict(), config) for i in range(2)}
server.app(LocalGrid(client.app, nodes), Context(1, 1, {}, RecordDict(), config))
keyart_federated.simulate(SyntheticWorld(**world), steps, rounds, seed=seed, nodes=2, out=Path(folder) / "bundle")
"""

# The simulation keeps its devices in memory instead of in Context.state, and ships int8 weights.
SHIPPED = """
import json, sys
import numpy as np
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.ranker.weights import to_bytes
from keyart_federated.learning.model import Model
from keyart_federated.worlds import SyntheticWorld

world, folder = json.loads(sys.argv[1])
catalog = SyntheticWorld(**world).catalog
spec = FeatureSpec.from_catalog(catalog)
model = Model.from_array(EncodedCatalog.build(catalog, spec), np.load(folder + "/local.npz")["model"])
assert open(folder + "/bundle/ranker.bin", "rb").read() == to_bytes(model.weights, spec)
assert model.title_latents.any() and model.artwork_latents.any()
"""


def _run(program: str, *arguments: object) -> None:
    subprocess.run(
        [sys.executable, "-c", program, json.dumps(arguments)],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        check=True,
        timeout=120,
    )


def test_superlink_and_two_supernodes_give_the_very_model_of_one_process(fleet, tmp_path):
    app = deployment.write_app(tmp_path / "app", config=server.DEFAULTS)
    run = fleet.run(app, SETTINGS)
    assert run.status == "finished:completed"
    deployed = np.load(io.BytesIO(run.result))
    assert int(deployed["rounds"]) == ROUNDS

    _run(IN_ONE_PROCESS, SETTINGS, WORLD, ROUNDS, STEPS, SEED, str(tmp_path))
    local = np.load(tmp_path / "local.npz")
    np.testing.assert_array_equal(deployed["model"], local["model"])
    _run(SHIPPED, WORLD, str(tmp_path))


def test_a_node_whose_app_is_killed_is_asked_again(fleet, below, tmp_path):
    killed = []

    def kill_the_first_app():
        deadline = time.monotonic() + 60.0
        while not killed and time.monotonic() < deadline:
            for pid in below(process.pid for process in fleet.processes[1:]):
                try:
                    command = Path(f"/proc/{pid}/cmdline").read_bytes()
                    if b"flwr-clientapp" in command:
                        os.kill(pid, signal.SIGKILL)
                        killed.append(pid)
                        return
                except OSError:
                    continue
            time.sleep(0.02)

    killer = threading.Thread(target=kill_the_first_app)
    killer.start()
    app = deployment.write_app(tmp_path / "app", config=server.DEFAULTS)
    run = fleet.run(app, {**SETTINGS, "rounds": 1, "impressions": STEPS, "patience-seconds": 8.0})
    killer.join()
    assert killed
    assert "asked again" in run.log
    assert int(np.load(io.BytesIO(run.result))["rounds"]) == 1
