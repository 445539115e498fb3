"""Lines of the log: a stable vocabulary, equal to the rows of the audit log, under their request's id."""

from __future__ import annotations

import ast
import json
import logging
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support import bundles as bundle_samples
from support import rounds as round_samples
from support.server import Clock, join, listening

import keyart_server
from keyart_server import audit_log
from keyart_server.app import create_app
from keyart_server.monitoring import events, logs
from keyart_server.monitoring.events import EVENTS
from keyart_server.releases import publishing
from keyart_server.releases.release import ACTIONS
from keyart_server.rounds import round_store
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings

ROOT = Path(__file__).parents[2]
SOURCES = sorted(Path(keyart_server.__file__).parent.rglob("*.py"))
# Attributes of every record; a field of the same name would be the record's own.
RESERVED = set(vars(logging.makeLogRecord({})))


@pytest.fixture
def said() -> Iterator[list[dict[str, object]]]:
    """The lines that are logged meanwhile, as JSON."""
    lines: list[dict[str, object]] = []

    class Keeps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(self.format(record)))

    handler, logger = Keeps(), logging.getLogger("keyart")
    handler.setFormatter(logs.JsonFormatter())
    handler.addFilter(logs.RequestIdFilter())
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)


def names_passed(function: str, place: int) -> set[str]:
    """The constants that are passed to a function at a place; parts of f-strings up to the first value."""
    found: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == function and len(node.args) > place:
                found |= {c.value for c in ast.walk(node.args[place]) if isinstance(c, ast.Constant)}
    return found


def test_every_row_and_every_event_is_in_the_vocabulary() -> None:
    rows = names_passed("audit_log.append", 3)
    assert {"campaign.create", "round.advance", "gate.judge"} <= rows and {"campaign.", "release."} <= rows
    made = {f"release.{action}" for action in ACTIONS}
    made |= {f"campaign.{action}" for action in ("start", "pause", "resume", "stop", "finish")}
    made |= {f"keys.{action}" for action in ("rotate", "rotated", "renew", "renewed")}
    audited = {name for name, described in EVENTS.items() if described.audited}
    assert audited == (rows - {"campaign.", "release."}) | made
    assert names_passed("events.emit", 0) == EVENTS.keys() - audited


def test_fields_are_listed_and_none_is_of_the_record() -> None:
    used = {name for described in EVENTS.values() for name in (described.subject, *described.fields) if name}
    assert used <= set(logs.FIELDS) and not set(logs.FIELDS) & RESERVED


def test_the_page_has_the_same_table() -> None:
    page = (ROOT / "docs" / "reference" / "log-events.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z.-]+)` \| (.*) \|$", page, re.MULTILINE))
    expected = {}
    for name, described in EVENTS.items():
        fields = " ".join(f"`{field}`" for field in (described.subject, *described.fields) if field) or "–"
        expected[name] = (logging.getLevelName(described.level).lower(), fields)
    assert {name: tuple(cells.split(" | ")[1:]) for name, cells in rows.items()} == expected


def test_a_row_and_its_line_say_the_same(
    service: Service, client: httpx.Client, admin: dict[str, str], said: list[dict[str, object]]
) -> None:
    made = client.post("/api/v1/campaigns", json={"name": "Secret name", "kind": "training"}, headers=admin)
    answer = client.post(f"/api/v1/campaigns/{made.json()['id']}/start", headers=admin)
    with service.state.reading() as session:
        start, create = audit_log.newest(session, 2)
    lines = {line["event"]: line for line in said if "audit" in line}
    assert lines["campaign.create"]["audit"] == create.number and lines["campaign.create"]["kind"] == "training"
    line = lines["campaign.start"]
    assert (line["audit"], line["actor"], line["campaign"]) == (start.number, start.actor, start.subject)
    assert line["level"] == "info" and line["request"] == answer.headers["x-request-id"]
    assert lines["campaign.create"]["request"] == made.headers["x-request-id"] != line["request"]
    assert "Secret" not in json.dumps(said)
    (used,) = [line for line in said if line["event"] == "token.use"]
    assert used["actor"] == "token:admin"


def test_a_change_that_is_rolled_back_has_no_line(service: Service, said: list[dict[str, object]]) -> None:
    with pytest.raises(ZeroDivisionError), service.state.writing() as session:
        audit_log.append(session, service.clock(), "server", "campaign.start", "c1")
        raise ZeroDivisionError
    assert not said
    with service.state.writing() as session:
        audit_log.append(session, service.clock(), "server", "campaign.start", "c1")
        assert not said, "not durable yet"
    assert [line["event"] for line in said] == ["campaign.start"]


def test_a_persons_words_stay_in_the_audit_log(service: Service, said: list[dict[str, object]]) -> None:
    with service.state.writing() as session:
        for actor in ("person:Robin", "server"):
            audit_log.append(session, service.clock(), actor, "campaign.pause", "c1", reason=f"By {actor}, for Ann.")
    assert [line.get("reason") for line in said] == [None, "By server, for Ann."]


def test_nothing_personal_is_logged(
    client: httpx.Client, code: str, service: Service, clock: Clock, tmp_path: Path, said: list[dict[str, object]]
) -> None:
    """Neither an address, a device's id, a title, nor a secret, through sign-ins, a release and a failed round."""
    join(client, code)
    client.post("/login", data={"name": "t3st@example.org", "password": "guess-guess"})
    client.get("/api/v1/campaigns", headers={"Authorization": "Bearer keyart_guessed"})
    publishing.publish_at_start(service, bundle_samples.sample_bundle(tmp_path / "b7", 7))
    token = service.data.admin_token.read_text().strip()
    new = {"name": "Night Ferry", "kind": "training"}
    created = client.post("/api/v1/campaigns", json=new, headers={"Authorization": f"Bearer {token}"})
    with service.state.writing() as session:
        of = round_samples.terms()
        round_samples.started(session, clock(), created.json()["id"], of)
        round_store.fail_unopened(session, clock(), of.round_id.hex(), "Wrong shares.", ["ab" * 32])
    text = json.dumps(said)
    for secret in (
        "127.0.0.1", code, "example.org", "guess", "Night Ferry", "ab" * 32, token,
        *client.cookies.values(),
    ):  # fmt: skip
        assert secret not in text, secret
    seen = {line["event"] for line in said}
    assert {"person.join", "session.begin", "sign-in.fail", "release.publish", "gate.judge", "round.fail"} <= seen
    assert all(set(line) <= {"at", "level", "event", "traceback", *logs.FIELDS} for line in said)


def test_text_lines_cannot_be_forged() -> None:
    record = logging.makeLogRecord(
        {
            "msg": "x",
            "created": 0.0,
            "levelname": "INFO",
            "reason": "a\n00:00:00 info campaign.start",
            "campaign": "c1",
        }
    )
    line = logs.TextFormatter().format(record)
    assert line == '00:00:00 info x campaign=c1 reason="a\\n00:00:00 info campaign.start"'


def test_an_id_of_a_stranger_is_replaced(client: httpx.Client) -> None:
    sent = uuid.uuid4().hex
    answer = client.get("/healthz", headers={"X-Request-Id": sent})
    assert answer.headers["x-request-id"] != sent and uuid.UUID(answer.headers["x-request-id"])


@pytest.mark.parametrize(
    ("sent", "accepted"),
    [("0123456789abcdef0123456789abcdef", True), ("01234567-89ab-cdef-0123-456789abcdef", True),
     ("x" * 32, False), ("0" * 31, False), ("{" + "0" * 32 + "}", False), ("", False)],
)  # fmt: skip
def test_an_id_of_the_proxy_is_kept_if_it_is_one(tmp_path: Path, sent: str, accepted: bool) -> None:
    settings = ServerSettings(tmp_path / "data", insecure_issuer=True, proxy="127.0.0.1")
    with open_service(settings) as service, listening(create_app(service)) as client:
        answer = client.get("/api/v1/nothing", headers={"X-Request-Id": sent})
    got = answer.headers["x-request-id"]
    assert (got == sent) is accepted and uuid.UUID(got)
    assert answer.json()["instance"] == f"urn:uuid:{uuid.UUID(got)}"


def test_an_event_outside_the_vocabulary_is_logged_by_its_name(said: list[dict[str, object]]) -> None:
    events.emit_audited("test.write", 7, "server", "s", {"title": "t1"})
    (line,) = said
    assert (line["event"], line["audit"]) == ("test.write", 7) and "t1" not in json.dumps(line)
