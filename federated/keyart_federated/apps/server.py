"""The ServerApp: runs the rounds on whatever Grid it is given, and leaves model and report at `result-path`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

import keyart
from keyart.features import EncodedCatalog, FeatureSpec

from .. import worlds
from ..model import Model
from ..optimiser import State
from ..patient import PATIENCE_SECONDS
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
        partial = result.with_name(result.name + ".partial")
        with partial.open("wb") as file:
            np.savez(file, model=state.model.to_array(), rounds=np.array(state.rounds))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(result)

    strategy = FederatedRanker(
        encoded,
        Model.zero_shot(encoded),
        steps=int(run["steps"]),
        cohort_share=float(run["cohort-share"]),
        nodes=int(run["nodes"]),
        seed=int(run["seed"]),
        policy=keyart.Policy(),
        on_round=save,
        patience_seconds=float(run["patience-seconds"]),
    )
    strategy.run(grid, int(run["rounds"]))
