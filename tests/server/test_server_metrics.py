"""What /metrics exports: by role of the process, in Prometheus's format, and all that dashboard and alerts read."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from sqlalchemy import text as sql
from support import bundles as bundle_samples
from support import rounds as round_samples
from support.prometheus import DASHBOARD, exported, metrics_in, promtool, rules
from support.server import Clock, Running, bearer, listening, running

from keyart.secagg import Stage
from keyart_server import audit_log, budget
from keyart_server.campaigns import campaign_store
from keyart_server.issuer.issuer_process import IssuerSettings, create_issuer, open_issuer
from keyart_server.monitoring.audit_follower import AuditFollower
from keyart_server.monitoring.metrics import Metrics
from keyart_server.releases import publishing
from keyart_server.rounds import round_store, stage_windows
from keyart_server.service import Service
from keyart_server.state import ServerState

FLEET = ("keyart_campaigns", "keyart_rounds", "keyart_epsilon", "keyart_gateways", "keyart_bundle", "keyart_engine")


def play(service: Service | ServerState, at: datetime, failed: bool = False) -> str:
    """A round that takes a minute, in one transaction; id of its campaign."""
    state = service if isinstance(service, ServerState) else service.state
    of = round_samples.terms()
    with state.writing() as session:
        campaign = campaign_store.create(session, at, "server", "Secret name", "training")
        round_id = round_samples.started(session, at, campaign.id, of, wanted=10).id
        if failed:
            round_store.fail(session, at + timedelta(seconds=60), round_id, "Too few devices.")
            return campaign.id
        for n, (stage, devices) in enumerate(((Stage.KEYS, 8), (Stage.SHARE, 7), (Stage.MASKED, 6)), 1):
            round_store.advance(session, at + timedelta(seconds=15 * n), round_id, stage, devices)
        total = np.zeros(8, np.int64)
        round_store.store_sum(session, at + timedelta(seconds=60), round_id, total, 6)
        round_store.finish(session, at + timedelta(seconds=60), round_id, {})
    return campaign.id


def value(text: str, series: str) -> float:
    (found,) = re.findall(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found)


def wait_for(happened: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "It did not happen."
        time.sleep(0.05)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With an engine and a bundle."""
    folder = tmp_path_factory.mktemp("metrics")
    bundle = bundle_samples.sample_bundle(folder / "b7", 7)
    with running(folder / "data", "--bundle", bundle, log=folder / "log") as made:
        yield made


@pytest.mark.service
def test_prometheus_accepts_what_is_exported(server: Running, door: httpx.Client) -> None:
    for text in (server.client.get("/metrics").text, door.get("/metrics").text):
        assert promtool("check", "metrics", text=text) == ""


def test_every_metric_has_a_sentence(server: Running) -> None:
    text = server.client.get("/metrics").text
    helps = dict(re.findall(r"^# HELP (keyart_\S+) (.*)$", text, re.MULTILINE))
    assert set(helps) == {name for name in exported(text) if name.startswith("keyart_")} and len(helps) > 30
    assert not [name for name, sentence in helps.items() if not re.fullmatch(r"[A-Z0-9].*\.", sentence)]


def test_dashboard_and_alerts_read_what_is_exported(server: Running, door: httpx.Client) -> None:
    known = exported(server.client.get("/metrics").text) | exported(door.get("/metrics").text) | {"up"}
    expressions = [rule["expr"] for rule in rules()] + [target["expr"] for target in targets()]
    used = set().union(*map(metrics_in, expressions))
    assert len(used) > 30 and used <= known, used - known
    assert not metrics_in("rate(keyart_no_such_total[5m])") <= known


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return found


def targets() -> list[dict[str, str]]:
    return [target for panel in panels() for target in panel.get("targets", ())]


@pytest.mark.service
def test_every_expression_of_the_dashboard_can_be_parsed(tmp_path: Path) -> None:
    recorded = [{"record": f"panel:{n}", "expr": target["expr"]} for n, target in enumerate(targets())]
    content = {"groups": [{"name": "dashboard", "rules": recorded}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(content), "utf-8")
    assert f"SUCCESS: {len(recorded)} rules found" in promtool("check", "rules", tmp_path / "rules.yaml")


def test_the_dashboard_is_one_of_grafana() -> None:
    """Its keys are those of Grafana's dashboard model; panels have a place of their own, and say what they show."""
    document = json.loads(DASHBOARD.read_text("utf-8"))
    assert document["schemaVersion"] >= 36 and document["title"] == document["uid"] == "keyart"
    assert [variable["name"] for variable in document["templating"]["list"]] == ["datasource", "job"]
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken and max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
        assert panel["type"] in ("row", "stat", "timeseries") and panel["title"]
        if panel["type"] != "row":
            assert panel["description"].endswith(".") and panel["fieldConfig"]["defaults"]["unit"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_a_gateway_exports_what_it_knows(door: httpx.Client) -> None:
    text = door.get("/metrics").text
    assert not [name for name in exported(text) if name.startswith(FLEET)]
    assert "keyart_database_up 1.0" in text and "process_cpu_seconds_total" in text
    assert "# TYPE keyart_submissions_total counter" in text


def test_a_dead_gateway_does_not_count(service: Service, client: httpx.Client, clock: Clock) -> None:
    with service.state.writing() as session:
        for name, minutes in (("west", 1), ("east", 30), ("gone", 3 * 24 * 60)):
            stage_windows.record_heartbeat(session, clock() - timedelta(minutes=minutes), name)
    until = time.monotonic() + 10  # the server's own heartbeat comes from a task in the background
    while value(text := client.get("/metrics").text, "keyart_gateways") != 2 and time.monotonic() < until:
        time.sleep(0.05)
    assert value(text, "keyart_gateways") == 2  # west, and the server's own
    assert value(text, "keyart_gateways_silent") == 1


def test_rounds_are_counted_from_the_audit_log(service: Service, clock: Clock) -> None:
    with service.state.writing() as session:
        budget.configure(session, clock(), 500.0, 1e-6)
    metrics = Metrics("1")
    follower = AuditFollower(metrics)
    for failed in (None, False, True):
        if failed is not None:
            play(service, clock(), failed)
        with service.state.reading() as session:
            follower.step(session)
    text = metrics.text().decode()
    for outcome in ("done", "failed"):
        assert value(text, f'keyart_round_seconds_sum{{kind="training",outcome="{outcome}"}}') == 60
    assert value(text, 'keyart_round_seconds_count{kind="guard",outcome="done"}') == 0
    for stage, asked, answered in (("keys", 10, 8), ("share", 8, 7), ("masked", 7, 6), ("unmask", 6, 6)):
        assert value(text, f'keyart_stage_devices_asked_total{{stage="{stage}"}}') == asked
        assert value(text, f'keyart_stage_devices_answered_total{{stage="{stage}"}}') == answered
        assert value(text, f'keyart_stage_seconds_sum{{stage="{stage}"}}') == 15


def test_gates_are_counted(service: Service, clock: Clock, tmp_path: Path) -> None:
    metrics = Metrics("1")
    follower = AuditFollower(metrics)
    with service.state.reading() as session:
        follower.step(session)
    files = bundle_samples.sample_bundle(tmp_path / "b7", 7)
    publishing.publish_at_start(service, files)
    with service.state.reading() as session:
        follower.step(session)
        judged = [entry for entry in audit_log.newest(session, 100) if entry.action == "gate.judge"]
    assert value(metrics.text().decode(), 'keyart_gate_verdicts_total{verdict="passed"}') == len(judged) > 0


def test_a_round_of_another_process_reaches_log_and_metrics(server: Running) -> None:
    """As of Flower's processes, which are not scraped, and whose log nobody reads."""
    with closing(ServerState.open(server.data / "keyart.db", upgrade=False)) as state:
        campaign_id = play(state, datetime.now(UTC))
    log, series = server.data.parent / "log", 'keyart_round_seconds_count{kind="training",outcome="done"}'
    wait_for(lambda: value(server.client.get("/metrics").text, series) == 1)
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    found = [line for line in lines if line.get("campaign") == campaign_id]
    assert [line["event"] for line in found] == [
        "campaign.create", "round.start", "round.advance", "budget.charge", "round.advance", "round.advance",
        "round.advance", "round.finish",
    ]  # fmt: skip
    share = next(line for line in found if line.get("stage") == "share")
    assert (share["asked"], share["answered"], share["minimum"], share["seconds"]) == (8, 7, 3, 15.0)
    assert "Secret" not in log.read_text("utf-8")


def test_what_the_database_does_is_measured(service: Service, client: httpx.Client, admin: dict[str, str]) -> None:
    created = client.post("/api/v1/campaigns", json={"name": "a", "kind": "training"}, headers=admin)
    assert created.status_code == 201
    text = client.get("/metrics").text
    assert value(text, 'keyart_database_transaction_seconds_count{mode="write"}') >= 1
    assert value(text, 'keyart_database_transaction_seconds_count{mode="read"}') >= 1
    assert value(text, 'keyart_database_connections{state="in_use"}') == 0
    assert value(text, "keyart_database_connections_max") >= 20
    with pytest.raises(Exception, match="append-only"), service.state.writing() as session:
        session.execute(sql("DELETE FROM audit"))
    assert "keyart_database_errors_total{error=" in client.get("/metrics").text


def test_failed_sign_ins_are_counted(client: httpx.Client) -> None:
    assert client.get("/api/v1/campaigns", headers=bearer("keyart_wrong")).status_code == 401
    refused = client.post("/login", data={"name": "Robin", "password": "a wrong password"})
    assert refused.status_code == 401
    for method in ("token", "password"):  # a password after its response
        series = f'keyart_sign_in_failures_total{{method="{method}"}}'
        wait_for(lambda series=series: value(client.get("/metrics").text, series) == 1)
    assert "Robin" not in client.get("/metrics").text


def test_an_issuer_counts_and_names_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.INFO, "keyart.events"),
        open_issuer(tmp_path / "issuer") as issuer,
        listening(create_issuer(issuer, IssuerSettings(tmp_path / "issuer"), Metrics("1"))) as client,
    ):
        made = client.post("/issuer/vouchers", json={"count": 3}, headers=bearer(issuer.token))
        assert made.status_code == 200
        assert client.post("/issuer/revoke", content=b"d" * 32, headers=bearer(issuer.token)).status_code == 204
        text = client.get("/metrics").text
    assert value(text, "keyart_vouchers_total") == 3 and value(text, "keyart_revocations_total") == 1
    assert value(text, 'keyart_certificates_total{outcome="refused"}') == 0
    assert not [name for name in exported(text) if name.startswith((*FLEET, "keyart_database"))]
    lines = [record for record in caplog.records if record.name == "keyart.events"]
    assert [line.getMessage() for line in lines] == ["revocation.publish"] * 2 + ["certificate.count"]
    assert (lines[1].count, lines[2].revoked) == (1, 1)  # type: ignore[attr-defined]


def test_a_row_of_an_earlier_version_stops_nothing(service: Service, clock: Clock) -> None:
    metrics = Metrics("1")
    follower = AuditFollower(metrics)
    with service.state.reading() as session:
        follower.step(session)
    with service.state.writing() as session:
        audit_log.append(session, clock(), "server", "round.finish", "c1", round=1, devices=3)
    with service.state.reading() as session:
        follower.step(session)
    assert value(metrics.text().decode(), 'keyart_round_seconds_count{kind="training",outcome="done"}') == 0
