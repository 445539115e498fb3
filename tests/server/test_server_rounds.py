"""The whole server with devices and Flower: it is killed at each stage of a round, and its database is taken away."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session
from support.gateway import taken_away
from support.server import Running, running
from support.visiting_devices import prepared, until, visiting

from keyart.secagg import Stage
from keyart_server import audit_log, budget
from keyart_server.campaigns import campaign_store
from keyart_server.rounds import ACTIVE, Round, round_store
from keyart_server.state import ServerState

DEVICES = 12
SETTINGS = {"minimum_devices": 4, "wanted": DEVICES, "patience": 40.0, "hours": 0.0}
AWAY_SECONDS = 30


def start_a_campaign(server: Running) -> None:
    wanted = {"name": "Spring", "kind": "statistics", "rounds": 1, "settings": SETTINGS}
    made = server.client.post("/api/v1/campaigns", json=wanted, headers=server.bearer).json()
    assert server.client.post(f"/api/v1/campaigns/{made['id']}/start", headers=server.bearer).status_code == 200


def every_round(session: Session) -> list[Round]:
    """The rounds of all campaigns, newest first."""
    found = [
        round_
        for campaign in campaign_store.list_all(session)
        for round_ in round_store.list_for_campaign(session, campaign.id)
    ]
    return sorted(found, key=lambda round_: round_.opened, reverse=True)


def newest(state: ServerState) -> Round | None:
    with state.reading() as session:
        found = every_round(session)
    return found[0] if found else None


def stands(state: ServerState, *standings: str) -> Round | None:
    found = newest(state)
    return found if found is not None and found.standing in standings else None


def check(state: ServerState, said: list[dict[str, Any]]) -> None:
    """One round, read, paid for once, with every vector in it that a device was told has been accepted."""
    with state.reading() as session:
        rounds, charges = every_round(session), budget.list_charges(session)
        actions = [entry.action for entry in audit_log.newest(session, 1000)]
        audit_log.verify(session)
    assert [one.standing for one in rounds] == ["done"] and len(charges) == 1
    assert actions.count("budget.charge") == actions.count("round.finish") == 1
    accepted = {one["device"] for one in said if one["event"] == "handed in"}
    assert len(accepted) == rounds[0].survivors == rounds[0].answered[Stage.KEYS]


@pytest.mark.service
def test_a_round_goes_on_after_kills_at_each_stage(tmp_path: Path) -> None:
    arguments = prepared(tmp_path)
    with running(tmp_path / "data", *arguments) as first, visiting(first, tmp_path, DEVICES) as said:
        again = (*arguments, "--port", first.started["address"].rpartition(":")[2])
        start_a_campaign(first)
        with closing(ServerState.open(tmp_path / "data" / "keyart.db", upgrade=False)) as state:
            server = first
            for standing in ACTIVE:
                until(lambda standing=standing: stands(state, standing))
                server.kill()
                before = newest(state)
                with running(tmp_path / "data", *again) as server:
                    assert before is not None and before.standing == standing
                    following = {*ACTIVE[ACTIVE.index(standing) + 1 :], "answered", "done"}
                    until(lambda following=following: stands(state, *following))
            with running(tmp_path / "data", *again):
                until(lambda: stands(state, "done"))
                until(lambda: sum(one["event"] == "handed in" for one in said()) >= DEVICES)
                check(state, said())


@pytest.mark.service
@pytest.mark.soak
def test_the_database_taken_away_in_the_middle_of_a_round(tmp_path: Path, postgres_url: str) -> None:
    """For half a minute, at the stage of masked vectors: devices are told to come again, and all is as it was."""
    arguments = (*prepared(tmp_path), "--database-url", postgres_url)
    with running(tmp_path / "data", *arguments) as server, visiting(server, tmp_path, DEVICES) as said:
        start_a_campaign(server)
        with closing(ServerState.open(postgres_url, upgrade=False)) as state:
            until(lambda: stands(state, "masked"))
            with taken_away(postgres_url):
                began = time.monotonic()
                until(lambda: server.client.get("/readyz").status_code == 503, 15)
                told = server.client.get("/readyz").json()
                assert told["checks"]["database"] == "does not answer"
                assert server.client.get("/healthz").status_code == 200
                until(lambda: server.client.get("/device/current").status_code == 503, 10)
                time.sleep(max(0.0, AWAY_SECONDS - (time.monotonic() - began)))
            until(lambda: server.client.get("/readyz").status_code == 200, 30)
            until(lambda: stands(state, "done"))
            until(lambda: sum(one["event"] == "handed in" for one in said()) >= DEVICES)
            check(state, said())
