"""Every page at every state: well made, for whom it is, quick, and with nothing from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event, insert
from support import bundles as bundle_samples
from support import dashboard as dashboard_samples
from support import html_pages as page_samples
from support.dashboard import HOSTILE
from support.server import Clock, join

from keyart_server.access import people
from keyart_server.campaigns import Campaign
from keyart_server.rounds import round_store
from keyart_server.service import Service
from keyart_server.state.tables import RoundRow

PAGES = ("/", "/campaigns", "/campaigns/compare", "/experiments", "/releases", "/budget", "/fleet")
FOR_ADMINISTRATORS = ("/audit", "/audit?check=1", "/people", "/webhooks")
FORMS = tuple(f"/campaigns/new{kind}" for kind in ("", *(f"?kind={kind}" for kind in dashboard_samples.SETTINGS)))
MOST_QUERIES = 15  # of the overview, which looks for every kind of alert
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def comes_in(client: httpx.Client, service: Service, role: str = "administrator", name: str = "Robin") -> None:
    with service.state.writing() as session:
        code = people.invite(session, service.clock(), "server", role)  # type: ignore[arg-type]
    client.cookies.clear()
    assert join(client, code, name).status_code == 303


def filled(service: Service, campaigns: int = 12, rounds: int = 60) -> list[Campaign]:
    with service.state.writing() as session:
        every = dashboard_samples.fill(session, service.clock(), campaigns, rounds)
        dashboard_samples.log(session, service.clock(), 120)
    return every


def with_details(every: list[Campaign]) -> list[str]:
    versions = [f"/releases/{version}" for version in range(7, 20)]
    return [*PAGES, *versions, *(f"/campaigns/{campaign.id}" for campaign in every)]


@contextmanager
def statements(service: Service) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    asked: list[str] = []

    def note(_connection, _cursor, statement, *_) -> None:
        if statement != "BEGIN":
            asked.append(statement)

    event.listen(service.state.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(service.state.engine, "before_cursor_execute", note)


def test_before_anything_happened(client: httpx.Client, service: Service) -> None:
    comes_in(client, service, name="<b>Robin</b>")
    for path in (*PAGES, *FOR_ADMINISTRATORS, *FORMS, "/account"):
        answer = client.get(path)
        assert answer.status_code == 200 and page_samples.mistakes(answer.text) == [], path
        assert "&lt;b&gt;Robin" in answer.text and "<b>Robin" not in answer.text
    text = client.get("/").text
    assert "No campaign is running." in text and "</span> None.</p>" in text
    assert "No model yet." in client.get("/releases").text


def test_after_a_year(client: httpx.Client, service: Service) -> None:
    every = filled(service)
    comes_in(client, service)
    hostile = next(campaign for campaign in every if campaign.name == HOSTILE)
    for path in (*with_details(every), *FOR_ADMINISTRATORS):
        answer = client.get(path)
        assert answer.status_code == 200 and page_samples.mistakes(answer.text) == [], path
        assert HOSTILE not in answer.text and "<script>alert" not in answer.text
    assert "{{ 7 * 7 }} &amp;amp;" in client.get(f"/campaigns/{hostile.id}").text
    assert "&lt;script&gt;alert(1)" in client.get("/audit").text


def test_what_is_not_there_has_a_page(client: httpx.Client, service: Service) -> None:
    comes_in(client, service)
    wrong = ("0" * 16, "x", "%00", "..%2f", "0" * 17)
    for path in [f"/campaigns/{name}" for name in wrong] + [
        f"/releases/{name}" for name in ("99", "-1", "x", "9" * 17)
    ]:
        answer = client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 404 and page_samples.mistakes(answer.text) == [], path


@on_sqlite
def test_what_is_asked_of_whom(client: httpx.Client, service: Service) -> None:
    """A viewer sees no form and is refused by what a form would be sent to; nobody else's page is cached."""
    every = filled(service)
    sent = ["/campaigns", f"/campaigns/{every[0].id}/stop", "/releases/17/hold", "/people/invitations"]
    for path in (*PAGES, *FORMS, *FOR_ADMINISTRATORS, *sent):
        client.cookies.clear()
        method = "POST" if path in sent[1:] else "GET"
        answer = client.request(method, path, headers={"Accept": "text/html"})
        assert answer.status_code == (200 if path == "/" else 401) and "<h1>Sign in</h1>" in answer.text
    for role, opens in (("viewer", 0), ("operator", 1), ("administrator", 2)):
        comes_in(client, service, role, role)
        text = client.get("/").text
        (token,) = set(re.findall(r'name="csrf" value="([^"]+)"', text))
        for path in with_details(every):
            answer = client.get(path)
            assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
            if role == "viewer":
                assert page_samples.read(answer.text).forms() == ["/logout"], path
                assert "/campaigns/new" not in answer.text
        for path in FORMS:
            assert client.get(path).status_code == (200 if opens else 403)
        for path in FOR_ADMINISTRATORS:
            assert client.get(path).status_code == (200 if opens == 2 else 403)
            assert (f'href="{path}"' in text) == (opens == 2 and "?" not in path)
        if role == "viewer":
            answers = [client.post(path, data={"csrf": token}).status_code for path in sent]
            assert answers == [403] * len(sent)


@on_sqlite
def test_a_page_is_a_dozen_questions_and_reads_no_files(client: httpx.Client, service: Service) -> None:
    """With 1,000 rounds and 50 campaigns."""
    every = filled(service, 50, 1000)
    assert len(every) == 50
    comes_in(client, service)
    kinds = {(campaign.kind, campaign.state): campaign for campaign in every}
    for path in [*with_details(list(kinds.values())), "/audit", "/people"]:
        with statements(service) as asked:
            assert client.get(path).status_code == 200
        assert 1 < len(asked) <= MOST_QUERIES, (path, len(asked))
        blobs = r"(rounds\.(offer|parameters|waiting|total)|releases\.files|memories\.data|answers\.body)\b"
        assert not [one for one in asked if re.search(blobs, one)], path


@on_sqlite
def test_campaigns_are_compared(client: httpx.Client, service: Service) -> None:
    every = [campaign for campaign in filled(service, 16, 160) if campaign.state != "draft"]
    comes_in(client, service)
    same = [one for one in every if one.kind == "statistics" and one.name != HOSTILE][:2]
    listed = page_samples.read(client.get("/campaigns").text)
    ticks = {one.attributes["value"] for one in listed.all("input") if one.attributes.get("name") == "id"}
    assert {campaign.id for campaign in same} <= ticks
    for by in ("round", "epsilon"):
        with statements(service) as asked:
            answer = client.get("/campaigns/compare", params={"id": [campaign.id for campaign in same], "by": by})
        assert answer.status_code == 200 and page_samples.mistakes(answer.text) == [] and len(asked) <= MOST_QUERIES
        assert all(answer.text.count(campaign.name) > 3 for campaign in same) and "<figure" in answer.text
    many = client.get("/campaigns/compare", params={"id": [campaign.id for campaign in every][:7]}).text
    assert "At most 5 campaigns" in many and page_samples.mistakes(many) == []
    for ids in ([], [same[0].id], ["0" * 16, "<b>"]):
        answer = client.get("/campaigns/compare", params={"id": ids})
        assert answer.status_code == 200 and "Choose 2 to 5" in answer.text and "<figure" not in answer.text
    assert "does not exist" in answer.text and "<b>" not in answer.text


@on_sqlite
def test_a_release_shows_its_own_gates(client: httpx.Client, service: Service) -> None:
    """An upload has no campaign, so that its checks are rounds of a campaign of the server's own."""
    (campaign, *_) = filled(service, 4, 8)
    result = json.dumps({"segments": {"all": [0.31, 0.002, 900.0]}})
    topics = [f"/guard {version} 0.1 0 {group}" for version in (15, 150) for group in ("new", "old")]
    at = service.clock()
    with service.state.writing() as session:
        rows = [
            dashboard_samples.round_row(campaign.id, 900 + place, at, topic=topic, result=result)
            for place, topic in enumerate([*topics, "/compare 15", "/compare 1"])
        ]
        session.execute(insert(RoundRow), rows)
        found = round_store.list_evaluating(session, 15)
    assert [round_.topic for round_ in found] == ["/guard 15 0.1 0 new", "/guard 15 0.1 0 old", "/compare 15"]
    comes_in(client, service)
    text = client.get("/releases/15").text
    assert page_samples.mistakes(text) == [] and "Gates over the roll-out" in text and "10 % early" in text
    assert "<figure" not in client.get("/releases/16").text


@on_sqlite
def test_an_experiment_is_checked_before_it_is_created(client: httpx.Client, service: Service) -> None:
    comes_in(client, service)
    form = client.get("/campaigns/new?kind=experiment").text
    (token,) = set(re.findall(r'name="csrf" value="([^"]+)"', form))
    sent = {"csrf": token, "kind": "experiment", "name": "Faces", "settings.name": "faces"}
    sent |= {"settings.devices": "40000", "settings.start": "2027-01-31 08:00"}
    answer = client.post("/campaigns/check", data=sent)
    assert answer.status_code == 200 and page_samples.mistakes(answer.text) == []
    assert (
        "21 Feb 2027" in answer.text and "Minimum detectable effect" in answer.text and 'value="40000"' in answer.text
    )
    wrong = client.post("/campaigns/check", data={**sent, "settings.devices": "20"})
    assert wrong.status_code == 422 and "are too few" in wrong.text and "Minimum detectable" not in wrong.text
    assert "No campaign yet." in client.get("/campaigns").text
    created = client.post("/campaigns", data=sent)
    assert created.status_code == 303
    assert "31 Jan 2027, 08:00 UTC" in client.get(created.headers["location"]).text


@on_sqlite
def test_nothing_comes_from_elsewhere(client: httpx.Client, service: Service) -> None:
    comes_in(client, service)
    text = client.get("/").text
    for pattern, media in (
        (r'<link rel="stylesheet" href="([^"]+)"', "text/css"),
        (r'<script src="([^"]+)"', "text/javascript"),
        (r'<link rel="icon" href="([^"]+)"', "image/svg"),
    ):
        (address,) = re.findall(pattern, text)
        answer = client.get(address)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(media)
        assert "immutable" in answer.headers["cache-control"]
        assert not re.search(r"url\(|@import|https?:", answer.text.replace("http://www.w3.org/2000/svg", ""))


def test_every_word_of_the_stylesheet_is_used() -> None:
    folder = Path(__file__).parents[2] / "server" / "keyart_server" / "dashboard"
    style = (folder / "assets" / "keyart.css").read_text()
    sources = "".join(path.read_text() for path in (folder / "templates").iterdir())
    sources += (
        (folder / "status_icons.py").read_text()
        + (folder / "round_progress.py").read_text()
        + (folder / "assets" / "live.js").read_text()
    )
    known = set(re.findall(r"\.([a-z][a-z-]*)", re.sub(r"\{[^}]*\}", "{}", style)))
    assert [word for word in sorted(known) if not re.search(rf"\b{word}\b", sources)] == []


def test_before_somebody_signs_in(client: httpx.Client, service: Service, admin) -> None:
    path = client.post("/api/v1/invitations", json={"role": "viewer"}, headers=admin).json()["path"]
    for text in (client.get("/").text, client.get(path).text, client.get("/x", headers={"Accept": "text/html"}).text):
        assert page_samples.mistakes(text) == [] and "<script" not in text


@on_sqlite
def test_a_damaged_repository_is_told(client: httpx.Client, service: Service, tmp_path: Path) -> None:
    service.bundles.publish(bundle_samples.sample_bundle(tmp_path / "b7", 7))
    comes_in(client, service)
    assert "Bundles damaged" not in client.get("/").text
    (service.data.tuf / "metadata" / "timestamp.json").write_bytes(b"{")
    text = client.get("/").text
    assert "Bundles damaged" in text and "timestamp.json cannot be read" in text
    assert client.get("/readyz").json()["checks"]["bundles"] == "timestamp.json cannot be read"
    metrics = client.get("/metrics").text
    assert "keyart_bundles_damaged 1.0" in metrics and "\nkeyart_bundle_version " not in metrics


@on_sqlite
def test_the_live_part(client: httpx.Client, service: Service, clock: Clock) -> None:
    """Comes alone, says that nothing has changed, and is a part of the whole page."""
    every = filled(service)
    comes_in(client, service)
    part = {"X-Keyart-Part": "live"}
    for path in with_details(every):
        answer = client.get(path, headers=part)
        assert answer.status_code == 200 and page_samples.mistakes(answer.text, whole=False) == [], path
        assert answer.text.strip() in client.get(path).text and "<html" not in answer.text
        assert all(one.attributes.get("id") for one in page_samples.read(answer.text).elements if not one.inside)
        same = client.get(path, headers={**part, "If-None-Match": answer.headers["etag"]})
        assert same.status_code == 304 and same.content == b"" and same.headers["etag"] == answer.headers["etag"]
    before = client.get("/", headers=part)
    clock.pass_by(minutes=10)
    after = client.get("/", headers={**part, "If-None-Match": before.headers["etag"]})
    assert after.status_code == 200 and "No gateway has reported in the last 5 minutes" in after.text
    client.cookies.clear()
    assert "etag" not in client.get("/", headers=part).headers  # by which the script knows that it is signed out
