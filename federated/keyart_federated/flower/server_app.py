"""The ServerApp of a simulation: it drives the training campaign over the nodes, and leaves the outcome in a file."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Final

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from keyart.bundle import replace_file
from keyart.errors import SettingError
from keyart.secagg import Identity

from ..simulation.identities import keys_of
from ..simulation.local_engine import run_campaign
from ..simulation.setup import SimulationSetup
from ..simulation.simulation_outcome import SimulationOutcome
from .retrying_grid import PATIENCE_SECONDS
from .simulated_fleet import FlowerFleet

DEFAULTS: Final[dict[str, str | int | float | bool]] = {
    "simulation": json.dumps({"world": "synthetic"}),
    "nodes": 2,
    "patience-seconds": PATIENCE_SECONDS,
}

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run a whole simulation. The outcome is at `result-path`, whole or not at all.

    Raises:
        SettingError: a setting is missing or out of range.
        RoundFailed: nodes are missing, or have not answered.
    """
    run = context.run_config
    if not run["result-path"]:
        raise SettingError("Say where the outcome goes: --run-config 'result-path=\"/a/file\"'.")
    setup = SimulationSetup.from_config(json.loads(str(run["simulation"])))
    server, _ = keys_of(setup.seed)
    fleet = FlowerFleet(
        grid,
        int(run["nodes"]),
        Identity(server).public,
        setup.seed,
        masked=setup.plan.masked,
        patience_seconds=float(run["patience-seconds"]),
    )
    with tempfile.TemporaryDirectory(prefix="keyart-bundles-") as folder:
        training = run_campaign(setup, fleet, Path(folder))
        outcome = SimulationOutcome.of(training, setup, fleet.collect())
        replace_file(Path(str(run["result-path"])), outcome.to_bytes())
