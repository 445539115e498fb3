"""Campaigns: the value, the moves, and the API over both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from support.server import Clock

from keyart.errors import InputError, SettingError
from keyart_federated.campaigns.campaign import MOVES, STANDINGS
from keyart_server.campaigns import KINDS, Campaign

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
DRAFT = Campaign("c1", "Spring", "training", "draft", 4.0, 1e-6, 10, AT, AT)
LATER = datetime(2026, 5, 2, tzinfo=UTC)


@pytest.mark.parametrize("state", STANDINGS)
@pytest.mark.parametrize("action", MOVES)
def test_moves(state, action) -> None:
    campaign = Campaign("c1", "Spring", "training", state, None, None, 1, AT, AT)
    allowed = {
        ("draft", "start"): "running",
        ("running", "pause"): "paused",
        ("paused", "resume"): "running",
        ("draft", "stop"): "stopped",
        ("running", "stop"): "stopped",
        ("paused", "stop"): "stopped",
        ("running", "finish"): "done",
    }
    if (state, action) in allowed:
        after = campaign.after(action, LATER)
        assert (after.state, after.changed, after.created) == (allowed[state, action], LATER, AT)
    else:
        with pytest.raises(InputError, match=f"is {state}, and {action} needs"):
            campaign.after(action, LATER)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""}, {"name": "   "}, {"name": "x" * 121}, {"name": "a\nb"}, {"name": "a\x00"}, {"name": "\ud800"},
        {"kind": "party"}, {"epsilon": 0.0}, {"epsilon": float("nan")}, {"epsilon": -1.0}, {"delta": 0.0},
        {"delta": 1.0}, {"rounds": 0}, {"rounds": 10_001},
    ],
)  # fmt: skip
def test_a_campaign_that_makes_no_sense(change) -> None:
    values = {name: getattr(DRAFT, name) for name in DRAFT.__slots__}
    with pytest.raises(SettingError):
        Campaign(**{**values, **change})


def test_life_of_a_campaign(client: httpx.Client, admin, clock: Clock) -> None:
    assert client.get("/api/v1/campaigns", headers=admin).json()["items"] == []
    asked = {"name": "Spring: ε", "kind": "statistics", "epsilon": 2.5, "delta": 1e-6, "rounds": 3}
    made = client.post("/api/v1/campaigns", json=asked, headers=admin)
    assert made.status_code == 201
    campaign = made.json()
    assert asked.items() <= campaign.items() and campaign["state"] == "draft"
    assert client.get(made.headers["location"], headers=admin).json() == campaign
    for action, state in [("start", "running"), ("pause", "paused"), ("resume", "running"), ("stop", "stopped")]:
        moved = client.post(f"/api/v1/campaigns/{campaign['id']}/{action}", headers=admin)
        assert (moved.status_code, moved.json()["state"]) == (200, state)
    refused = client.post(f"/api/v1/campaigns/{campaign['id']}/start", headers=admin)
    assert refused.status_code == 409 and "is stopped" in refused.json()["detail"]
    clock.pass_by(seconds=1)
    newer = client.post("/api/v1/campaigns", json={"name": "b", "kind": "training"}, headers=admin).json()
    assert [found["id"] for found in client.get("/api/v1/campaigns", headers=admin).json()["items"]] == [
        newer["id"],
        campaign["id"],
    ]
    stopped = client.get("/api/v1/campaigns", params={"state": "stopped"}, headers=admin).json()["items"]
    assert [found["id"] for found in stopped] == [campaign["id"]]
    told = [(entry["action"], entry["actor"]) for entry in client.get("/api/v1/audit", headers=admin).json()["items"]]
    assert told[:6] == [
        ("campaign.create", "token:admin"),
        *((f"campaign.{action}", "token:admin") for action in ("stop", "resume", "pause", "start", "create")),
    ]


def test_all_kinds(client: httpx.Client, admin) -> None:
    for kind in KINDS:
        made = client.post("/api/v1/campaigns", json={"name": kind, "kind": kind}, headers=admin)
        assert made.status_code == 201 and made.json()["kind"] == kind, made.text


def test_a_draft_that_lacks_something_cannot_be_started(client: httpx.Client, admin) -> None:
    made = client.post("/api/v1/campaigns", json={"name": "x", "kind": "evaluation"}, headers=admin).json()
    refused = client.post(f"/api/v1/campaigns/{made['id']}/start", headers=admin)
    assert refused.status_code == 409 and "'version'" in refused.json()["detail"]
    asked = {"name": "x", "kind": "evaluation", "settings": {"version": -1}}
    assert client.post("/api/v1/campaigns", json=asked, headers=admin).status_code == 422


SENSELESS = [
    b"", b"{", b"[]", b"7", b'{"name": "x"}', b'{"name": "x", "kind": "party"}', b'{"name": 7, "kind": "training"}',
    b'{"name": "", "kind": "training"}', b'{"name": " ", "kind": "training"}',
    b'{"name": "a\\u0000", "kind": "training"}', b'{"name": "\\ud800", "kind": "training"}',
    b'{"name": "x", "kind": "training", "epsilon": NaN}', b'{"name": "x", "kind": "training", "epsilon": 1e999}',
    b'{"name": "x", "kind": "training", "epsilon": -1}', b'{"name": "x", "kind": "training", "rounds": 1.5}',
    b'{"name": "x", "kind": "training", "epsilno": 1}', b"\xff\xfe", b"[" * 100_000,
]  # fmt: skip


def test_bodies_that_make_no_sense(client: httpx.Client, admin) -> None:
    headers = {**admin, "Content-Type": "application/json"}
    for body in SENSELESS:
        answer = client.post("/api/v1/campaigns", content=body, headers=headers)
        assert answer.status_code in (400, 422) and len(answer.json()["detail"]) > 10, body[:60]
    assert client.get("/api/v1/campaigns", headers=admin).json()["items"] == []


def test_a_campaign_that_is_not_there(client: httpx.Client, admin) -> None:
    for path in ("/api/v1/campaigns/0123456789abcdef", "/api/v1/campaigns/0123456789abcdef/start"):
        send = client.post if path.endswith("start") else client.get
        answer = send(path, headers=admin)
        assert answer.status_code == 404 and "no campaign" in answer.json()["detail"]
