"""The sidecar's messages, without a process: each call is a call of Personalizer, and no line breaks it."""

from __future__ import annotations

import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support import catalogs

import keyart
from keyart.sidecar import PROTOCOL, Endpoint, method_table
from keyart.sidecar.household import Device, Household
from keyart.sidecar.json_rpc import MAX_BATCH, MAX_LINE_BYTES

AT = "2026-03-02T20:15:00+01:00"
CONTEXT = {"device": "tv", "at": AT, "slot": 2}


class App:
    """An app that talks to an endpoint in this process."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint, self._number = endpoint, 0

    def send(self, method: str, /, **params: Any) -> dict[str, Any]:
        self._number += 1
        request = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        line = self.endpoint.answer(json.dumps(request).encode())
        assert line is not None and line.endswith(b"\n") and line.count(b"\n") == 1
        answer = json.loads(line)
        assert answer["id"] == self._number and ("result" in answer) != ("error" in answer)
        return answer

    def call(self, method: str, /, **params: Any) -> Any:
        answer = self.send(method, **params)
        assert "error" not in answer, answer
        return answer["result"]

    def error(self, method: str, /, **params: Any) -> dict[str, Any]:
        return self.send(method, **params)["error"]


@pytest.fixture
def household(tmp_path: Path) -> Household:
    catalogs.sample_catalog().save(tmp_path / "catalog.json")
    return Household(Device(tmp_path / "profiles.db", tmp_path / "catalog.json", keys=keyart.EphemeralKey()))


@pytest.fixture
def app(household: Household) -> App:
    app = App(Endpoint(method_table(household, lambda: None)))
    app.call("open")
    app.call("consent.grant", purpose="personalization")
    return app


def test_a_life_by_wire(app: App) -> None:
    assert app.call("initialize", protocol=PROTOCOL)["protocol"] == PROTOCOL
    assert app.call("record", views=[{"title_id": "t3", "at": AT, "seconds": 5400}]) == 1
    decision = app.call("choose", title_id="t1", context=CONTEXT)
    assert decision["artwork_id"].startswith("t1/") and 0 < decision["propensity"] <= 1
    page = app.call("choose_page", title_ids=["t0", "t2"], context=CONTEXT)
    assert [item["title_id"] for item in page] == ["t0", "t2"]
    assert app.call("seen", decision_id=page[0]["id"]) is True
    assert app.call("observe", decision_id=decision["id"], outcome={"kind": "played", "seconds": 2400}) is True
    assert app.call("observe", decision_id=decision["id"], outcome={"kind": "skipped"}) is False
    explained = app.call("explain", decision_id=decision["id"], language="de")
    assert explained["factors"] and explained["text"]
    assert app.call("preferences.like", tag="genre:comedy") and app.call("preferences.list") == {"genre:comedy": 1.0}
    assert app.call("preferences.clear", tag="genre:comedy") is True
    held = app.call("export")
    assert len(held["views"]) == 1 and len(held["outcomes"]) == 1
    assert app.call("remove_title", title_id="t3") == 1
    assert app.call("stats")["choices"] == 2
    assert app.call("intent", text="something funny")["genre:comedy"] == 1.0
    assert app.call("describe_parameters")["text"]
    assert app.call("forget")["verified"] is True and not app.call("consent.allows", purpose="personalization")
    assert app.call("profiles") == ["default"]
    app.call("close")
    assert app.error("choose", title_id="t1", context=CONTEXT)["data"] == {"error": "StoreClosed"}


def test_what_is_chosen_is_what_personalizer_chooses(app: App, household: Household) -> None:
    app.call("record", views=[{"title_id": f"t{n}", "at": AT, "seconds": 5400, "device": "phone"} for n in range(4)])
    context = keyart.Context(device="tv", at=datetime.fromisoformat(AT), slot=2)
    here = household.profile("default").preview("t5", context, ("t0/a",))
    assert app.call("preview", title_id="t5", context=CONTEXT, beside=["t0/a"]) == here


def test_profiles_and_a_child(app: App) -> None:
    assert app.error("open", profile="kid", age_mode="child")["data"] == {"error": "SettingError"}
    opened = app.call("open", profile="kid", age_mode="child", max_maturity="6+")
    assert opened == {"profile": "kid", "model_version": 0, "profiled": False, "read_only": False}
    assert app.call("profiles") == ["default", "kid"]
    assert app.call("record", profile="kid", views=[{"title_id": "t3", "at": AT, "seconds": 5400}]) == 0
    assert app.error("open", profile="kid")["message"].startswith("The profile 'kid' is open already")


def test_another_catalogue_holds_for_every_profile(app: App, tmp_path: Path) -> None:
    app.call("open", profile="b")
    catalogs.sample_catalog(titles=9).save(tmp_path / "next.json")
    assert app.call("set_catalog", catalog=str(tmp_path / "next.json")) == 9
    for profile in ("default", "b"):
        assert app.call("choose", title_id="t8", context=CONTEXT, profile=profile)["artwork_id"]
    assert app.error("set_catalog", catalog=str(tmp_path / "none.json"))["data"] == {"error": "CatalogError"}


def test_a_passphrase_by_wire(tmp_path: Path) -> None:
    catalogs.sample_catalog().save(tmp_path / "catalog.json")
    device = Device(tmp_path / "profiles.db", tmp_path / "catalog.json")
    app = App(Endpoint(method_table(Household(device), lambda: None)))
    assert "--key-folder" in app.error("open")["message"]
    app.call("open", passphrase="a long enough passphrase")
    app.call("close")
    wrong = app.error("open", passphrase="another passphrase")
    assert wrong["data"] == {"error": "WrongKey"} and "another" not in wrong["message"]


@pytest.mark.parametrize(
    ("method", "params", "code", "words"),
    [
        ("chose", {}, -32601, "no method 'chose'"),
        ("choose", {"title_id": "t1"}, -32602, "needs the parameter 'context'"),
        ("choose", {"title_id": "t1", "context": CONTEXT, "titel": 1}, -32602, "no parameter 'titel'"),
        ("choose", {"title_id": "", "context": CONTEXT}, -32602, "title_id: it must be a text"),
        ("choose", {"title_id": "t1", "context": {}}, -32602, "context: Context needs device"),
        ("choose", {"title_id": "t1", "context": {"device": "tv", "tv": 1}}, -32602, "no field 'tv'"),
        ("choose", {"title_id": "t1", "context": {"device": "tv", "at": "noon"}}, -32602, "ISO 8601"),
        ("choose", {"title_id": "t1", "context": {"device": "tv", "at": "2026-03-02T20:15"}}, -32602, "time zone"),
        ("choose", {"title_id": "t1", "context": {"device": "tv", "at": 1e300}}, -32602, "context: "),
        ("choose", {"title_id": "none", "context": CONTEXT}, -32000, "No title 'none'"),
        ("observe", {"decision_id": "x", "outcome": {"kind": "eaten"}}, -32602, "Outcome.kind"),
        ("observe", {"decision_id": "x", "outcome": {"kind": "skipped"}}, -32000, "x"),
        ("record", {"views": {}}, -32602, "list of views"),
        ("open", {"profile": "p", "retention_days": True}, -32602, "whole number"),
        ("open", {"profile": "p", "policy": {"exploration": 2}}, -32602, "between 0 and 1"),
        ("initialize", {"protocol": "keyart-rpc/9"}, -32000, "keyart-rpc/1"),
        ("answer", {"message": "%%%"}, -32602, "base64"),
        ("install", {"bundle": "/nowhere", "validate": "yes"}, -32602, "true or false"),
    ],
)  # fmt: skip
def test_an_error_says_what_is_needed(app: App, method: str, params: dict[str, Any], code: int, words: str) -> None:
    error = app.error(method, **params)
    assert error["code"] == code and words in error["message"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700), (b"\xff", -32700), (b'{"a": NaN}', -32700),
        (b'{"jsonrpc": "2.0", "id": 1e999, "method": "hello"}', -32700), (b"[" * 5000, -32700), (b"1", -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "stats", "params": {"seconds": -1e999}}', -32700),
        (b"[]", -32600), (b'{"jsonrpc":"1.0","method":"stats","id":1}', -32600),
        (b'{"jsonrpc":"2.0","method":"stats","id":{}}', -32600), (b'{"jsonrpc":"2.0","method":1,"id":1}', -32600),
        (b'{"jsonrpc":"2.0","method":"stats","params":[1],"id":1}', -32602),
        (b" " * (MAX_LINE_BYTES + 1), -32600), (json.dumps([1] * (MAX_BATCH + 1)).encode(), -32600),
    ],
)  # fmt: skip
def test_what_is_no_request(app: App, line: bytes, code: int) -> None:
    answer = app.endpoint.answer(line)
    assert answer is not None and json.loads(answer)["error"]["code"] == code


def test_batches_and_notifications(app: App) -> None:
    calls = [
        {"jsonrpc": "2.0", "id": "a", "method": "profiles"},
        {"jsonrpc": "2.0", "method": "flush"},
        {"jsonrpc": "2.0", "method": "nothing"},
        {"jsonrpc": "2.0", "id": None, "method": "nothing"},
    ]
    answer = app.endpoint.answer(json.dumps(calls).encode())
    assert answer is not None
    first, second = json.loads(answer)
    assert first == {"jsonrpc": "2.0", "id": "a", "result": ["default"]} and second["error"]["code"] == -32601
    assert app.endpoint.answer(json.dumps(calls[1:3]).encode()) is None


def test_no_line_breaks_the_endpoint(app: App) -> None:
    """Requests of the life above, with bytes changed, dropped and doubled."""
    rng = random.Random(7)
    good = [
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        for method, params in (
            ("choose", {"title_id": "t1", "context": {**CONTEXT, "trending": {"t1": 0.5}}}),
            ("record", {"views": [{"title_id": "t3", "at": AT, "seconds": 1}]}),
            ("observe", {"decision_id": "d", "outcome": {"kind": "played", "seconds": 9}}),
            ("open", {"profile": "q", "policy": {"stickiness": 0, "sensitive_kinds": ["cast"]}}),
        )
    ]
    for _ in range(2_000):
        line = bytearray(rng.choice(good))
        for _ in range(rng.randrange(1, 6)):
            place = rng.randrange(len(line))
            kind = rng.randrange(3)
            if kind == 0:
                line[place] = rng.randrange(256)
            elif kind == 1:
                del line[place : place + rng.randrange(1, 9)]
            else:
                line[place:place] = line[place : place + rng.randrange(1, 9)]
        answer = app.endpoint.answer(bytes(line))
        if answer is not None:
            for one in [found] if isinstance(found := json.loads(answer), dict) else found:
                assert one.get("error", {}).get("code") != -32603, (bytes(line), one)


def test_a_foreign_error_says_nothing_of_the_person(app: App, household: Household, caplog, monkeypatch) -> None:
    def failing(*_: object) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(household.profile("default"), "choose", failing)
    error = app.error("choose", title_id="t1", context=CONTEXT)
    assert error["code"] == -32603 and "canary" not in json.dumps(error) + caplog.text
    assert "failed in choose" in caplog.text


def test_the_reference_lists_every_method(household: Household) -> None:
    page = (Path(__file__).parents[3] / "docs/reference/sidecar.md").read_text(encoding="utf-8")
    for name, method in method_table(household, lambda: None).items():
        takes = ", ".join(f"**`{key}`**" if key in method.required else f"`{key}`" for key in method.readers) or "—"
        assert f"| `{name}` | {takes} | {method.summary.removesuffix('.')} |" in page
