"""A campaign whose server is killed goes on from its last good round, and pays for no round twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from keyart.errors import FederatedError
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart_federated.accounting.ledger import Ledger
from keyart_federated.learning import checkpoint
from keyart_federated.worlds import SyntheticWorld

WORLD = {"viewers": 24, "titles": 12, "artworks": 3, "impressions": 24}
ROUNDS, STEPS, EPSILON, DELTA = 6, 4, 8.0, 1e-6

CAMPAIGN = """
import json, sys
from flwr.app import Context, RecordDict
from keyart_federated.apps import client, server
from local_grid import LocalGrid

settings, = json.loads(sys.argv[1])
config = {**server.DEFAULTS, **settings}
nodes = {i + 1: Context(1, i + 1, {"partition-id": i, "num-partitions": 2}, RecordDict(), config) for i in range(2)}
server.app(LocalGrid(client.app, nodes), Context(1, 1, {}, RecordDict(), config))
"""


def start(folder) -> subprocess.Popen:
    settings = {
        "world-settings": json.dumps(WORLD),
        "impressions": ROUNDS * STEPS,
        "rounds": ROUNDS,
        "steps": STEPS,
        "nodes": 2,
        "epsilon": EPSILON,
        "delta": DELTA,
        "result-path": str(folder / "result.npz"),
        "state-path": str(folder / "state"),
    }
    return subprocess.Popen(
        [sys.executable, "-c", CAMPAIGN, json.dumps([settings])],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def catalogue() -> EncodedCatalog:
    catalog = SyntheticWorld(**WORLD).catalog
    return EncodedCatalog.build(catalog, FeatureSpec.from_catalog(catalog))


def test_killed_again_and_again(tmp_path):
    """Each start lives a little longer than the last, until one comes to the end."""
    encoded, clock = catalogue(), random.Random(5)
    state = tmp_path / "state"
    stood, charged, kills = -1, 0, 0
    while True:
        process = start(tmp_path)
        deadline = time.monotonic() + 60.0
        # The ledger says how far it has come: one more charge than before, and then at any moment.
        wanted = charged + 1
        while process.poll() is None and time.monotonic() < deadline and charges(state) < wanted:
            time.sleep(0.01)
        time.sleep(clock.random() * 0.6)
        if process.poll() is None and kills < 6:
            process.send_signal(signal.SIGKILL)
            kills += 1
        _, said = process.communicate(timeout=60)
        if process.returncode not in (0, -signal.SIGKILL):
            pytest.fail(said.decode(errors="replace")[-2000:])
        charged = charges(state)
        kept = checkpoint.load(state / "checkpoint.npz", encoded)
        now = kept[1] if kept else -1
        assert now >= stood  # what was good stays
        stood = now
        if process.returncode == 0:
            break
    assert kills >= 3 and stood == ROUNDS
    with Ledger.open(state / "ledger", EPSILON, DELTA) as ledger:
        numbers = [number for _, number in ledger.charges]
        assert len(numbers) == len(set(numbers)) and ledger.spent() <= EPSILON
    learner, _ = checkpoint.load(state / "checkpoint.npz", encoded)
    assert np.isfinite(learner.state.model.to_array()).all()
    np.testing.assert_array_equal(np.load(tmp_path / "result.npz")["model"], learner.state.model.to_array())


def charges(state) -> int:
    """Rounds that the ledger holds, read without its lock."""
    try:
        return max((state / "ledger").read_bytes().count(b"\n") - 1, 0)
    except OSError:
        return 0


def test_a_checkpoint_comes_back_whole_and_a_torn_one_is_an_error(tmp_path):
    encoded, file = catalogue(), tmp_path / "checkpoint.npz"
    assert checkpoint.load(file, encoded) is None
    learner = checkpoint.template(encoded)
    checkpoint.save(file, learner, 3, encoded.spec)
    again, number = checkpoint.load(file, encoded)
    assert number == 3 and again.rates == learner.rates
    np.testing.assert_array_equal(again.state.model.to_array(), learner.state.model.to_array())
    whole = file.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        with pytest.raises(FederatedError, match="cannot be read"):
            checkpoint.load(file, encoded)


def test_a_checkpoint_of_another_catalogue_is_refused(tmp_path):
    encoded, file = catalogue(), tmp_path / "checkpoint.npz"
    checkpoint.save(file, checkpoint.template(encoded), 1, encoded.spec)
    other = SyntheticWorld(**{**WORLD, "seed": 9}).catalog
    spec = FeatureSpec.from_catalog(other)
    if spec.sha256 == encoded.spec.sha256:
        pytest.skip("both catalogues have the same tags")
    with pytest.raises(FederatedError, match="another catalogue"):
        checkpoint.load(file, EncodedCatalog.build(other, spec))
