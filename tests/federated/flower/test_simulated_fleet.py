"""A simulated fleet on nodes of this process: the campaign of the local engine, whatever happens to messages."""

from __future__ import annotations

import json
import logging
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from support.local_grid import LocalGrid
from support.simulations import DELTA, SEED, STEPS, setup_of, small_world

from keyart.campaigns.offer import Offer
from keyart.errors import RoundFailed, SettingError, WorldError
from keyart.secagg import Identity, Stage
from keyart_federated.accounting.privacy import Privacy
from keyart_federated.flower import client_app, server_app, simulated_fleet
from keyart_federated.flower.simulated_fleet import FlowerFleet
from keyart_federated.flower.simulation_messages import ARRAYS, RECORD, TOTAL, FleetReply, FleetRequest
from keyart_federated.simulation.identities import keys_of
from keyart_federated.simulation.local_engine import devices_in_parts, local_fleet, members_of, run_campaign
from keyart_federated.simulation.setup import SimulationSetup
from keyart_federated.simulation.simulation_outcome import SHOWN, SimulationOutcome

DEVICES, ROUNDS, NODES = 12, 3, 2
SERVER, _ = keys_of(SEED)


def the_setup(**changes: object) -> SimulationSetup:
    return setup_of(small_world(DEVICES), **{"rounds": ROUNDS, "epsilon": 1000.0, **changes})


def grid_of(setup: SimulationSetup, folder: Path, kind: type[LocalGrid] = LocalGrid, app: ClientApp = client_app.app):
    config = {"simulation": json.dumps(setup.to_config(folder / "setup.pickle"))}
    nodes = {
        n + 1: Context(1, n + 1, {"partition-id": n, "num-partitions": NODES}, RecordDict(), dict(config))
        for n in range(NODES)
    }
    return kind(app, nodes)


def fleet_on(grid: LocalGrid, setup: SimulationSetup, patience: float = 0.0) -> FlowerFleet:
    server = Identity(SERVER).public
    return FlowerFleet(grid, NODES, server, setup.seed, masked=setup.plan.masked, patience_seconds=patience)


def on_nodes(setup: SimulationSetup, folder: Path, grid: LocalGrid | None = None) -> SimulationOutcome:
    folder.mkdir(exist_ok=True)
    fleet = fleet_on(grid or grid_of(setup, folder), setup)
    return SimulationOutcome.of(run_campaign(setup, fleet, folder / "bundles"), setup, fleet.collect())


def locally(setup: SimulationSetup, folder: Path) -> SimulationOutcome:
    fleet = local_fleet(setup, devices_in_parts(setup, members_of(setup.world)))
    return SimulationOutcome.of(run_campaign(setup, fleet, folder / "bundles"), setup, fleet.collect())


def same(one: SimulationOutcome, other: SimulationOutcome) -> None:
    """Bit for bit; the statistic of propensities is a sum of floats by part."""
    for field in fields(SimulationOutcome):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name in SHOWN:
            np.testing.assert_array_equal(mine, theirs)
        elif field.name == "calibration":
            assert mine.p_value() == pytest.approx(theirs.p_value(), rel=1e-9)
        else:
            assert mine == theirs, field.name


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "masked"])
def scene(request, tmp_path_factory) -> tuple[SimulationSetup, SimulationOutcome]:
    """A setup, and what the local engine makes of it."""
    setup = the_setup(masked=request.param)
    return setup, locally(setup, tmp_path_factory.mktemp("local"))


@pytest.mark.slow
def test_nodes_give_what_the_local_engine_gives(scene, tmp_path):
    setup, expected = scene
    assert expected.rounds == ROUNDS and expected.client_updates == DEVICES * ROUNDS
    same(on_nodes(setup, tmp_path), expected)


def test_a_cohort_is_drawn_the_same_on_nodes(tmp_path):
    setup = the_setup(cohort=9, threshold=0.6)
    expected = locally(setup, tmp_path / "local")
    assert 0 < expected.client_updates < DEVICES * ROUNDS
    same(on_nodes(setup, tmp_path / "nodes"), expected)


def test_rounds_between_two_trainings_are_played_as_one(tmp_path):
    """Nodes play when they are asked for a sum; what was shown does not depend on it."""
    sparse = Privacy(1000.0, DELTA, rounds=2, masked=False)
    setup = replace(the_setup(), rounds=5, privacy=sparse)
    assert len(setup.plan.rounds) == 2
    expected = locally(setup, tmp_path / "local")
    same(on_nodes(setup, tmp_path / "nodes"), expected)


@pytest.mark.slow
def test_the_order_of_replies_does_not_matter(scene, tmp_path):
    setup, expected = scene
    grid = grid_of(setup, tmp_path)
    pull = grid.pull_messages
    grid.pull_messages = lambda ids: pull(list(ids)[::-1])
    same(on_nodes(setup, tmp_path, grid), expected)


class LosingGrid(LocalGrid):
    """Loses every answer of the last node the first time that it is asked something."""

    def push_messages(self, messages):
        numbers = []
        for message in messages:
            (number,) = super().push_messages([message])
            question = message.content.object_id
            if message.metadata.dst_node_id == NODES and question not in self.asked:
                self.asked.add(question)
                self._replies.pop(number)
            numbers.append(number)
        return numbers


@pytest.mark.slow
def test_lost_answers_are_asked_for_again_and_count_once(scene, tmp_path, monkeypatch):
    monkeypatch.setattr("keyart_federated.flower.retrying_grid.POLL_SECONDS", 0.01)
    setup, expected = scene
    grid = grid_of(setup, tmp_path, LosingGrid)
    grid.asked = set()
    same(on_nodes(setup, tmp_path, grid), expected)
    assert len(grid.asked) == (ROUNDS + 1) * (4 if setup.plan.masked else 1) + 1


class RepeatingGrid(LocalGrid):
    """Delivers the last question again after each one that the last node has answered."""

    def push_messages(self, messages):
        messages = list(messages)
        numbers = super().push_messages(messages)
        for message in messages:
            if message.metadata.dst_node_id == NODES:
                if self.before is not None:
                    late = Message(self.before, dst_node_id=NODES, message_type="train")
                    (number,) = super().push_messages([late])
                    self._replies.pop(number)
                self.before = message.content
        return numbers


@pytest.mark.slow
def test_a_repetition_that_comes_late_changes_nothing(scene, tmp_path):
    setup, expected = scene
    grid = grid_of(setup, tmp_path, RepeatingGrid)
    grid.before = None
    same(on_nodes(setup, tmp_path, grid), expected)
    assert not grid.errors


def spoilt_app(spoil, at: int) -> ClientApp:
    """Return the app of a simulation whose last node answers request `at` by `spoil`."""
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        reply = client_app.app(message, context)
        if context.node_id == NODES and FleetRequest.read(message).number == at:
            return spoil(message, reply)
        return reply

    return app


def with_sum(change, devices: int = DEVICES // 2):
    def spoil(message: Message, reply: Message) -> Message:
        values = change(reply.content[ARRAYS][TOTAL].numpy())
        arrays = ArrayRecord({TOTAL: Array(np.ascontiguousarray(values))})
        config = ConfigRecord({"devices": devices, "reason": "", "stage-reply": b""})
        return Message(RecordDict({ARRAYS: arrays, RECORD: config}), reply_to=message)

    return spoil


def raises(message: Message, reply: Message) -> Message:
    raise ValueError("the disk of this node is full")


SPOILT = {
    "NaN": (with_sum(lambda s: np.full(len(s), np.nan)), "float64"),
    "floats": (with_sum(lambda s: s.astype(np.float64)), "float64"),
    "narrow": (with_sum(lambda s: s.astype(np.int32)), "int32"),
    "short": (with_sum(lambda s: s[:-1]), "int64"),
    "square": (with_sum(lambda s: s[None]), "int64"),
    "negative count": (with_sum(lambda s: s, devices=-1), "devices"),
    "no sum": (lambda message, reply: FleetReply({}, DEVICES // 2).to(message), "no sum"),
    "empty": (lambda message, reply: Message(RecordDict({}), reply_to=message), "cannot be read"),
    "raises": (raises, "disk of this node"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_answer_fails_its_round_and_the_last_good_model_stays(tmp_path, caplog, name):
    """The second round of training is lost; the fleet plays on with what the first one made, and then goes on."""
    spoil, word = SPOILT[name]
    setup = the_setup(threshold=0.51)
    grid = grid_of(setup, tmp_path, app=spoilt_app(spoil, at=3))
    with caplog.at_level(logging.WARNING, logger="keyart.federated"):
        found = on_nodes(setup, tmp_path, grid)
    (record,) = [record for record in caplog.records if record.name == "keyart.federated"]
    assert record.message.startswith("Round 2: ") and word in record.message
    assert found.rounds == ROUNDS - 1 and found.client_updates == DEVICES * (ROUNDS - 1)
    assert (tmp_path / "bundles/3/manifest.json").is_file() and not (tmp_path / "bundles/4").exists()
    sound = locally(setup, tmp_path / "sound")
    np.testing.assert_array_equal(found.artwork[:, : 2 * STEPS], sound.artwork[:, : 2 * STEPS])


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_stage_that_a_node_spoils_is_silence_of_its_devices(tmp_path, caplog, at):
    """The first round is masked: half of the devices are lost, which is too many, whatever the stage."""
    setup = the_setup(masked=True)
    garbage = FleetReply({}, stage_reply=b"garbage")
    grid = grid_of(setup, tmp_path, app=spoilt_app(lambda message, reply: garbage.to(message), at))
    with caplog.at_level(logging.WARNING, logger="keyart.federated"):
        found = on_nodes(setup, tmp_path, grid)
    assert "Round 1: " in caplog.text and "must" in caplog.text
    assert found.rounds == ROUNDS - 1


def test_journals_that_a_node_does_not_give_end_the_run(tmp_path):
    setup = the_setup()
    with pytest.raises(RoundFailed, match="disk of this node"):
        on_nodes(setup, tmp_path, grid_of(setup, tmp_path, app=spoilt_app(raises, at=ROUNDS + 2)))


@pytest.mark.parametrize("connected", [0, 1])
def test_missing_nodes_end_the_run(tmp_path, monkeypatch, connected):
    monkeypatch.setattr(simulated_fleet, "NODE_WAIT_SECONDS", 0.0)
    setup = the_setup()
    grid = grid_of(setup, tmp_path)
    grid.get_node_ids = lambda: list(range(1, 1 + connected))
    with pytest.raises(RoundFailed, match=f"{connected} of 2 nodes are connected.*SuperNodes"):
        on_nodes(setup, tmp_path, grid)


def test_nodes_that_never_answer_end_the_run(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(simulated_fleet, "ROUND_SECONDS", 0.0)
    setup = the_setup()
    grid = grid_of(setup, tmp_path)
    grid.pull_messages = lambda ids: []
    with pytest.raises(RoundFailed, match="0 of 2 nodes answered"):
        on_nodes(setup, tmp_path, grid)
    assert caplog.text.count("0 of 2 nodes answered. The last good model stays") == ROUNDS


def test_an_offer_that_another_server_signed_reaches_no_node(tmp_path):
    setup = the_setup()
    grid = grid_of(setup, tmp_path)
    grid.push_messages = lambda messages: pytest.fail("a node was asked")
    stranger, _ = keys_of(SEED + 1)
    with pytest.raises(RoundFailed, match="not signed by this simulation's server"):
        fleet_on(grid, setup).contribute(an_offer().sign(stranger), 0.0)


def an_offer(**changes: object) -> Offer:
    base = {
        "kind": "training", "topic": "", "campaign": "spring", "purpose": "Better artworks.", "round": 1, "rounds": 9,
        "model_version": 1, "feature_spec": "ab" * 32, "size": 40, "clip": 1.0, "units": 1 << 12,
        "noise_multiplier": 4.0, "minimum_devices": 10, "threshold_permille": 700, "bits": 32, "epsilon": 2.0,
        "delta": 1e-6, "not_after": 3600,
    }  # fmt: skip
    return Offer(**{**base, **changes})


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
def test_devices_on_nodes_decline_what_a_device_declines(tmp_path, masked):
    """Here: an offer about another feature spec."""
    setup = the_setup(masked=masked)
    grid = grid_of(setup, tmp_path)
    fleet = fleet_on(grid, setup)
    run_campaign(setup, fleet, tmp_path / "bundles")
    reason = "devices came where" if masked else "0 devices.*Every device declines: it is for another model"
    with pytest.raises(RoundFailed, match=reason):
        fleet.contribute(an_offer().sign(SERVER), 0.0)
    assert not grid.errors


def run_app(folder: Path, config: dict[str, object], **settings: object) -> LocalGrid:
    """Run the ServerApp of a simulation over nodes of this process, as `flwr run` does over SuperNodes."""
    run = {
        **server_app.DEFAULTS,
        "simulation": json.dumps(config),
        "result-path": str(folder / "outcome"),
        **settings,
    }
    nodes = {
        n + 1: Context(1, n + 1, {"partition-id": n, "num-partitions": NODES}, RecordDict(), run)
        for n in range(NODES)
    }
    grid = LocalGrid(client_app.app, nodes)
    server_app.app(grid, Context(1, 1, {}, RecordDict(), run))
    return grid


NAMED = {
    "world": "support.worlds:HandWorld", "world-settings": {"devices": 8}, "rounds": 2, "steps": 4, "seed": 7,
    "epsilon": 1000.0, "delta": 1e-5,
}  # fmt: skip


@pytest.mark.slow
def test_the_app_runs_a_world_by_name_and_leaves_its_outcome_in_a_file(tmp_path):
    assert not run_app(tmp_path, NAMED).errors
    found = SimulationOutcome.from_bytes((tmp_path / "outcome").read_bytes())
    assert found.rounds == 2 and found.artwork.shape == (8, 8)
    same(found, locally(SimulationSetup.from_config(NAMED), tmp_path))


@pytest.mark.parametrize(
    ("config", "settings", "error", "word"),
    [
        (NAMED, {"result-path": ""}, SettingError, "result-path"),
        (NAMED | {"rounds": 0}, {}, SettingError, "rounds"),
        (NAMED | {"round": 2}, {}, SettingError, "no setting 'round'"),
        (NAMED | {"world": "nowhere"}, {}, WorldError, "nowhere"),
    ],
)
def test_an_app_with_wrong_settings_asks_no_node(tmp_path, monkeypatch, config, settings, error, word):
    monkeypatch.setattr(LocalGrid, "push_messages", lambda self, messages: pytest.fail("a node was asked"))
    with pytest.raises(error, match=word):
        run_app(tmp_path, config, **settings)
    assert not (tmp_path / "outcome").exists()


def test_requests_and_replies_survive_the_wire(tmp_path):
    grid_of(the_setup(), tmp_path)  # tells messages which run they belong to
    request = FleetRequest({"a": b"1", "b": b""}, 3, 8, 7, b"offer", 1.5, True, int(Stage.MASKED), b"stage")
    message = Message(request.to_record(), dst_node_id=1, message_type="train")
    assert FleetRequest.read(message) == request
    reply = FleetReply({"x": np.arange(6).reshape(2, 3), "y": np.zeros(0, np.float32)}, 4, "late", b"masked")
    again = FleetReply.read(reply.to(message))
    assert (again.devices, again.reason, again.stage_reply) == (4, "late", b"masked")
    for name, array in reply.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)
        assert again.arrays[name].dtype == array.dtype
