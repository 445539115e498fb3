"""What `/api/v1` says about campaigns, rounds, results, budget, fleet and releases: objects, no JSON in texts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest
from support import dashboard as dashboard_samples
from support.releases import candidate, first
from support.server import Clock

from keyart.secagg import Stage
from keyart_server import budget
from keyart_server.campaigns import campaign_store
from keyart_server.campaigns.waiting import store_reasons, waiting_reasons
from keyart_server.releases import release_store
from keyart_server.rounds.round_result import SegmentRate, parse_result
from keyart_server.service import Service
from keyart_server.state.tables import CampaignRow, RoundRow, SubmissionRow


@pytest.fixture
def every(service: Service) -> list[Any]:
    with service.state.writing() as session:
        return dashboard_samples.fill(session, service.clock(), 12, 120)


def get(client: httpx.Client, admin: dict[str, str], path: str, **query: Any) -> Any:
    answer = client.get(f"/api/v1/{path}", params=query, headers=admin)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_campaign_is_an_object(client: httpx.Client, admin, every) -> None:
    listed = get(client, admin, "campaigns", limit=200)["items"]
    assert set(listed[0]) == {
        "id", "name", "kind", "state", "epsilon", "delta", "rounds", "rounds_done", "settings", "created", "changed",
        "waiting", "epsilon_charged", "actions",
    }  # fmt: skip
    assert all(isinstance(one["settings"], dict) for one in listed)
    assert any(one["rounds_done"] and one["epsilon_charged"] for one in listed)
    assert {one["state"]: one["actions"] for one in listed} == {
        "draft": ["start", "stop"], "running": ["pause", "stop"], "paused": ["resume", "stop"],
        "stopped": [], "done": [],
    }  # fmt: skip
    assert get(client, admin, f"campaigns/{listed[0]['id']}") == listed[0]
    spent = get(client, admin, "budget")["spent"]
    assert sum(one["epsilon_charged"] for one in listed) == pytest.approx(spent)


def test_why_a_campaign_waits(client: httpx.Client, admin, service: Service, every) -> None:
    """The engine's reason stands in the database: another process reads it there, and it goes with its cause."""
    running = [one for one in every if one.state == "running"]
    store_reasons(service.state, {running[0].id: "The server has no catalogue.", running[1].id: "x" * 900})
    assert get(client, admin, f"campaigns/{running[0].id}")["waiting"] == "The server has no catalogue."
    assert len(get(client, admin, f"campaigns/{running[1].id}")["waiting"]) == 400
    store_reasons(service.state, {running[1].id: "Later."})
    shown = {one["id"]: one["waiting"] for one in get(client, admin, "campaigns", limit=200)["items"]}
    assert shown[running[0].id] is None and shown[running[1].id] == "Later."
    with service.state.writing() as session:
        campaign_store.move(session, service.clock(), "server", running[0].id, "pause", "10 rounds have failed.")
        campaign_store.move(session, service.clock(), "person:Robin", running[1].id, "pause")
    assert get(client, admin, f"campaigns/{running[0].id}")["waiting"] == "10 rounds have failed."
    assert get(client, admin, f"campaigns/{running[1].id}")["waiting"] is None, "a person knows why"
    with service.state.reading() as session:
        assert waiting_reasons(session, []) == {}


def test_reasons_are_written_only_if_they_change(service: Service, every) -> None:
    reasons = {every[0].id: "No catalogue."}
    store_reasons(service.state, reasons)
    writing = service.state.writing
    try:
        service.state.writing = None  # type: ignore[method-assign, assignment]
        store_reasons(service.state, reasons)
    finally:
        service.state.writing = writing  # type: ignore[method-assign]


def test_rounds(client: httpx.Client, admin, service: Service, every, clock: Clock) -> None:
    campaign = next(one for one in every if one.kind == "statistics")
    with service.state.writing() as session:
        number = 900
        session.add(RoundRow(**dashboard_samples.round_row(campaign.id, number, clock(), "share")))
        session.add(RoundRow(**dashboard_samples.round_row(campaign.id, 901, clock(), "failed", failure="Too few.")))
        session.flush()
        open_id = session.query(RoundRow.id).filter_by(campaign_id=campaign.id, number=number).scalar()
        session.add(SubmissionRow(round_id=open_id, stage=Stage.SHARE, number=1, gateway="g", digest=b"d", body=b"b"))
    failed, going, *ended = get(client, admin, f"campaigns/{campaign.id}/rounds")["items"]
    assert (failed["standing"], failed["failure"], failed["charge"]) == ("failed", "Too few.", None)
    assert going["standing"] == "share" and going["result"] is None and going["failure"] is None
    assert going["cohort"]["shares"] == 1 and set(going["cohort"]) == {"keys", "shares", "masked", "revealed"}
    assert datetime.fromisoformat(going["closes"]) > clock() and failed["closes"] is None
    done = next(one for one in ended if one["standing"] == "done")
    assert done["survivors"] == done["cohort"]["masked"] > done["cohort"]["revealed"] > 0 and done["charge"] > 0
    assert done["result"]["number"] == done["number"] and done["result"]["rates"]
    assert client.get("/api/v1/campaigns/0123456789abcdef/rounds", headers=admin).status_code == 404
    assert client.get("/api/v1/campaigns/0123456789abcdef/results", headers=admin).status_code == 404


def test_results_leave_no_rate_out(client: httpx.Client, admin, every) -> None:
    campaign = next(one for one in every if one.kind == "statistics")
    shown = get(client, admin, f"campaigns/{campaign.id}/results")
    assert (shown["campaign"], shown["kind"]) == (campaign.id, "statistics")
    rates = {rate["segment"]: rate for rate in shown["items"][0]["rates"]}
    assert list(rates) == ["all", "tv", "phone", "evening", "tablet"]
    assert rates["tablet"] == {"segment": "tablet", "mean": None, "low": 0.0, "high": 1.0, "drowned": True}
    assert not rates["all"]["drowned"] and rates["all"]["low"] < rates["all"]["mean"] < rates["all"]["high"]
    assert shown["items"][0]["used"] and shown["items"][0]["reason"] is None and shown["items"][0]["devices"] > 0
    numbers = [one["number"] for one in shown["items"]]
    assert numbers == sorted(numbers, reverse=True)


def test_a_rate_is_drowned_if_its_interval_is_wide() -> None:
    """± 0.08 on 0.12 is drowned by noise, ± 0.05 is not; a rate of 0 with an interval is."""
    assert SegmentRate("all", 0.12, 0.04, 0.20).drowned
    assert not SegmentRate("all", 0.12, 0.07, 0.17).drowned
    assert SegmentRate("all", 0.0, 0.0, 0.1).drowned and not SegmentRate("all", 0.0, 0.0, 0.0).drowned
    view = parse_result({"segments": {"tv": {"rate": None, "low": None, "high": None}}})
    assert view.rates == {} and [rate.segment for rate in view.segments] == ["tv"]


def test_experiments(client: httpx.Client, admin, every) -> None:
    listed = get(client, admin, "experiments")["items"]
    assert {one["id"] for one in listed} == {one.id for one in every if one.kind == "experiment"}
    analysed = next(one for one in listed if one["analysed"])
    (effect,) = analysed["effect"]
    assert effect["arm"] == "larger faces" and effect["low"] < effect["mean"] < effect["high"]
    assert effect["unit"] == "%" and effect["group"] is None and effect["improvement"] in (True, None)
    assert analysed["verdicts"][0]["arm"] == "larger faces" and analysed["verdicts"][0]["sentence"]
    assert any(one["group"] == "tv" for one in analysed["differences"])


def test_budget_and_charges(client: httpx.Client, admin, service: Service, every) -> None:
    shown = get(client, admin, "budget")
    assert shown["left"] == pytest.approx(shown["epsilon"] - shown["spent"]) and shown["spent"] > 0
    costs = [one["epsilon"] for one in shown["by_campaign"]]
    assert costs == sorted(costs, reverse=True) and sum(costs) == pytest.approx(shown["spent"])
    assert {one["id"] for one in shown["by_campaign"]} <= {one.id for one in every}
    assert set(shown["forecast"]) == {"epsilon_per_day", "next_round_epsilon", "rounds_left", "exhausted_at"}
    charges = get(client, admin, "budget/charges", limit=200)["items"]
    assert isinstance(charges[0]["mechanism"], dict) and charges[0]["at"] >= charges[-1]["at"]
    with service.state.reading() as session:
        assert len(charges) == min(200, len(budget.list_charges(session)))


def test_an_empty_server(client: httpx.Client, admin) -> None:
    for path in ("campaigns", "experiments", "releases", "budget/charges", "people"):
        assert get(client, admin, path) == {"items": [], "next": None}
    assert get(client, admin, "budget")["forecast"] == {
        "epsilon_per_day": 0.0, "next_round_epsilon": 0.0, "rounds_left": None, "exhausted_at": None,
    }  # fmt: skip
    fleet = get(client, admin, "fleet")
    assert (fleet["devices"], fleet["by_version"], fleet["estimated_at"]) == (0, [], None)


def test_the_fleet(client: httpx.Client, admin, service: Service, every) -> None:
    fleet = get(client, admin, "fleet")
    assert fleet["devices"] > 0 and fleet["estimated_at"] and fleet["gateways"]
    assert sum(one["share"] for one in fleet["by_version"]) == pytest.approx(1.0)
    versions = [one["version"] for one in fleet["by_version"]]
    assert versions == sorted(versions, reverse=True)
    assert {one["alive"] for one in fleet["gateways"]} <= {True, False}


def test_the_audit_log_has_objects(client: httpx.Client, admin) -> None:
    client.post("/api/v1/campaigns", json={"name": "Spring", "kind": "training", "rounds": 7}, headers=admin)
    entry = get(client, admin, "audit", limit=1)["items"][0]
    assert entry["action"] == "campaign.create" and entry["details"]["rounds"] == 7


def test_all_devices_need_a_reason(client: httpx.Client, admin, service: Service) -> None:
    first(service, 7)
    candidate(service, 8)
    with service.state.writing() as session:
        for action in ("publish", "widen", "widen", "hold"):
            release_store.move(session, service.clock(), "server", 8, action)  # type: ignore[arg-type]
    assert get(client, admin, "releases/8")["actions"] == ["promote", "withdraw"]
    path = "/api/v1/releases/8/promote"
    for body in (None, {}, {"reason": "  "}):
        refused = client.post(path, json=body, headers=admin)
        assert refused.status_code == 422 and "reason" in refused.json()["detail"], body
    assert client.post(path, json={"reason": "x" * 301}, headers=admin).status_code == 422
    assert client.post(path, json={"why": "x"}, headers=admin).status_code == 422
    promoted = client.post(path, json={"reason": "All gates passed."}, headers=admin)
    assert promoted.json()["standing"] == "released" and "All gates passed." in promoted.json()["reason"]
    entry = get(client, admin, "audit", limit=1)["items"][0]
    assert entry["action"] == "release.promote" and "All gates passed." in entry["details"]["reason"]


def test_no_row_of_a_campaign_lacks_its_reason(service: Service) -> None:
    """A new row has an empty reason, in the database as in the class."""
    with service.state.writing() as session:
        made = campaign_store.create(session, service.clock(), "server", "a", "training")
        session.flush()
        assert session.get_one(CampaignRow, made.id).waiting == ""
