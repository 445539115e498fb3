"""The engine "flower" on a real SuperLink with two real SuperNodes, against the local engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from keyart.errors import RoundFailed, SettingError
from keyart_federated import flower as deployment
from keyart_federated import simulate
from keyart_federated.accounting.privacy import Privacy
from keyart_federated.flower import engine
from keyart_federated.flower.server_app import DEFAULTS
from keyart_federated.simulation.setup import SimulationSetup
from keyart_federated.simulation.simulation_outcome import SimulationOutcome
from keyart_federated.worlds import SyntheticWorld

pytestmark = [pytest.mark.service, pytest.mark.xdist_group("superlink")]

WORLD = {"viewers": 12, "titles": 20, "artworks": 3, "impressions": 10}
ROUNDS, STEPS, SEED = 2, 5, 3
NAMED = {
    "world": "synthetic", "world-settings": WORLD, "rounds": ROUNDS, "steps": STEPS, "seed": SEED, "epsilon": 1000.0,
    "delta": 1e-5,
}  # fmt: skip

# In a process of its own, with one thread of BLAS as the fleet's programs have: the last bits of a matrix product
# depend on how many threads share it.
LOCALLY = """
import json, sys
from pathlib import Path
from keyart_federated.simulation.local_engine import devices_in_parts, local_fleet, members_of, run_campaign
from keyart_federated.simulation.simulation_outcome import SimulationOutcome
from keyart_federated.simulation.setup import SimulationSetup

config, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
setup = SimulationSetup.from_config(config)
fleet = local_fleet(setup, devices_in_parts(setup, members_of(setup.world)))
training = run_campaign(setup, fleet, folder / "bundles")
(folder / "outcome").write_bytes(SimulationOutcome.of(training, setup, fleet.collect()).to_bytes())
"""


def locally(config: dict, folder: Path) -> SimulationOutcome:
    subprocess.run(
        [sys.executable, "-c", LOCALLY, json.dumps(config), str(folder)],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        check=True,
        timeout=120,
    )
    return SimulationOutcome.from_bytes((folder / "outcome").read_bytes())


def same(one: SimulationOutcome, other: SimulationOutcome) -> None:
    """Bit for bit: the model, what was shown, and what it cost."""
    assert one.bundle == other.bundle
    for name in ("artwork", "played", "quality"):
        assert (getattr(one, name) == getattr(other, name)).all()
    for name in ("rounds", "client_updates", "bytes_up", "epsilon"):
        assert getattr(one, name) == getattr(other, name)


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Path:
    return deployment.write_app(tmp_path_factory.mktemp("simulation") / "app", config=DEFAULTS)


def kill_the_next_app(fleet, below, killed: list[int]) -> threading.Thread:
    """Kill the first process of a ClientApp that appears below a SuperNode, as soon as it does."""

    def watch() -> None:
        deadline = time.monotonic() + 60.0
        while not killed and time.monotonic() < deadline:
            for pid in below(process.pid for process in fleet.processes[1:]):
                try:
                    if b"flwr-clientapp" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        os.kill(pid, signal.SIGKILL)
                        killed.append(pid)
                        return
                except OSError:
                    continue
            time.sleep(0.02)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_a_world_by_name_gives_the_very_outcome_of_the_local_engine(fleet, app, tmp_path):
    """As `flwr run` starts it: the world by its name, and numbers. Its sums are masked, since the fleet is small."""
    assert SimulationSetup.from_config(NAMED).plan.masked
    run = fleet.run(app, {"simulation": json.dumps(NAMED)}, timeout=240.0)
    assert run.status == "finished:completed"
    found = SimulationOutcome.from_bytes(run.result)
    assert (found.rounds, found.client_updates) == (ROUNDS, ROUNDS * WORLD["viewers"])
    assert 0 < found.epsilon <= 1000.0
    same(found, locally(NAMED, tmp_path))


def test_a_node_whose_app_is_killed_is_asked_again(fleet, app, below, tmp_path):
    """With sums that are not masked, and a setup from a file; the outcome is as if nothing had happened."""
    setup = SimulationSetup(
        SyntheticWorld(**WORLD), ROUNDS, STEPS, WORLD["viewers"], SEED,
        privacy=Privacy(1000.0, 1e-5, rounds=1, masked=False),
    )  # fmt: skip
    config, killed = setup.to_config(tmp_path / "setup.pickle"), []
    killer = kill_the_next_app(fleet, below, killed)
    run = fleet.run(app, {"simulation": json.dumps(config), "patience-seconds": 8.0}, timeout=240.0)
    killer.join()
    assert killed and "asked again" in run.log
    same(SimulationOutcome.from_bytes(run.result), locally(config, tmp_path))


def test_a_world_that_no_node_can_make_fails_the_run_with_a_reason(fleet, app):
    wrong = NAMED | {"world": "no_such_module:World"}
    with pytest.raises(RoundFailed, match=r"finished:failed(?s:.*)cannot import 'no_such_module'"):
        fleet.run(app, {"simulation": json.dumps(wrong)})


def test_simulate_on_flower_reports_what_it_reports_locally(flower, tmp_path):
    """A fleet of its own, which is gone when the report is there."""
    world = SyntheticWorld(**WORLD)
    settings = {
        "steps_per_round": STEPS, "rounds": 1, "seed": SEED, "privacy": Privacy(1000.0, 1e-5, masked=False),
    }  # fmt: skip
    deployed = simulate(world, **settings, engine="flower", workers=2, out=tmp_path / "flower")
    local = simulate(world, **settings, out=tmp_path / "local")
    for name in ("capture", "policy_value", "epsilon", "client_updates", "bytes_up", "rounds", "devices"):
        assert getattr(deployed, name) == getattr(local, name), name
    assert (tmp_path / "flower/ranker.bin").read_bytes() == (tmp_path / "local/ranker.bin").read_bytes()


def test_a_world_that_cannot_be_sent_starts_no_process(flower, monkeypatch):
    class Local(SyntheticWorld):
        pass

    monkeypatch.setattr(engine.Fleet, "start", lambda *_, **__: pytest.fail("a fleet was started"))
    with pytest.raises(SettingError, match="engine='local'"):
        simulate(Local(**WORLD), STEPS, 1, engine="flower")
