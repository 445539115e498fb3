"""Pages of the lists of `/api/v1`: every item once, whatever is added meanwhile, and cursors that nobody guesses."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
from support import dashboard as dashboard_samples
from support.server import Clock, every_item

from keyart_server.http.pagination import MAX_LIMIT
from keyart_server.service import Service

LISTS = ("campaigns", "experiments", "releases", "budget/charges", "audit", "people", "tokens")


def page(client: httpx.Client, admin: dict[str, str], path: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"/api/v1/{path}", params=query, headers=admin)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    assert {"items", "next"} <= set(shown)
    return shown


def create(client: httpx.Client, admin: dict[str, str], name: str) -> str:
    made = client.post("/api/v1/campaigns", json={"name": name, "kind": "training"}, headers=admin)
    return str(made.json()["id"])


def test_each_item_is_on_one_page_even_if_others_are_added_meanwhile(client: httpx.Client, admin) -> None:
    """All have the same time of creation, since the clock stands still: the id decides."""
    made = {create(client, admin, f"c{number}") for number in range(7)}
    first = page(client, admin, "campaigns", limit=3)
    create(client, admin, "later")
    second = page(client, admin, "campaigns", limit=3, cursor=first["next"])
    third = page(client, admin, "campaigns", limit=3, cursor=second["next"])
    seen = [one["id"] for shown in (first, second, third) for one in shown["items"]]
    assert len(seen) == len(set(seen)) and set(seen) >= made - {one["id"] for one in first["items"]}
    assert len(seen) <= 8 and set(seen) >= made and third["next"] is None


def test_newest_first_and_a_full_last_page_has_no_next(client: httpx.Client, admin, clock: Clock) -> None:
    for number in range(4):
        clock.pass_by(seconds=1)
        create(client, admin, f"c{number}")
    first = page(client, admin, "campaigns", limit=2)
    second = page(client, admin, "campaigns", limit=2, cursor=first["next"])
    names = [one["name"] for one in (*first["items"], *second["items"])]
    assert names == ["c3", "c2", "c1", "c0"] and second["next"] is None


def test_a_filter_holds_on_every_page(client: httpx.Client, admin) -> None:
    for number in range(5):
        name = create(client, admin, f"c{number}")
        if number % 2:
            client.post(f"/api/v1/campaigns/{name}/stop", headers=admin)
    first = page(client, admin, "campaigns", limit=1, state="stopped")
    second = page(client, admin, "campaigns", limit=1, state="stopped", cursor=first["next"])
    assert {one["name"] for one in (*first["items"], *second["items"])} == {"c1", "c3"} and second["next"] is None
    assert page(client, admin, "campaigns", kind="experiment")["items"] == []


def test_every_list_reads_to_its_end(client: httpx.Client, service: Service, admin) -> None:
    """The pages of two hold what one large page holds, in the same order."""
    with service.state.writing() as session:
        every = dashboard_samples.fill(session, service.clock(), 12, 60)
        dashboard_samples.log(session, service.clock(), 3)
    of_campaign = [f"campaigns/{every[-1].id}/{noun}" for noun in ("rounds", "results")]
    for path in (*LISTS, *of_campaign):
        pages, cursor = [], None
        while True:
            shown = page(client, admin, path, limit=2, **({"cursor": cursor} if cursor else {}))
            assert len(shown["items"]) <= 2
            pages += shown["items"]
            if (cursor := shown["next"]) is None:
                break
        assert pages == every_item(client, f"/api/v1/{path}", admin), path
        if path not in ("people", "tokens"):
            assert len(pages) > 2, path


def forged(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def test_an_unknown_cursor_is_refused(client: httpx.Client, admin) -> None:
    for number in range(2):
        create(client, admin, f"c{number}")
    mine = page(client, admin, "campaigns", limit=1)["next"]
    name = json.loads(base64.urlsafe_b64decode(mine + "=="))[0]
    cursors = [
        "x", "", "é", "0", mine[:-4], mine + "AAAA", forged(), forged(name), forged(name, 1, 2),
        forged(name, "x", "y"), forged(name, "2026-01-01T00:00:00+00:00", "a\0"),
        forged(name, "0001-01-01T00:00:00+23:00", "a"),
        forged(name, "2026-01-01T00:00:00+00:00", 1), forged(name, "2026-01-01T00:00:00+00:00", "\ud800"),
        base64.b64encode(b"[" * 300).decode(),
    ]  # fmt: skip
    for cursor in cursors:
        answer = client.get("/api/v1/campaigns", params={"cursor": cursor}, headers=admin)
        assert answer.status_code == 422 and "cursor" in answer.json()["detail"], cursor
    for path in LISTS[2:]:
        assert client.get(f"/api/v1/{path}", params={"cursor": mine}, headers=admin).status_code == 422, path
    numbers = page(client, admin, "audit", limit=1)["next"]
    (name, _) = json.loads(base64.urlsafe_b64decode(numbers + "=="))
    for number in (2**63, -(2**64), True, 1.5, "1", None):
        answer = client.get("/api/v1/audit", params={"cursor": forged(name, number)}, headers=admin)
        assert answer.status_code == 422, number


def test_each_list_is_paged(one_client: httpx.Client) -> None:
    operations = one_client.get("/openapi.json").json()["paths"]
    lists = {path for path, methods in operations.items() if "'next'" in str(_answer(methods, one_client))}
    assert lists == {f"/api/v1/{path}" for path in LISTS} | {
        f"/api/v1/campaigns/{{campaign_id}}/{noun}" for noun in ("rounds", "results")
    } | {"/api/v1/webhooks", "/api/v1/webhooks/{webhook_id}/deliveries", "/api/v1/catalog/versions"}
    for path in lists:
        assert {"limit", "cursor"} <= {one["name"] for one in operations[path]["get"]["parameters"]}


def _answer(methods: dict[str, Any], client: httpx.Client) -> Any:
    """The schema of what a GET answers."""
    content = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
    name = content.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
    return client.get("/openapi.json").json()["components"]["schemas"].get(name)


def test_a_limit_out_of_range_is_refused(client: httpx.Client, admin) -> None:
    for limit in ("0", "-1", str(MAX_LIMIT + 1), "x", ""):
        answer = client.get("/api/v1/campaigns", params={"limit": limit}, headers=admin)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "query.limit"
    assert client.get("/api/v1/campaigns", params={"limit": MAX_LIMIT}, headers=admin).status_code == 200
