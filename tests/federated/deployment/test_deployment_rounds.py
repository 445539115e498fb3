"""keyart's own apps on a real SuperLink with two real SuperNodes, against the same rounds in one process."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from flwr.app import Context, RecordDict

import keyart_federated
from keyart.features import FeatureSpec
from keyart.ranker.weights import to_bytes
from keyart_federated import deployment
from keyart_federated.apps import client, server
from keyart_federated.grid import LocalGrid
from keyart_federated.model import Model
from keyart_federated.worlds import SyntheticWorld

pytestmark = [pytest.mark.service]

WORLD = {"viewers": 2, "titles": 6, "artworks": 4, "impressions": 20}
ROUNDS, STEPS, SEED = 3, 5, 3


def _settings(result: str) -> dict[str, str | int | float | bool]:
    return {
        "world-settings": json.dumps(WORLD),
        "impressions": ROUNDS * STEPS,
        "rounds": ROUNDS,
        "steps": STEPS,
        "nodes": 2,
        "seed": SEED,
        **({"result-path": result} if result else {}),
    }


def test_superlink_and_two_supernodes_give_the_very_model_of_one_process(fleet, tmp_path):
    app = deployment.write_app(tmp_path / "app", config=server.DEFAULTS)
    run = fleet.run(app, _settings(""))
    assert run.status == "finished:completed"
    deployed = np.load(io.BytesIO(run.result))
    assert int(deployed["rounds"]) == ROUNDS

    config = {**server.DEFAULTS, **_settings(str(tmp_path / "local.npz"))}
    nodes = {
        i + 1: Context(1, i + 1, {"partition-id": i, "num-partitions": 2}, RecordDict(), config) for i in range(2)
    }
    server.app(LocalGrid(client.app, nodes), Context(1, 1, {}, RecordDict(), config))
    local = np.load(tmp_path / "local.npz")
    np.testing.assert_array_equal(deployed["model"], local["model"])

    # And the simulation, which keeps its devices in memory instead of in Context.state, ships the same bytes.
    world = SyntheticWorld(**WORLD)
    report = keyart_federated.simulate(world, STEPS, ROUNDS, seed=SEED, nodes=2, out=tmp_path / "bundle")
    spec = FeatureSpec.from_catalog(world.catalog)
    pictures = sum(len(title.artworks) for title in world.catalog)
    model = Model.from_array(spec, pictures, deployed["model"])
    assert (report.bundle / "ranker.bin").read_bytes() == to_bytes(model.weights, spec)
