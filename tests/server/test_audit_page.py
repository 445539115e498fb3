"""The audit page: entries in words, filters, pages and the export."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from support import html_pages as page_samples
from support.server import join

import keyart_server
from keyart_server import audit_log, budget
from keyart_server.access import people, tokens
from keyart_server.audit_log import AuditEntry
from keyart_server.campaigns import campaign_store, drafts
from keyart_server.dashboard.audit_words import ACTIONS, Names, readable
from keyart_server.service import Service

pytestmark = pytest.mark.usefixtures("quick_passwords")
AT = datetime(2026, 5, 1, 12, 30, 45, tzinfo=UTC)
NAMES = Names({"c" * 16: "Spring"}, {"p" * 16: "Kim"}, {"t" * 16: "nightly"})


def entry(action: str, subject: str = "", **details: object) -> AuditEntry:
    return AuditEntry(7, AT, "person:Robin", action, subject, json.dumps(details), "0" * 64)


@pytest.mark.parametrize(
    ("told", "action", "subject", "link", "details", "reason"),
    [
        (entry("campaign.start", "c" * 16), "Campaign started", "Spring", f"/campaigns/{'c' * 16}", {}, ""),
        (entry("campaign.delete", "d" * 16, name="Old", kind="training"), "Draft deleted", "Old", "",
         {"kind": "training"}, ""),
        (entry("campaign.change", "c" * 16, changes={"rounds": [10, 12], "settings.clip": [None, 0.5]}),
         "Draft changed", "Spring", f"/campaigns/{'c' * 16}", {"rounds": "10 → 12", "clip": "default → 0.5"}, ""),
        (entry("release.hold", "8", standing="held", share=0.1, reason="By person:Robin. It falls."),
         "Release held", "Model 8", "/releases/8", {"status": "held", "share of devices": "10 %"},
         "By Robin. It falls."),
        (entry("release.propose", "8", campaign="c" * 16, round=3, base=7, digest="ab" * 32), "Release proposed",
         "Model 8", "/releases/8",
         {"campaign": "Spring", "round": "3", "based on": "model 7", "digest": "abababababab…"}, ""),
        (entry("release.propose", "7", campaign=None, round=0, base=None, digest="ab" * 32), "Release proposed",
         "Model 7", "/releases/7", {"digest": "abababababab…"}, ""),
        (entry("budget.charge", "c" * 16, round=3, spent=0.5), "Round charged", "Spring", f"/campaigns/{'c' * 16}",
         {"round": "3", "ε of the fleet afterwards": "0.500"}, ""),
        (entry("budget.change", "fleet", epsilon=8.0, delta=1e-6), "Budget changed", "", "",
         {"ε": "8", "δ": "1e−06"}, ""),
        (entry("token.issue", "t" * 16, name="nightly", scopes="operate read"), "Token issued", "nightly", "",
         {"scopes": "operate read"}, ""),
        (entry("person.join", "p" * 16, role="viewer"), "Account created", "Kim", "", {"role": "viewer"}, ""),
        (entry("device.enrol", "devices", count=30, hour="2026-05-01T12:00:00+00:00"), "Devices enrolled", "", "",
         {"number": "30", "in the hour from": "1 May 2026, 12:00 UTC"}, ""),
        (entry("webhook.fly", "https://example.org", tries=3), "Webhook: fly", "https://example.org", "",
         {"tries": "3"}, ""),
    ],
)  # fmt: skip
def test_an_entry_in_words(
    told: AuditEntry, action: str, subject: str, link: str, details: dict[str, str], reason: str
) -> None:
    shown = readable(told, NAMES)
    assert (shown.action, shown.subject, shown.link, shown.reason) == (action, subject, link, reason)
    assert dict(shown.details) == details


def test_every_action_has_its_words() -> None:
    sources = "".join(path.read_text() for path in Path(keyart_server.__file__).parent.rglob("*.py"))
    written = set(
        re.findall(r'session, [^"\n]{0,60}"((?:campaign|catalog|person|session|token|budget)\.[a-z]+)"', sources)
    )
    assert len(written) >= 8 and written <= set(ACTIONS)


@pytest.fixture
def log(client: httpx.Client, service: Service, code: str) -> httpx.Client:
    """An administrator's client; two campaigns, a token, and a person whose name a spreadsheet would compute."""
    with service.state.writing() as session:
        at = service.clock()
        for name in ("Spring", "Summer <b>"):
            made = campaign_store.create(session, at, "person:Robin", name, "training", rounds=20)
            campaign_store.move(session, at, "person:Robin", made.id, "start")
        draft = campaign_store.create(session, at, "token:nightly", "Gone", "training")
        session.flush()
        drafts.delete(session, at, "token:nightly", draft.id)
        audit_log.append(session, at, "person:=1+1", "session.refuse", "=2+2", failures=3, minutes=5)
        budget.configure(session, at, 9.0, 1e-6)
        tokens.issue(session, at, "person:Robin", "app", ["read"], timedelta(days=1))
    join(client, code)
    return client


def rows_of(text: str) -> list[str]:
    return [re.sub(r"<[^>]*>", " ", row) for row in re.findall(r"<tr><td.*?</tr>", text, re.DOTALL)]


def test_filters(log: httpx.Client) -> None:
    whole = log.get("/audit").text
    assert page_samples.mistakes(whole) == [] and "Summer &lt;b&gt;" in whole and '<code class="details"' not in whole
    assert re.search(r"\d\d:\d\d:\d\d UTC", whole), "seconds"
    for query, count, said in (
        ("action=campaign", 6, "Draft deleted"),
        ("action=campaign.start", 2, "Campaign started"),
        ("subject=spring", 2, "Spring"),
        ("actor=nightly", 2, "Gone"),
        ("actor=nightly&action=campaign.delete", 1, "Draft deleted"),
        ("actor=%25", 0, "No change matches"),
        ("subject=%3Cscript%3E", 0, "No change matches"),
    ):
        text = log.get(f"/audit?{query}").text
        assert page_samples.mistakes(text) == [] and "<script>" not in text.partition("<main")[2], query
        assert len(rows_of(text)) == count and said in text, query
    assert log.get(f"/audit?actor={'x' * 200}").status_code == 422


def test_pages_keep_the_filter(log: httpx.Client, service: Service) -> None:
    with service.state.writing() as session:
        for number in range(60):
            audit_log.append(session, service.clock(), "server", "release.widen", str(number), share=0.1)
    first = log.get("/audit?action=release&actor=server").text
    (older,) = re.findall(r'href="(/audit\?[^"]*before=\d+)"', first)
    second = log.get(older.replace("&amp;", "&")).text
    assert len(rows_of(first)) == 50 and len(rows_of(second)) == 10 and "actor=server&amp;action=release" in older


def test_the_export(log: httpx.Client, service: Service) -> None:
    answer = log.get("/audit.csv?action=campaign")
    assert (
        answer.headers["content-type"].startswith("text/csv")
        and "attachment" in answer.headers["content-disposition"]
    )
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 6 and {row["subject name"] for row in rows} == {"Spring", "Summer <b>", "Gone"}
    assert datetime.fromisoformat(rows[0]["time"]).tzinfo is not None
    everything = list(csv.DictReader(io.StringIO(log.get("/audit.csv").text)))
    with service.state.reading() as session:
        entries = {str(one.number): one for one in audit_log.newest(session, 1000)}
    assert len(everything) == len(entries)
    for row in everything:  # whoever checks the digests needs the details as they were written
        assert (row["details"], row["digest"]) == (entries[row["number"]].details, entries[row["number"]].digest)
    refused = next(row for row in everything if row["action"] == "session.refuse")
    assert refused["subject"] == "'=2+2", "no cell is a formula"
    with service.state.writing() as session:
        viewer = people.invite(session, service.clock(), "server", "operator")
    log.cookies.clear()
    join(log, viewer, "Kim")
    assert log.get("/audit.csv").status_code == 403
