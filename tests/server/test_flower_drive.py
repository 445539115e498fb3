"""A round over the gateways without Flower's programs: the real apps on a grid of this process, in its own time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from threading import Thread

import numpy as np
import pytest
from flwr.app import Message
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from support import rounds as round_samples
from support.crowd import Crowd, begin, found
from support.driving import Nodes, Time, stage_of
from support.rounds import ISSUER

from keyart.errors import FederatedError, RoundFailed, SettingError
from keyart.secagg import AggregationParameters, Stage
from keyart_federated.secagg import Coordinator
from keyart_server import budget
from keyart_server.flower import client_app, environment, server_app
from keyart_server.flower.database_retries import RetryingDatabase
from keyart_server.flower.gateways import GatewayNodes
from keyart_server.flower.stage_messages import StageRequest
from keyart_server.rounds import exclusions, round_store, stage_windows
from keyart_server.service import Service
from keyart_server.state.tables import WindowRow

PATIENCE = 60.0
DEVICES, SIZE = 8, 12


class Killed(BaseException):
    """What is raised in the middle of a process that is killed."""


class Scene:
    """A round of 8 devices at two gateways."""

    def __init__(self, service: Service, epsilon: float = 8.0, least: int = 5, **changes: object) -> None:
        self.state, self.time = service.state, Time()
        self.of: AggregationParameters = round_samples.terms(DEVICES, size=SIZE, least=least)
        self.vectors = np.random.default_rng(3).integers(-1000, 1001, (DEVICES, SIZE))
        begin(self.state, self.of, epsilon, **{"wanted": DEVICES, **changes})
        self.id = self.of.round_id.hex()
        self.crowd = Crowd(self.state, self.of, self.vectors, ("main", "west"), clock=self.time.now)
        self.time.meanwhile.append(self.crowd.step)
        self.nodes = self.connected()

    def lasting(self, patience: float = PATIENCE) -> RetryingDatabase:
        return RetryingDatabase(self.state, patience, self.time.clock)

    def connected(self, names: Iterable[str] = ("main", "west")) -> Nodes:
        return Nodes(self.lasting, names)

    def drive(self) -> None:
        gateways = GatewayNodes(self.nodes, self.time.clock)
        server_app.drive(self.id, gateways, self.lasting(), [ISSUER.public], len(self.nodes.names), PATIENCE)

    def question(self, stage: Stage = Stage.KEYS, bundle: bytes = b"", due: int = 4) -> StageRequest:
        return StageRequest(self.id, stage, bundle, due, PATIENCE)


@pytest.fixture
def scene(service: Service) -> Scene:
    return Scene(service)


def windows(scene: Scene, stage: Stage) -> dict[str, bool]:
    """Of each gateway, whether its window is closed."""
    with scene.state.reading() as session:
        rows = session.scalars(select(WindowRow).where(WindowRow.stage == int(stage)))
        return {row.gateway: row.closed for row in rows}


@pytest.mark.parametrize("seconds", [-1, 1], ids=["before the round", "while it goes on"])
def test_an_excluded_device_that_the_gateways_have_let_in(scene: Scene, seconds: int) -> None:
    """The coordinator refuses it, unless it was a member before: a round that is resumed must keep its members."""
    made, device = found(scene.state, scene.of), scene.crowd.devices.sessions[0].device
    with scene.state.writing() as session:
        at = made.opened + timedelta(seconds=seconds)
        exclusions.exclude(session, at, made.campaign_id, 1, [round_samples.key_hash(device)])
    scene.drive()
    scene.crowd.check()
    assert (0 in scene.crowd.survivors()) == (seconds > 0)


def test_a_whole_round(scene: Scene) -> None:
    scene.drive()
    scene.crowd.check()
    assert found(scene.state, scene.of).answered == dict.fromkeys(Stage, DEVICES)
    # One message a gateway and a stage, and no other.
    assert sorted(scene.nodes.asked) == sorted((name, stage) for name in ("main", "west") for stage in Stage)
    with scene.state.reading() as session:
        assert stage_windows.list_gateways(session, scene.time.now() - timedelta(hours=1)) == ["main", "west"]
    scene.drive()  # of a round that has ended, nothing is asked
    assert len(scene.nodes.asked) == 8


def test_devices_that_fall_silent_at_each_stage(scene: Scene) -> None:
    began = scene.time.now()
    scene.crowd.silent = {Stage.KEYS: {0}, Stage.MASKED: {1}, Stage.UNMASK: {3}}
    scene.drive()
    scene.crowd.check()
    assert scene.crowd.survivors() == [2, 3, 4, 5, 6, 7]
    assert list(found(scene.state, scene.of).answered.values()) == [7, 7, 6, 5]
    assert scene.time.now() - began > 3 * timedelta(seconds=PATIENCE)  # the windows stay open for them


@pytest.mark.parametrize("answered", [False, True], ids=["before its relay", "behind its relay"])
@pytest.mark.parametrize("stage", Stage)
def test_killed_at_a_stage_and_driven_again(scene: Scene, stage: Stage, answered: bool) -> None:
    """By new processes on other nodes, one of which is new to the round."""

    def kill(message: Message, name: str) -> bool:
        if stage_of(message) is stage and name == "west":
            raise Killed
        return False

    setattr(scene.nodes, "after" if answered else "before", kill)
    scene.crowd.silent = {Stage.MASKED: {1}}
    with pytest.raises(Killed):
        scene.drive()
    handed = set(scene.crowd.handed)
    assert {at for at, _ in handed} == set(list(Stage)[:stage])
    scene.nodes = scene.connected(("new", "west", "main") if stage is not Stage.KEYS else ("west", "main"))
    scene.drive()
    scene.crowd.check()
    assert handed <= scene.crowd.handed and scene.crowd.survivors() == [0, 2, 3, 4, 5, 6, 7]
    assert {at for _, at in scene.nodes.asked} - {None} == set(list(Stage)[stage - 1 :])


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "failed"])
def test_a_question_that_is_lost_or_fails_once_is_asked_again(scene: Scene, lost: bool) -> None:
    spoilt = []

    def spoil(message: Message, name: str) -> bool:
        stage = stage_of(message)
        if name == "main" or stage in spoilt:
            return False
        spoilt.append(stage)
        message.content["keyart"]["stage"] = 9
        return lost

    scene.nodes.before = spoil
    scene.drive()
    scene.crowd.check()
    assert len(scene.crowd.survivors()) == DEVICES and spoilt == list(Stage)
    assert len(scene.nodes.local.errors) == (0 if lost else 4)


def test_gateways_that_are_all_silent_fail_the_run_and_not_the_round(scene: Scene) -> None:
    scene.nodes.before = lambda message, name: True
    with pytest.raises(FederatedError, match="No gateway started the stage keys"):
        scene.drive()
    assert found(scene.state, scene.of).standing == "keys"


def test_what_a_gateway_took_and_could_not_report_is_read_from_the_database(scene: Scene) -> None:
    scene.nodes.after = lambda message, name: name == "west" and stage_of(message) is not Stage.KEYS
    began = scene.time.now()
    scene.drive()
    scene.crowd.check()
    assert len(scene.crowd.survivors()) == DEVICES
    assert scene.time.now() - began < timedelta(seconds=PATIENCE)


def test_a_relay_that_dies_behind_its_open_window(scene: Scene) -> None:
    """Its window closes by its time, and by the coordinator: what came in until then counts, and nothing later."""
    scene.crowd.silent = {Stage.SHARE: {1}}

    def die(message: Message, name: str) -> bool:
        if name == "main" or stage_of(message) is Stage.KEYS:
            return False
        scene.lasting().writing(client_app._open, scene.time.now(), name, StageRequest.read(message))
        return True

    scene.nodes.before = die
    scene.drive()
    scene.crowd.check()
    assert scene.crowd.survivors() == [0, 2, 3, 4, 5, 6, 7]
    assert all(windows(scene, stage) == {"main": True, "west": True} for stage in Stage)


def test_the_round_goes_on_without_a_gateway_that_never_answers(service: Service) -> None:
    scene = Scene(service, least=3)
    scene.nodes.before = lambda message, name: name == "west"
    scene.drive()
    scene.crowd.check()
    assert scene.crowd.survivors() == [0, 2, 4, 6]


def test_a_gateway_that_comes_back_too_late_is_not_let_in(service: Service) -> None:
    """It was silent at the stage of keys; those who had keys by then have been told who their neighbours are."""
    scene = Scene(service, least=3)

    def kill(message: Message, name: str) -> bool:
        if stage_of(message) is Stage.MASKED:
            raise Killed
        return name == "west"

    scene.nodes.before = kill
    with pytest.raises(Killed):
        scene.drive()
    with pytest.raises(RoundFailed, match="left the stage keys"):
        client_app.run_stage("west", scene.question(), scene.lasting())
    assert windows(scene, Stage.KEYS) == {"main": True}
    scene.nodes = scene.connected()
    scene.drive()
    scene.crowd.check()
    assert scene.crowd.survivors() == [0, 2, 4, 6]


def test_a_gateway_that_comes_in_while_its_stage_is_closed_stops_the_run_and_not_the_round(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(service, least=3)
    scene.nodes.before = lambda message, name: name == "west"
    close = Coordinator.close

    def slow(coordinator: Coordinator) -> None:
        monkeypatch.setattr(Coordinator, "close", close)
        client_app.run_stage("west", scene.question(), scene.lasting())
        close(coordinator)

    monkeypatch.setattr(Coordinator, "close", slow)
    with pytest.raises(FederatedError, match="joined while"):
        scene.drive()
    assert found(scene.state, scene.of).standing == "keys"
    scene.nodes = scene.connected()
    scene.drive()
    scene.crowd.check()
    assert len(scene.crowd.survivors()) == DEVICES


def test_gateways_that_always_fail_fail_the_run_and_not_the_round(scene: Scene) -> None:
    def fail(message: Message, name: str) -> bool:
        message.content["keyart"]["stage"] = 9
        return False

    scene.nodes.before = fail
    with pytest.raises(FederatedError, match="9 is not a valid Stage"):
        scene.drive()
    assert len(scene.nodes.asked) == 6 and found(scene.state, scene.of).standing == "keys"


def test_no_gateway_at_all(scene: Scene) -> None:
    scene.nodes = scene.connected(())
    with pytest.raises(FederatedError, match="Start the SuperNodes"):
        scene.drive()
    assert found(scene.state, scene.of).is_active


def test_a_relay_lets_go_of_a_stage_that_takes_long(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other rounds need its SuperNode; this one goes on in the database, and is asked about once."""
    monkeypatch.setattr(client_app, "HOLD_SECONDS", 5.0)
    began = scene.time.at

    def later() -> None:
        if scene.time.at > began + timedelta(seconds=30):
            scene.crowd.step()

    scene.time.meanwhile[:] = [later]
    scene.drive()
    scene.crowd.check()
    assert scene.crowd.survivors() == list(range(DEVICES))
    asked = [one for one in scene.nodes.asked if one[1] is Stage.KEYS]
    assert sorted(asked) == [("main", Stage.KEYS), ("west", Stage.KEYS)]


@pytest.mark.parametrize(("stage", "paid"), [(Stage.KEYS, 0), (Stage.SHARE, 0), (Stage.MASKED, 1), (Stage.UNMASK, 1)])
def test_too_few_devices_fail_the_round(scene: Scene, stage: Stage, paid: int) -> None:
    scene.crowd.silent = {stage: range(4)}
    scene.drive()
    failed = found(scene.state, scene.of)
    assert failed.standing == "failed"
    came = "4 devices came" if stage is Stage.KEYS else f"4 of 8 devices answered at stage {stage.name.lower()}"
    assert failed.failure.startswith(came)
    with scene.state.reading() as session:
        assert len(budget.list_charges(session)) == paid


def test_a_spent_budget_fails_the_round_before_a_vector_leaves_a_device(service: Service) -> None:
    scene = Scene(service, epsilon=0.01)
    scene.drive()
    assert "the budget is 0.01" in found(scene.state, scene.of).failure
    assert not scene.crowd.survivors()
    with scene.state.reading() as session:
        assert not budget.list_charges(session)


def test_a_round_that_somebody_ends_is_left_alone(scene: Scene) -> None:
    """By the coordinator and by the relay that waits."""

    def end(message: Message, name: str) -> bool:
        if stage_of(message) is Stage.SHARE:
            scene.time.meanwhile[:] = [stop]
        return False

    def stop() -> None:
        with scene.state.writing() as session:
            round_store.fail(session, scene.time.now(), scene.id, "stopped by an operator")

    scene.nodes.before = end
    began = scene.time.now()
    scene.drive()
    assert found(scene.state, scene.of).failure == "stopped by an operator"
    assert scene.time.now() - began < timedelta(seconds=PATIENCE)
    assert "its status is failed" in str(scene.nodes.local.errors[0])


def test_a_relay_beside_another_one_gives_the_same_bytes(scene: Scene) -> None:
    scene.crowd.silent = {Stage.KEYS: {0, 3}}
    said: list[bytes] = []
    ask = lambda: said.append(client_app.run_stage("main", scene.question(), scene.lasting()))  # noqa: E731
    both = [Thread(target=ask) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    ask()
    assert len(set(said)) == 1 and {i for _, i in scene.crowd.handed if i % 2 == 0} == {2, 4, 6}


def test_the_share_of_a_gateway_ends_the_stage_of_keys(service: Service) -> None:
    """5 devices are wanted of 8, at 2 gateways: 3 at each will do."""
    scene = Scene(service, wanted=5)
    scene.crowd.silent = {Stage.KEYS: {6, 7}}
    began = scene.time.now()
    scene.drive()
    assert found(scene.state, scene.of).answered[Stage.KEYS] == 6
    assert scene.time.now() - began < timedelta(seconds=PATIENCE)


class Away:
    """A database that does not answer for a while. until: seconds from now."""

    def __init__(self, scene: Scene, seconds: float) -> None:
        self.scene, self.until = scene, scene.time.now() + timedelta(seconds=seconds)

    def __getattr__(self, name: str) -> object:
        if self.scene.time.now() < self.until:
            raise OperationalError("BEGIN", None, Exception("the server has closed the connection"))
        return getattr(self.scene.state, name)


def test_an_outage_of_the_database_is_outlasted(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    away = Away(scene, 0)
    scene.lasting = lambda patience=PATIENCE: RetryingDatabase(away, patience, scene.time.clock)  # type: ignore[method-assign]
    scene.nodes = scene.connected()

    def begin_outage(message: Message, name: str) -> bool:
        if stage_of(message) in (Stage.KEYS, Stage.MASKED) and name == "main":
            away.until = scene.time.now() + timedelta(seconds=30)
        return False

    scene.nodes.before = scene.nodes.after = begin_outage
    scene.drive()
    scene.crowd.check()
    assert len(scene.crowd.survivors()) == DEVICES
    assert "The database does not answer" in caplog.text


def test_a_database_that_stays_away_fails_the_run_and_not_the_round(scene: Scene) -> None:
    away = RetryingDatabase(Away(scene, 10 * PATIENCE), PATIENCE, scene.time.clock)
    began = scene.time.now()
    with pytest.raises(FederatedError, match=r"has not answered for 6\d s"):
        server_app.drive(scene.id, GatewayNodes(scene.nodes, scene.time.clock), away, [ISSUER.public], 2, PATIENCE)
    assert timedelta(seconds=PATIENCE) < scene.time.now() - began < timedelta(seconds=PATIENCE + 5)
    assert found(scene.state, scene.of).is_active


def test_a_mistake_is_no_outage(scene: Scene) -> None:
    with pytest.raises(FederatedError, match="There is no round"):
        server_app.drive("0" * 64, GatewayNodes(scene.nodes, scene.time.clock), scene.lasting(), [], 2, PATIENCE)
    with pytest.raises(ZeroDivisionError):
        scene.lasting().writing(lambda session: 1 // 0)


def test_the_environment_names_the_database_and_nothing_else_does(
    monkeypatch: pytest.MonkeyPatch, service: Service, database_url: str
) -> None:
    monkeypatch.delenv(environment.DATABASE_URL, raising=False)
    with pytest.raises(SettingError, match="KEYART_DATABASE_URL is not set"), environment.open_database(1.0):
        pass
    monkeypatch.setenv(environment.DATABASE_URL, database_url)
    with environment.open_database(1.0) as database:
        assert database.reading(round_store.list_active) == []
    time = Time()
    monkeypatch.setenv(environment.DATABASE_URL, "postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(FederatedError, match="has not answered"), environment.open_database(5.0, time.clock):
        pass
    monkeypatch.setenv(environment.DATABASE_URL, "mysql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(SettingError, match="sqlite and postgresql"), environment.open_database(5.0, time.clock):
        pass
