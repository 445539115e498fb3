"""Webhooks: which events become which messages, and how these reach a receiver."""

from __future__ import annotations

import base64
import ipaddress
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from support import rounds as round_samples
from support.receiver import Receiver, receiving
from support.server import Clock, bearer, join, listening, running

from keyart_server import audit_log, budget
from keyart_server.access import people, tokens
from keyart_server.access.identity_settings import IdentitySettings
from keyart_server.app import create_app
from keyart_server.campaigns import campaign_store
from keyart_server.http.pagination import PageRequest
from keyart_server.rounds import round_store
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings
from keyart_server.state.tables import ChargeRow
from keyart_server.webhooks import EVENTS, deliveries, signature, webhook_store
from keyart_server.webhooks.delivery_worker import DeliveryWorker
from keyart_server.webhooks.webhook_events import EVENT_TEXTS, event_of

LOOPBACK = IdentitySettings(webhook_networks=(ipaddress.ip_network("127.0.0.0/8"),))
BASE = "https://keyart.example"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def service(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Service]:
    settings = ServerSettings(tmp_path / "data", database_url=database_url, insecure_issuer=True, identity=LOOPBACK)
    with open_service(settings, clock) as made:
        tokens.ensure_admin(made.state, made.data, clock())
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def worker(service: Service) -> DeliveryWorker:
    return DeliveryWorker(service, BASE)


def register(service: Service, url: str, *events: str) -> tuple[str, str]:
    """Id and secret of a new webhook; of all events, if none is given."""
    with service.state.writing() as session:
        made, secret = webhook_store.create(
            session, service.clock(), "person:Robin", service.sealer, "Chat", url, events or EVENTS
        )
    return made.id, secret


def note(service: Service, action: str, subject: str = "c" * 16, actor: str = "server", **details: Any) -> None:
    """Something happens, with a row of the audit log as the server writes it."""
    with service.state.writing() as session:
        audit_log.append(session, service.clock(), actor, action, subject, **details)


def log_of(service: Service, webhook_id: str) -> list[tuple[str, str, int]]:
    """Event, status and attempts, newest first."""
    with listening(create_app(service)) as client:
        headers = bearer(service.data.admin_token.read_text().strip())
        page = client.get(f"/api/v1/webhooks/{webhook_id}/deliveries", headers=headers).json()
    return [(item["event"], item["status"], item["attempts"]) for item in page["items"]]


def test_the_signature_of_standard_webhooks() -> None:
    """The vector of its reference libraries."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    made = signature.headers([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert made["webhook-timestamp"] == "1614265330"


OF_CAMPAIGN, OF_ROUND = {"campaign": "c"}, {"campaign": "c", "round": 3}
# Action, actor, subject and details of a row; type and data of its event.
CASES: list[tuple[str, str, str, dict[str, Any], tuple[str, dict[str, Any]] | None]] = [
    ("round.finish", "server", "c", {"round": 3, "devices": 900}, ("round.done", OF_ROUND)),
    ("round.fail", "server", "c", {"round": 3, "reason": "x"}, ("round.failed", OF_ROUND)),
    ("campaign.pause", "server", "c", {"reason": "x"}, ("campaign.paused", OF_CAMPAIGN)),
    ("campaign.pause", "person:Kim", "c", {}, None),
    ("campaign.finish", "server", "c", {}, ("campaign.finished", OF_CAMPAIGN)),
    ("release.hold", "server", "7", {"standing": "held", "share": 0.1}, ("release.held", {"release": 7})),
    ("release.wait", "server", "7", {"standing": "waiting"}, ("release.waiting", {"release": 7})),
    ("release.widen", "server", "7", {"standing": "released"}, ("release.released", {"release": 7})),
    ("release.widen", "server", "7", {"standing": "rolling", "share": 0.1}, None),
    ("release.withdraw", "person:Kim", "7", {"standing": "withdrawn"}, ("release.withdrawn", {"release": 7})),
    ("release.propose", "server", "7", {"campaign": "c", "round": 1}, None),
    ("round.start", "server", "c", {"round": 3}, None),
    ("session.begin", "person:Kim", "p", {"factor": "password"}, None),
]


@on_sqlite
@pytest.mark.parametrize(
    ("action", "actor", "subject", "details", "expected"), CASES, ids=lambda value: str(value)[:20]
)
def test_which_rows_are_events(service: Service, action, actor, subject, details, expected) -> None:
    note(service, action, subject, actor, **details)
    with service.state.reading() as session:
        event = event_of(audit_log.newest(session, 1)[0])
    assert expected == (None if event is None else (event.type, event.data))
    assert event is None or event.link in ("/campaigns/c", "/releases/7")


def test_every_event_is_tested_and_described() -> None:
    assert {case[4][0] for case in CASES if case[4]} | {"budget.low"} == set(EVENTS) == set(EVENT_TEXTS)


def test_from_a_real_round_to_a_signed_message(service: Service, worker: DeliveryWorker, receiver: Receiver) -> None:
    """Also that a message holds nothing but these keys: no count, no reason, no result."""
    webhook_id, secret = register(service, f"{receiver.url}/hook?x=1")
    with service.state.writing() as session:
        campaign = campaign_store.create(session, service.clock(), "server", "Spring", "training")
        campaign_store.move(session, service.clock(), "server", campaign.id, "start")
        round_ = round_samples.started(session, service.clock(), campaign.id, round_samples.terms())
    with service.state.writing() as session:
        round_store.fail(session, service.clock(), round_.id, "412 devices are left of 700.")
        campaign_store.move(session, service.clock(), "server", campaign.id, "pause", "Needs a person.")
    worker.step()
    paused, failed = sorted(receiver.received, key=lambda got: str(got.json()["type"]))  # in any order
    assert failed.path == "/hook?x=1" and failed.headers["content-type"] == "application/json"
    assert failed.json() == {
        "type": "round.failed",
        "timestamp": service.clock().isoformat(),
        "data": {"campaign": campaign.id, "round": round_.number,
                 "link": f"{BASE}/campaigns/{campaign.id}"},
    }  # fmt: skip
    assert paused.json()["type"] == "campaign.paused" and b"Needs a person" not in paused.body
    assert failed.is_signed(secret) and paused.is_signed(secret) and failed.id != paused.id
    assert not failed.is_signed("whsec_" + "A" * 43 + "=")
    assert sorted(log_of(service, webhook_id)) == [
        ("campaign.paused", "delivered", 1),
        ("round.failed", "delivered", 1),
    ]
    worker.step()
    assert len(receiver.received) == 2


def test_a_receiver_gets_what_it_has_chosen_from_its_registration_on(
    service: Service, worker: DeliveryWorker, receiver: Receiver, clock: Clock
) -> None:
    note(service, "campaign.finish")
    clock.pass_by(seconds=1)
    register(service, receiver.url, "campaign.finished")
    note(service, "campaign.finish", "d" * 16)
    note(service, "campaign.pause", reason="x")
    worker.step()
    assert [(got.json()["type"], got.json()["data"]["campaign"]) for got in receiver.received] == [
        ("campaign.finished", "d" * 16)
    ]


def test_the_budget_warns_once(service: Service, worker: DeliveryWorker, receiver: Receiver, clock: Clock) -> None:
    register(service, receiver.url, "budget.low")
    with service.state.writing() as session:
        budget.configure(session, clock(), 10.0, 1e-6)
        campaign = campaign_store.create(session, clock(), "server", "Spring", "training")

    def charge(number: int, spent: float) -> int:
        event = budget.charges.to_json(round_samples.EVENT)
        with service.state.writing() as session:
            session.add(ChargeRow(campaign_id=campaign.id, number=number, event=event, low=0, high=1, spent=spent,
                                  at=clock()))  # fmt: skip
            session.flush()
            audit_log.append(session, clock(), "server", "budget.charge", campaign.id, round=number, spent=spent)
        worker.step()
        return len(receiver.received)

    assert [charge(1, 7.9), charge(2, 8.0), charge(3, 9.0)] == [0, 1, 1]
    assert receiver.received[0].json()["data"] == {"link": f"{BASE}/budget"}
    with service.state.writing() as session:
        budget.configure(session, clock(), 20.0)
    assert [charge(4, 15.9), charge(5, 16.1)] == [1, 2], "a larger budget warns again"


def test_a_failed_message_is_tried_again_for_a_day(
    service: Service, worker: DeliveryWorker, receiver: Receiver, clock: Clock
) -> None:
    webhook_id, _ = register(service, receiver.url)
    receiver.status = 500
    note(service, "campaign.finish")
    worker.step()
    worker.step()
    assert len(receiver.received) == 1, "not before it is due"
    began = clock()
    waits = []
    for _ in range(len(deliveries.RETRIES) - 1):
        before = clock()
        with service.state.reading() as session:
            (item,), _ = deliveries.read_log(session, webhook_id, _all())
        assert item.due is not None and item.outcome == "The receiver answered 500."
        clock.now = item.due
        waits.append(clock() - before)
        worker.step()
    assert waits == sorted(waits) and len({got.id for got in receiver.received}) == 1
    with service.state.reading() as session:
        webhook = webhook_store.find(session, webhook_id)
    assert webhook is not None and webhook.failing_since == began and webhook.disabled is None
    receiver.status = 200
    clock.pass_by(hours=8)
    worker.step()
    assert log_of(service, webhook_id) == [("campaign.finished", "delivered", len(deliveries.RETRIES) + 1)]
    assert timedelta(hours=23) < clock() - began < timedelta(days=1)
    with service.state.reading() as session:
        webhook = webhook_store.find(session, webhook_id)
    assert webhook is not None and webhook.failing_since is None


def test_a_receiver_that_fails_for_a_day_is_disabled(
    service: Service, worker: DeliveryWorker, receiver: Receiver, clock: Clock
) -> None:
    webhook_id, _ = register(service, receiver.url)
    receiver.status = 503
    note(service, "campaign.finish")
    for _ in range(len(deliveries.RETRIES) + 1):
        worker.step()
        clock.pass_by(hours=8)
    note(service, "campaign.finish", "d" * 16)
    worker.step()
    assert len(receiver.received) == len(deliveries.RETRIES) + 1, "it gets nothing any more"
    with service.state.reading() as session:
        webhook = webhook_store.find(session, webhook_id)
        actions = [(entry.action, entry.actor) for entry in audit_log.newest(session, 5)]
    assert webhook is not None and webhook.disabled is not None and "503" in webhook.reason
    assert ("webhook.disable", "server") in actions
    with listening(create_app(service)) as client:
        headers = bearer(service.data.admin_token.read_text().strip())
        overview = client.get("/", headers=headers).text
        assert "Webhook disabled" in overview and f"/webhooks/{webhook_id}" in overview
        refused = client.post(f"/api/v1/webhooks/{webhook_id}/test", headers=headers)
        assert refused.status_code == 409
        assert client.post(f"/api/v1/webhooks/{webhook_id}/enable", headers=headers).json()["disabled"] is None
        assert "Webhook disabled" not in client.get("/", headers=headers).text
        receiver.status = 200
        assert client.post(f"/api/v1/webhooks/{webhook_id}/test", headers=headers).status_code == 202
    worker.step()
    assert receiver.received[-1].json()["type"] == "webhook.test"


def test_a_receiver_that_says_410_is_disabled_at_once(
    service: Service, worker: DeliveryWorker, receiver: Receiver
) -> None:
    webhook_id, _ = register(service, receiver.url)
    receiver.status = 410
    for subject in ("a", "b"):
        note(service, "campaign.finish", subject * 16)
    worker.step()
    with service.state.reading() as session:
        webhook = webhook_store.find(session, webhook_id)
    assert webhook is not None and webhook.disabled and "410" in webhook.reason and len(receiver.received) == 1
    assert [status for _, status, _ in log_of(service, webhook_id)] == ["failed", "failed"]


def test_a_new_secret_overlaps_with_the_old_one(
    service: Service, worker: DeliveryWorker, receiver: Receiver, clock: Clock
) -> None:
    webhook_id, old = register(service, receiver.url)
    with service.state.writing() as session:
        new = webhook_store.rotate(session, clock(), "person:Robin", service.sealer, webhook_id)
    assert new is not None and new != old
    for hours, accepted in ((23, True), (1, False)):
        clock.pass_by(hours=hours)
        note(service, "campaign.finish")
        worker.step()
        got = receiver.received[-1]
        assert got.is_signed(new) and got.is_signed(old) is accepted


def test_no_secret_is_stored_in_the_open(service: Service, receiver: Receiver, tmp_path: Path) -> None:
    _, secret = register(service, receiver.url)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    with service.state.reading() as session:
        stored = [session.connection().exec_driver_sql("SELECT secret FROM webhooks").scalar_one()]
        audit = repr(audit_log.newest(session, 5))
    assert not [value for value in stored if key in bytes(value)] and secret not in audit


def test_one_that_does_not_answer_delays_no_other(
    service: Service, worker: DeliveryWorker, receiver: Receiver
) -> None:
    register(service, "http://127.0.0.1:9/nobody")
    register(service, receiver.url)
    for subject in ("a", "b", "c"):
        note(service, "campaign.finish", subject * 16)
    worker.step()
    assert len(receiver.received) == 3


def test_old_messages_leave_the_log(
    service: Service, worker: DeliveryWorker, receiver: Receiver, clock: Clock
) -> None:
    webhook_id, _ = register(service, receiver.url)
    note(service, "campaign.finish")
    worker.step()
    clock.pass_by(days=29)
    worker.step()
    assert len(log_of(service, webhook_id)) == 1
    clock.pass_by(days=2)
    worker.step()
    assert log_of(service, webhook_id) == []


CHILD = """
import sys
from pathlib import Path
from keyart_server import audit_log
from keyart_server.serve import open_service
from keyart_server.settings import ServerSettings
from keyart_server.webhooks.delivery_worker import DeliveryWorker
sys.path.insert(0, sys.argv[2])
from server.test_webhooks import LOOPBACK
with open_service(ServerSettings(Path(sys.argv[1]), identity=LOOPBACK)) as service:
    worker = DeliveryWorker(service, "https://keyart.example")
    for number in range(int(sys.argv[3]), 10_000):
        with service.state.writing() as session:
            audit_log.append(session, service.clock(), "server", "round.finish", "c" * 16, round=number)
        print(number, flush=True)
        if number % 3 == 0:
            worker.step()
"""


@pytest.mark.slow
def test_a_kill_loses_no_event(tmp_path: Path, receiver: Receiver) -> None:
    """Each is delivered at least once, under one id, whenever the server is killed."""
    settings = ServerSettings(tmp_path / "data", insecure_issuer=True, identity=LOOPBACK)
    with open_service(settings) as service:
        register(service, receiver.url)
    happened = 0
    for kill_after in (4, 7, 9, 12):
        words = [sys.executable, "-c", CHILD, str(settings.data), str(Path(__file__).parents[1]), str(happened)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(kill_after):
                happened = int(child.stdout.readline()) + 1
            child.send_signal(signal.SIGKILL)
            happened = max([happened, *(int(line) + 1 for line in child.stdout)])
    with open_service(settings) as service:
        worker = DeliveryWorker(service, BASE)
        worker.step()
    by_round: dict[int, set[str]] = {}
    for got in receiver.received:
        by_round.setdefault(got.json()["data"]["round"], set()).add(got.id)
    assert set(range(happened)) <= set(by_round)


def test_the_api(service: Service, receiver: Receiver) -> None:
    with listening(create_app(service)) as client:
        headers = bearer(service.data.admin_token.read_text().strip())
        new = {"name": "Chat", "url": receiver.url, "events": ["round.failed", "release.held"]}
        made = client.post("/api/v1/webhooks", json=new, headers=headers)
        assert made.status_code == 201 and re.fullmatch(r"whsec_[\w+/]{43}=", made.json()["secret"])
        path = f"/api/v1/webhooks/{made.json()['webhook']['id']}"
        assert client.get(path, headers=headers).json() == made.json()["webhook"]
        assert "secret" not in client.get(path, headers=headers).text
        for count in range(2):
            client.post("/api/v1/webhooks", json={**new, "name": f"Chat {count}"}, headers=headers)
        first = client.get("/api/v1/webhooks?limit=2", headers=headers).json()
        rest = client.get(f"/api/v1/webhooks?limit=2&cursor={first['next']}", headers=headers).json()
        assert len(first["items"]) == 2 and len(rest["items"]) == 1 and rest["next"] is None
        assert client.post(f"{path}/secret", headers=headers).json()["secret"] != made.json()["secret"]
        assert client.post(f"{path}/disable", headers=headers).json()["disabled"] is not None
        assert client.delete(path, headers=headers).status_code == 204
        assert client.get(path, headers=headers).status_code == 404
        for wrong in ({"events": []}, {"events": ["round.started"]}, {"url": "http://hooks.example"}, {"name": " "}):
            refused = client.post("/api/v1/webhooks", json={**new, **wrong}, headers=headers)
            assert refused.status_code == 422 and refused.json()["detail"], wrong


@on_sqlite
def test_the_pages(service: Service, worker: DeliveryWorker, receiver: Receiver, quick_passwords) -> None:
    with listening(create_app(service)) as client:
        with service.state.writing() as session:
            code = people.invite(session, service.clock(), "server", "administrator")
        join(client, code)
        token = re.findall(r'name="csrf" value="([^"]+)"', client.get("/webhooks").text)[0]

        def post(path: str, **fields: Any) -> httpx.Response:
            return client.post(path, data={"csrf": token, **fields}, follow_redirects=True)

        wrong = post("/webhooks", name="Chat", url="http://hooks.example", events="round.failed")
        assert wrong.status_code == 422 and "must begin with https://" in wrong.text
        assert 'value="http://hooks.example"' in wrong.text and re.search(r'"round.failed" checked', wrong.text)
        made = post("/webhooks", name="<b>Chat", url=receiver.url, events=["round.failed", "release.held"])
        assert made.status_code == 201 and "whsec_" in made.text and "<b>Chat" not in made.text
        (webhook,) = client.get("/api/v1/webhooks").json()["items"]
        path = f"/webhooks/{webhook['id']}"
        assert "whsec_" not in client.get(path).text
        assert "A test message is being sent" in post(f"{path}/test").text
        worker.step()
        assert "The receiver answered 204." in client.get(path).text
        assert "whsec_" in post(f"{path}/secret").text
        assert "enabled" not in re.findall(r"<dd>(.*?)</dd>", post(f"{path}/disable").text)[0]
        assert "The webhook is enabled." in post(f"{path}/enable").text
        assert "The webhook is deleted." in post(f"{path}/remove").text
        assert client.get(path).status_code == 404


@pytest.mark.slow
def test_the_process_sends(tmp_path: Path, receiver: Receiver) -> None:
    """The real command; the proxy of the environment is none of its business."""
    with running(tmp_path / "data", "--webhook-network", "127.0.0.0/8") as server:
        new = {"name": "Chat", "url": receiver.url, "events": ["round.failed"]}
        made = server.client.post("/api/v1/webhooks", json=new, headers=server.bearer).json()
        path = f"/api/v1/webhooks/{made['webhook']['id']}"
        assert server.client.post(f"{path}/test", headers=server.bearer).status_code == 202
        deadline = time.monotonic() + 30
        while not receiver.received and time.monotonic() < deadline:
            time.sleep(0.1)
        assert receiver.received[0].is_signed(made["secret"])
        assert server.stop() == 0


def _all() -> Any:
    return PageRequest(100, None)
