"""The engine "flower" of `simulate`: a SuperLink and SuperNodes on this machine, for one run."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Final

from keyart.errors import RoundFailed

from ..simulation.setup import SimulationSetup
from ..simulation.simulation_outcome import SimulationOutcome
from .app import write_app
from .fleet import Fleet
from .server_app import DEFAULTS

SECONDS_A_ROUND: Final = 120.0  # what a round may take on Flower beside its devices' work
SECONDS_A_DECISION: Final = 0.02


def run_on_flower(setup: SimulationSetup, workers: int) -> SimulationOutcome:
    """Run a simulation on `workers` SuperNodes of this machine.

    Raises:
        SettingError: the world cannot be sent to other processes.
        RoundFailed: a process has ended, or the run has failed; the message holds the end of its log.
    """
    with tempfile.TemporaryDirectory(prefix="keyart-flower-") as name:
        folder = Path(name)
        config = setup.to_config(folder / "setup.pickle")
        app = write_app(folder / "app", config=DEFAULTS)
        work = setup.world.devices * setup.impressions * SECONDS_A_DECISION
        with Fleet.start(folder / "fleet", workers, env={"OPENBLAS_NUM_THREADS": "1"}) as fleet:
            run = fleet.run(
                app,
                {"simulation": json.dumps(config), "nodes": workers},
                timeout=SECONDS_A_ROUND * (setup.rounds + 2) + work,
            )
        if run.result is None:
            raise RoundFailed(f"The run left no outcome. Its log ends:\n{run.log[-2000:]}")
        return SimulationOutcome.from_bytes(run.result)
