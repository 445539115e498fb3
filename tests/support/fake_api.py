"""The HTTP API of a server as a transport of httpx, in memory: what it holds, what it was asked, and how it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from keyart_tools.remote import ApiClient, ApiToken, Login, Network, ServerAddress

URL = "http://127.0.0.1:8080"
SECRET = "keyart_" + "S3cret" * 7
ID = "0f3c9a51d2b84e67"
AT = "2026-03-04T05:06:07+00:00"
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def problem(status: int, detail: str, **headers: str) -> httpx.Response:
    body = {"type": "about:blank", "title": "No", "status": status, "detail": detail, "errors": []}
    return httpx.Response(status, json=body, headers={"content-type": "application/problem+json", **headers})


def campaign(**changes: Any) -> dict[str, Any]:
    return {
        "id": ID, "name": "Spring", "kind": "training", "state": "running", "epsilon": 4.0, "delta": 1e-6,
        "rounds": 10, "rounds_done": 3, "settings": {"minimum_devices": 50, "wanted": 200}, "created": AT,
        "changed": AT, "waiting": None, "epsilon_charged": 1.25, "actions": ["pause", "stop"],
    } | changes  # fmt: skip


FEASIBILITY = {
    "verdict": "cannot finish", "can_finish": False, "devices": 30,
    "findings": [
        {"subject": "cohort", "severity": "blocking", "sentence": "3 of 30 devices come.", "advice": "Wait.",
         "numbers": {}},
    ],
}  # fmt: skip


def round_(number: int = 4, **changes: Any) -> dict[str, Any]:
    return {
        "id": "0" * 64, "number": number, "topic": "training", "standing": "masked", "opened": AT, "changed": AT,
        "closes": AT, "target": 200, "charge": 1.25,
        "cohort": {"keys": 180, "shares": 170, "masked": 60, "revealed": 0}, "survivors": 60, "failure": None,
        "result": None,
    } | changes  # fmt: skip


def release(version: int = 8, **changes: Any) -> dict[str, Any]:
    gates = [
        {"name": "integrity", "verdict": "passed", "sentence": "Every hash is that of the manifest."},
        {"name": "quality all", "verdict": "unclear", "sentence": "A drop of .02 is neither shown nor ruled out."},
    ]
    return {
        "version": version, "standing": "rolling", "share": 0.1, "reason": "", "gates": gates, "campaign_id": ID,
        "number": 3, "base": 7, "origin": 7, "superseded_by": None, "digest": "d" * 64, "created": AT, "changed": AT,
        "plan": {"stages": [0.01, 0.1, 1.0], "hours": 24.0}, "actions": ["hold", "withdraw"],
    } | changes  # fmt: skip


RESULT = {
    "number": 2, "topic": "look", "at": AT, "devices": 1234, "used": True, "reason": None,
    "rates": [
        {"segment": "all", "mean": 0.12, "low": 0.11, "high": 0.13, "drowned": False},
        {"segment": "tv", "mean": 0.2, "low": -0.3, "high": 0.7, "drowned": True},
    ],
    "differences": [
        {"metric": "quality_plays", "unit": "%", "group": "tv", "arm": "warm", "mean": 0.01, "low": 0.002,
         "high": 0.018, "improvement": True},
    ],
    "verdicts": [{"arm": "warm", "verdict": "ship", "sentence": "More quality plays."}],
    "values": {"update norm": 0.75},
}  # fmt: skip
REFUSED = RESULT | {
    "number": 1, "rates": [], "differences": [], "verdicts": [], "values": {}, "used": False, "reason": "Refused.",
}  # fmt: skip
FLEET = {
    "devices": 12000, "by_version": [{"version": 8, "devices": 1200, "share": 0.1}, {"version": 7, "devices": 10800,
    "share": 0.9}], "gateways": [{"name": "main", "seen": AT, "alive": True}, {"name": "west", "seen": AT,
    "alive": False}], "estimated_at": AT,
}  # fmt: skip
BUDGET = {
    "epsilon": 8.0, "delta": 1e-6, "spent": 1.25, "left": 6.75,
    "by_campaign": [{"id": ID, "name": "Spring", "epsilon": 1.25}],
    "forecast": {
        "epsilon_per_day": 0.05, "next_round_epsilon": 0.125, "rounds_left": 54,
        "exhausted_at": "2026-07-01T00:00:00+00:00",
    },
}  # fmt: skip


@dataclass
class FakeApi(httpx.BaseTransport):
    """answers: given first, one a request. lists: items by path. objects: by path. replaced: any JSON in
    their place. asked: the requests."""

    answers: list[Answer] = field(default_factory=list)
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[httpx.Request] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    page_items: int = 2
    replaced: dict[str, object] = field(default_factory=dict)
    created: dict[str, dict[str, Any]] = field(default_factory=dict)  # by Idempotency-Key

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else self._answer
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1/")
        if request.headers.get("authorization") != f"Bearer {SECRET}":
            return problem(401, "Sign in, or send a valid token: Authorization: Bearer TOKEN.")
        if request.method == "POST":
            return self._change(path, request)
        if path in self.replaced:
            return httpx.Response(200, json=self.replaced[path])
        if path in self.lists:
            return self._page(self.lists[path], request.url.params)
        if path in self.objects:
            return httpx.Response(200, json=self.objects[path])
        return problem(404, "Nothing exists at this address.")

    def _page(self, items: list[dict[str, Any]], query: httpx.QueryParams) -> httpx.Response:
        filters = {name: value for name, value in query.items() if name not in ("limit", "cursor")}
        found = [item for item in items if all(str(item[name]) == value for name, value in filters.items())]
        start = int(query.get("cursor", "0"))
        end = start + min(self.page_items, int(query.get("limit", "50")))
        return httpx.Response(200, json={"items": found[start:end], "next": str(end) if end < len(found) else None})

    def _change(self, path: str, request: httpx.Request) -> httpx.Response:
        if path in ("campaigns", "bundles"):
            key = request.headers["idempotency-key"]
            new = path == "campaigns"
            item = self.created.setdefault(
                key, campaign(state="draft", **json.loads(request.content)) if new else release()
            )
            return httpx.Response(201, json=item)
        subject, _, verb = path.rpartition("/")
        changes = {"pause": {"state": "paused"}, "hold": {"standing": "held"}, "withdraw": {"standing": "withdrawn",
                   "share": 0.0, "rollback": "pending"}}.get(verb, {})  # fmt: skip
        return httpx.Response(200, json=self.objects[subject] | changes)

    @property
    def network(self) -> Network:
        return Network(self, self.slept.append)

    def client(self) -> ApiClient:
        return ApiClient(login(), self.network)

    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.asked]


def login() -> Login:
    return Login(ServerAddress.parse(URL), ApiToken.parse(SECRET, "the.token"))


def full_api() -> FakeApi:
    """One that holds something of everything."""
    path = f"campaigns/{ID}"
    return FakeApi(
        lists={
            "campaigns": [campaign(), campaign(id="a" * 16, name="[red]Old[/nothing]", state="done")],
            f"{path}/rounds": [round_(), round_(3, standing="failed", failure="Too few devices came.")],
            f"{path}/results": [RESULT, REFUSED],
            "releases": [release(), release(7, standing="released", share=1.0)],
            "experiments": [{"id": ID, "name": "Warm", "state": "running", "rounds": 8, "rounds_done": 2,
                             "analysed": AT, "verdicts": RESULT["verdicts"], "effect": [], "differences": []}],
            "audit": [
                {"number": n, "at": AT, "actor": "person:Robin", "action": "campaign.start", "subject": ID,
                 "details": {"reason": "spring"}, "digest": "d"} for n in range(5, 0, -1)
            ],
        },
        objects={
            path: campaign(), f"{path}/feasibility": FEASIBILITY, "releases/8": release(), "fleet": FLEET,
            "budget": BUDGET,
        },
    )  # fmt: skip


def token_file(folder: Path, mode: int = 0o600) -> Path:
    path = folder / "api.token"
    path.write_text(f"{SECRET}\n")
    path.chmod(mode)
    return path
