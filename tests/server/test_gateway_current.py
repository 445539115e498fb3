"""What devices are told is going on: true, the same for all, read seldom, and cheap to ask for again."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import bundle_samples
import gateway_samples
import httpx
import pytest
from gateway_samples import Round, taken_away
from server_samples import Clock
from sqlalchemy import event, insert
from sqlalchemy.exc import OperationalError

from keyart.client.discovery import read_status
from keyart.client.transport import Response
from keyart.secagg import Stage
from keyart_server.gateway.discovery import Discovery, DiscoveryDocument, poll_seconds
from keyart_server.releases import publishing
from keyart_server.rounds import round_store, stage_windows
from keyart_server.service import Service
from keyart_server.state import ServerState
from keyart_server.state.tables import EnrolledDeviceRow


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rounds_are_listed_while_they_go_on(service: Service, clock: Clock) -> None:
    made = Round(service.state, clock, devices=3, changes={"low": 0.25, "high": 0.5})
    seconds = Seconds()
    current = Discovery(service.state, clock, lambda _: {"version": 8, "share": 0.1, "before": 7}, seconds)

    async def told() -> list[str]:
        seconds.now += 1
        answer = read_status(Response(200, {}, (await current.document()).content))
        assert (answer.model.version, answer.model.share, answer.model.before) == (8, 0.1, 7)
        for one in answer.rounds:
            assert (one.low, one.high) == (0.25, 0.5)
            assert 0 <= one.closes - (clock() + timedelta(seconds=60)).timestamp() <= 1
        return [one.id for one in answer.rounds]

    async def all_along() -> None:
        assert await told() == [], "nobody takes keys yet"
        made.opens(Stage.KEYS)
        assert await told() == [made.id]
        with service.state.writing() as session:
            round_store.advance(session, clock(), made.id, Stage.KEYS, 3)
        assert await told() == [made.id]
        with service.state.writing() as session:
            round_store.fail(session, clock(), made.id, "too few")
        assert await told() == []

    asyncio.run(all_along())


def test_the_database_is_asked_once_a_second(service: Service, clock: Clock) -> None:
    seconds, asked = Seconds(), []
    current = Discovery(service.state, clock, seconds=seconds)
    event.listen(service.state.engine, "begin", lambda _: asked.append(seconds.now))

    async def many() -> None:
        for seconds.now in (0.0, 0.5, 0.9, 1.0, 1.9, 2.5):
            await asyncio.gather(*(current.document() for _ in range(5)))

    asyncio.run(many())
    assert asked == [0.0, 1.0, 2.5]


def test_a_failure_is_told_to_all_who_ask_and_is_over_a_second_later(
    service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = Seconds()
    current = Discovery(service.state, clock, seconds=seconds)

    def away(_):
        raise OperationalError("", {}, Exception())

    async def three_times() -> list[object]:
        with monkeypatch.context() as patched:
            patched.setattr(ServerState, "reading", away)
            failures = await asyncio.gather(*(current.document() for _ in range(3)), return_exceptions=True)
        seconds.now += 1
        return [*failures, await current.document()]

    *failures, told = asyncio.run(three_times())
    assert {type(failure) for failure in failures} == {OperationalError} and isinstance(told, DiscoveryDocument)


def test_who_knows_it_already_gets_nothing_sent(service: Service, clock: Clock) -> None:
    with gateway_samples.door(service.state, clock) as client:
        first = client.get("/device/current")
        assert first.json() == {"again": 5, "model": {"version": None, "share": 0.0, "before": None}, "rounds": []}
        assert first.headers["cache-control"] == "public, max-age=5"
        again = client.get("/device/current", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert client.get("/device/current", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(("devices", "seconds"), [(0, 5), (250, 5), (251, 10), (1_000, 20)])
def test_a_large_fleet_comes_less_often(service: Service, clock: Clock, devices: int, seconds: int) -> None:
    tomorrow = clock() + timedelta(days=1)
    rows = [
        {"device_key_hash": f"{n:064x}", "by": "token:a", "at": clock(), "expires": tomorrow} for n in range(devices)
    ]
    with service.state.writing() as session:
        if rows:
            session.execute(insert(EnrolledDeviceRow), rows)
        assert poll_seconds(session, clock()) == seconds
        assert poll_seconds(session, tomorrow) == 5, "those that have ended are none"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_the_database_taken_away(service: Service, clock: Clock, postgres: str) -> None:
    with gateway_samples.door(service.state, clock) as client, taken_away(postgres):
        answer = client.get("/device/current")
        assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0


def test_the_server_says_what_is_rolled_out(service: Service, client: httpx.Client, tmp_path: Path) -> None:
    publishing.publish_at_start(service, bundle_samples.sample_bundle(tmp_path / "seven", 7))
    assert client.get("/device/current").json()["model"] == {"version": 7, "share": 1.0, "before": None}


def test_a_door_says_that_it_is_there(service: Service, clock: Clock) -> None:
    with gateway_samples.door(service.state, clock, "west"):
        end = time.monotonic() + 30
        while True:
            with service.state.reading() as session:
                if stage_windows.list_gateways(session, clock()) == ["west"]:
                    return
            assert time.monotonic() < end
            time.sleep(0.05)
