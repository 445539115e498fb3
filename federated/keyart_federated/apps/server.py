"""The ServerApp: runs the rounds on whatever Grid it is given, and leaves model and report at `result-path`."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

import keyart
from keyart.bundle.durable import replace_file
from keyart.model.features import EncodedCatalog, FeatureSpec

from .. import worlds
from ..accounting.ledger import Ledger
from ..accounting.privacy import Privacy
from ..flower.retrying_grid import PATIENCE_SECONDS
from ..learning.model import Model
from ..learning.optimiser import State
from ..learning.ranker import PrivateRanker
from ..strategy import FederatedRanker

app = ServerApp()

DEFAULTS: dict[str, str | int | float | bool] = {
    "world": "synthetic",
    "world-settings": "{}",
    "impressions": 200,
    "rounds": 20,
    "steps": 10,
    "cohort-share": 1.0,
    "nodes": 2,
    "seed": 0,
    "personal-head": True,
    "patience-seconds": PATIENCE_SECONDS,
    "epsilon": 0.0,  # 0: sums as they are, for closed test fleets
    "delta": 1e-6,
    "state-path": "",  # folder of the ledger and the checkpoint; beside the result unless told
}


@app.main()
def main(grid: Grid, context: Context) -> None:
    """One training campaign. The newest good model is on disk after each round, whole or not at all."""
    run = context.run_config
    world = worlds.load(str(run["world"]), **json.loads(str(run["world-settings"])))
    spec = FeatureSpec.from_catalog(world.catalog)
    encoded = EncodedCatalog.build(world.catalog, spec)
    result = Path(str(run["result-path"]))

    def save(state: State) -> None:
        written = io.BytesIO()
        np.savez(written, model=state.model.to_array(), rounds=np.array(state.rounds))
        replace_file(result, written.getvalue())

    rounds = int(run["rounds"])
    settings: dict[str, Any] = {
        "steps": int(run["steps"]),
        "cohort_share": float(run["cohort-share"]),
        "nodes": int(run["nodes"]),
        "seed": int(run["seed"]),
        "policy": keyart.Policy(),
        "on_round": save,
        "patience_seconds": float(run["patience-seconds"]),
    }
    model = Model.zero_shot(encoded)
    if not float(run["epsilon"]):
        FederatedRanker(encoded, model, **settings).run(grid, rounds)
        return
    folder = Path(str(run["state-path"]) or result.with_name(result.name + ".state"))
    folder.mkdir(parents=True, exist_ok=True)
    privacy = Privacy(float(run["epsilon"]), float(run["delta"]), masked=True)
    with Ledger.open(folder / "ledger", privacy.epsilon, privacy.delta) as ledger:
        PrivateRanker(
            encoded,
            model,
            privacy=privacy,
            rounds=rounds,
            devices=world.devices,
            ledger=ledger,
            checkpoint=folder / "checkpoint.npz",
            **settings,
        ).run(grid, rounds)
