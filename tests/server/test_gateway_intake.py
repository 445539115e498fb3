"""The batch: concurrent answers are one transaction; one that fails leaves nothing, and the next one works."""

from __future__ import annotations

import asyncio
import logging

import httpx
import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from support import gateway as gateway_samples
from support.gateway import Round, taken_away, together
from support.server import Clock

from keyart.secagg import Stage
from keyart_server.gateway import submission_queue, submissions
from keyart_server.gateway.round_cache import RoundCache
from keyart_server.gateway.submission_queue import SubmissionQueue
from keyart_server.monitoring.metrics import Metrics
from keyart_server.service import Service
from keyart_server.state.tables import PartialSumRow, SubmissionRow


@pytest.fixture
def made(service: Service, clock: Clock) -> Round:
    return Round(service.state, clock, devices=6)


def masked(made: Round, door: httpx.Client) -> list[tuple[str, bytes, str]]:
    """What each device has to hand in."""
    made.through(door, Stage.MASKED)
    here = range(made.devices)
    return [
        (f"{made.path}/masked", made.reply(door, Stage.MASKED, i), made.bearing(i)["Authorization"]) for i in here
    ]


def ends_with_the_exact_sum(made: Round, door: httpx.Client) -> None:
    made.closes(Stage.MASKED)
    made.opens(Stage.UNMASK)
    for i in range(made.devices):
        made.hand_in(door, Stage.UNMASK, i, made.reply(door, Stage.UNMASK, i))
    made.closes(Stage.UNMASK)
    assert (made.coordinator.result.total == made.vectors.sum(axis=0)).all()


def test_answers_that_come_together_are_one_transaction(
    service: Service, made: Round, door: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = masked(made, door)
    monkeypatch.setattr(submission_queue, "GATHER_SECONDS", 0.5)
    commits: list[None] = []
    event.listen(service.state.engine, "commit", lambda _: commits.append(None))
    assert together(door, requests) == [204] * 6
    assert len(commits) == 1
    with service.state.reading() as session:
        assert session.scalars(select(func.count()).select_from(PartialSumRow)).one() == 1
    ends_with_the_exact_sum(made, door)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_the_database_taken_away_and_given_back(
    service: Service, made: Round, door: httpx.Client, postgres: str, caplog: pytest.LogCaptureFixture
) -> None:
    requests = masked(made, door)
    assert together(door, requests[:2]) == [204, 204]
    with taken_away(postgres), caplog.at_level(logging.ERROR, "keyart.server"):
        assert together(door, requests) == [503] * 6
        answer = door.post(requests[3][0], content=requests[3][1], headers={"Authorization": requests[3][2]})
        assert int(answer.headers["retry-after"]) > 0 and "nothing was changed" in answer.json()["detail"]
        assert door.get("/healthz").status_code == 200 and door.get("/readyz").status_code == 503
        assert made.ask(door, Stage.MASKED, 3).status_code == 503
        assert "keyart_database_up 0.0" in door.get("/metrics").text
    said = [record for record in caplog.records if "could not be stored" in record.getMessage()]
    assert 1 <= len(said) < 7, "once a batch"
    assert together(door, requests) == [204] * 6
    assert door.get("/readyz").status_code == 200
    ends_with_the_exact_sum(made, door)


def test_a_commit_whose_answer_got_lost_counts_once(service: Service, made: Round, door: httpx.Client) -> None:
    """The connection breaks after the commit: the device hears 503, comes again, and is in the sum once."""
    requests = masked(made, door)

    def cut(connection) -> None:
        connection.connection.driver_connection.commit()
        raise OperationalError("commit", {}, Exception("the connection is lost"))

    event.listen(service.state.engine, "commit", cut)
    try:
        assert together(door, requests[:3]) == [503] * 3
    finally:
        event.remove(service.state.engine, "commit", cut)
    with service.state.reading() as session:
        answers = select(func.count()).select_from(SubmissionRow).where(SubmissionRow.stage == Stage.MASKED)
        assert session.scalars(answers).one() == 3
    assert together(door, requests) == [204] * 6
    ends_with_the_exact_sum(made, door)


@pytest.mark.parametrize(("failures", "status"), [(2, 204), (3, 503)])
def test_a_batch_that_another_process_was_faster_with_is_done_again(
    service: Service, made: Round, door: httpx.Client, monkeypatch: pytest.MonkeyPatch, failures: int, status: int
) -> None:
    requests = masked(made, door)
    left = [failures]

    def collides(session, *rest):
        verdicts = submissions.store_submissions(session, *rest)
        if left[0]:
            left[0] -= 1
            raise IntegrityError("insert", {}, Exception("twice"))
        return verdicts

    monkeypatch.setattr(submission_queue, "store_submissions", collides)
    assert together(door, requests[:1]) == [status]
    assert together(door, requests) == [204] * 6
    ends_with_the_exact_sum(made, door)


def test_a_mistake_of_ours_fails_its_batch_alone(
    made: Round, door: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    requests = masked(made, door)

    def breaks(*_):
        raise ZeroDivisionError

    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR, "keyart.server"):
        patched.setattr(submission_queue, "store_submissions", breaks)
        assert set(together(door, requests[:3])) == {500}
    assert caplog.records
    assert together(door, requests) == [204] * 6
    ends_with_the_exact_sum(made, door)


def test_two_doors_take_the_same_answers_at_once(
    service: Service, made: Round, door: httpx.Client, clock: Clock
) -> None:
    requests = masked(made, door)
    with gateway_samples.door(service.state, clock, "west") as west:
        base = str(west.base_url)
        both = [request for path, *rest in requests for request in ((path, *rest), (base + path, *rest))]
        assert together(door, both) == [204] * 12
    ends_with_the_exact_sum(made, door)


def test_more_than_can_be_held_comes_again(
    service: Service, made: Round, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission_queue, "MAX_WAITING_BYTES", 100)
    known = RoundCache(service.state).find(made.id)
    assert known is not None

    metrics = Metrics("1")

    async def taken() -> list[int]:
        door = SubmissionQueue(service.state, "main", [], clock, metrics)
        verdicts = await asyncio.gather(*(door.submit(known, Stage.KEYS, None, bytes(60)) for _ in range(3)))
        later = await door.submit(known, Stage.KEYS, None, bytes(60))
        return [verdict.status for verdict in (*verdicts, later)]

    assert asyncio.run(taken()) == [400, 503, 503, 400]
    for outcome in ("retry", "refused"):
        assert f'keyart_submissions_total{{outcome="{outcome}",stage="keys"}} 2.0' in metrics.text().decode()
