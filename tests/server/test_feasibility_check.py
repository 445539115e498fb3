"""The server says early that a campaign cannot finish: on the form, at the start, on pages and over the API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert
from support.catalogs import sample_bundle, sample_catalog
from support.dashboard import round_row
from support.html_pages import mistakes, notice_of, send
from support.server import Clock, bearer, join, listening

from keyart.bundle import read_files
from keyart_federated.campaigns import PRESETS, checked
from keyart_server.access import people, tokens
from keyart_server.app import create_app
from keyart_server.campaigns import campaign_store
from keyart_server.campaigns.fleet_state import EndedRound, answer_share, fleet_state, is_lower_bound
from keyart_server.releases import bundle_archive, publishing
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings
from keyart_server.state.tables import EnrolledDeviceRow, RoundRow

pytestmark = pytest.mark.usefixtures("quick_passwords")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    """A server with a catalogue, a model and 30 devices."""
    catalog = sample_catalog()
    catalog.save(tmp_path / "catalog.json")
    settings = ServerSettings(tmp_path / "data", catalog=tmp_path / "catalog.json", insecure_issuer=True)
    with open_service(settings, clock) as made:
        tokens.ensure_admin(made.state, made.data, made.clock())
        publishing.publish_at_start(made, sample_bundle(tmp_path / "first", catalog, seed=1, version=1))
        enrol(made, 30)
        yield made


def enrol(service: Service, devices: int) -> None:
    at = service.clock()
    with service.state.writing() as session:
        for number in range(devices):
            digest = hashlib.sha256(number.to_bytes(4, "little")).hexdigest()
            expires = at + timedelta(days=90)
            session.execute(
                insert(EnrolledDeviceRow).values(device_key_hash=digest, by="main", at=at, expires=expires)
            )


@pytest.fixture
def person(client: httpx.Client, service: Service) -> httpx.Client:
    with service.state.writing() as session:
        code = people.invite(session, service.clock(), "server", "administrator")
    join(client, code)
    return client


def created(client: httpx.Client, admin: dict[str, str], **body: Any) -> str:
    answer = client.post("/api/v1/campaigns", json={"name": "Spring", "kind": "training", **body}, headers=admin)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_start_that_cannot_finish_needs_force(client: httpx.Client, admin: dict[str, str]) -> None:
    campaign = created(client, admin)
    found = client.get(f"/api/v1/campaigns/{campaign}/feasibility", headers=admin).json()
    assert (found["verdict"], found["can_finish"], found["devices"]) == ("cannot finish", False, 30)
    assert found["findings"][0]["severity"] == "blocking" and found["findings"][0]["numbers"]["minimum"] == 50
    path = f"/api/v1/campaigns/{campaign}/start"
    for body in (None, {"force": False}):
        refused = client.post(path, json=body, headers=admin)
        assert refused.status_code == 409 and refused.headers["content-type"] == "application/problem+json"
        assert "27 of 30 devices" in refused.json()["detail"] and '"force": true' in refused.json()["detail"]
    assert client.post(path, json={"forse": True}, headers=admin).status_code == 422
    started = client.post(path, json={"force": True}, headers=admin)
    assert started.status_code == 200 and started.json()["state"] == "running"
    assert client.post(path, json={"force": True}, headers=admin).status_code == 409, "it runs already"


def test_an_upload_is_rolled_out_by_fleet_size(client: httpx.Client, admin: dict[str, str], tmp_path: Path) -> None:
    """The API and the page say why the stages are not the usual ones."""
    bundle = sample_bundle(tmp_path / "next", sample_catalog(), seed=2, version=2)
    packed = bundle_archive.pack(read_files(bundle))
    headers = {**admin, "Content-Type": "application/octet-stream"}
    release = client.post("/api/v1/bundles", content=packed, headers=headers).json()
    assert (release["share"], release["plan"]["stages"]) == (0.5, [0.5, 1.0])
    assert "the fleet has 30" in release["plan"]["reason"] and "a person decides" in release["plan"]["reason"]


def test_the_preset_starts_without_force(client: httpx.Client, admin: dict[str, str]) -> None:
    campaign = created(client, admin, preset="test fleet")
    made = client.get(f"/api/v1/campaigns/{campaign}", headers=admin).json()
    preset = PRESETS["test fleet"]
    assert (made["epsilon"], made["rounds"], made["settings"]["minimum_devices"]) == (preset.epsilon, 1, 20)
    assert client.post(f"/api/v1/campaigns/{campaign}/start", headers=admin).status_code == 200
    own = {"preset": "test fleet", "epsilon": 3.0, "rounds": 2, "settings": {"wanted": 25}}
    made = client.get(f"/api/v1/campaigns/{created(client, admin, **own)}", headers=admin).json()
    assert (made["epsilon"], made["rounds"]) == (3.0, 2)
    assert (made["settings"]["wanted"], made["settings"]["minimum_devices"]) == (25, 20), "what is given counts"
    body = {"name": "x", "kind": "experiment", "preset": "test fleet"}
    refused = client.post("/api/v1/campaigns", json=body, headers=admin)
    assert refused.status_code == 422 and "drowns an experiment" in refused.json()["detail"]


def test_a_check_creates_nothing(client: httpx.Client, admin: dict[str, str], service: Service) -> None:
    body = {"name": "Rates", "kind": "statistics", "settings": {"minimum_devices": 20, "wanted": 25}}
    found = client.post("/api/v1/feasibility", json=body, headers=admin).json()
    assert found["verdict"] == "doubtful"
    drowned = [finding for finding in found["findings"] if finding["subject"] == "precision"]
    assert any("drowned by noise" in finding["sentence"] for finding in drowned)
    stated = client.post("/api/v1/feasibility?devices=5000", json=body, headers=admin).json()
    assert stated["devices"] == 5000
    wrong = client.post("/api/v1/feasibility", json={**body, "settings": {"wanted": 1}}, headers=admin)
    assert wrong.status_code == 422 and "wanted" in wrong.json()["detail"]
    with service.state.reading() as session:
        assert not campaign_store.list_all(session)


def test_the_form_checks(person: httpx.Client, service: Service) -> None:
    sent = {"kind": "training", "name": "", "rounds": "10", "epsilon": "4", "settings.wanted": "1000"}
    checked_form = send(person, "/campaigns/check", **sent)
    assert checked_form.status_code == 200 and "about 27 of 30 devices can answer" in checked_form.text
    assert 'value="1000"' in checked_form.text, "the form keeps what was typed"
    mistake = send(person, "/campaigns/check", **{**sent, "rounds": "many"})
    assert mistake.status_code == 422 and "whole number" in mistake.text
    with service.state.reading() as session:
        assert not campaign_store.list_all(session)


def test_the_form_offers_the_preset(person: httpx.Client) -> None:
    assert "Use the preset “test fleet”" in person.get("/campaigns/new?kind=training").text
    filled = person.get("/campaigns/new?kind=training&preset=test fleet").text
    assert "The results are noise" in filled and 'name="settings.minimum_devices" value="20"' in filled
    assert 'name="settings.stages" value="1.0"' in filled or 'name="settings.stages" value="1"' in filled
    assert "preset" not in person.get("/campaigns/new?kind=experiment").text
    assert person.get("/campaigns/new?kind=training&preset=none").status_code == 200


def test_the_page_asks_for_confirmation(person: httpx.Client, service: Service) -> None:
    at = service.clock()
    with service.state.writing() as session:
        draft = campaign_store.create(session, at, "server", "Spring", "training", settings=checked("training", {}))
    page = person.get(f"/campaigns/{draft.id}").text
    assert "cannot finish on this fleet" in page and "Start it all the same" in page and "held-out" in page
    refused = send(person, f"/campaigns/{draft.id}/start")
    assert "confirm the start" in notice_of(refused.text)
    started = send(person, f"/campaigns/{draft.id}/start", force="1")
    assert "has started" in notice_of(started.text)
    overview = person.get("/").text
    assert "Campaign cannot progress" in overview and "about 27 of 30 devices can answer" in overview


def test_a_fleet_that_shrinks(person: httpx.Client, service: Service, clock: Clock) -> None:
    at, preset = service.clock(), PRESETS["test fleet"]
    with service.state.writing() as session:
        settings = checked("training", preset.settings_of("training"))
        made = campaign_store.create(session, at, "server", "Spring", "training", 2.0, None, 1, settings)
        campaign_store.move(session, at, "server", made.id, "start")
    assert "Campaign cannot progress" not in person.get("/").text
    with service.state.writing() as session:  # 13 of 30 devices came
        values = {"keys": 12, "wanted": 22, "low": 0.1, "failure": "Too few devices."}
        session.execute(insert(RoundRow).values(round_row(made.id, 1, at, "failed", **values)))
    assert "Campaign cannot progress" in person.get("/").text
    clock.pass_by(days=29)
    with service.state.reading() as session:
        assert fleet_state(service, session).answer_share == 1.0, "what was measured long ago does not count"


def test_how_many_answer() -> None:
    full, half = EndedRound(100, 100, 0.0, 1.0), EndedRound(45, 80, 0.1, 1.0)
    assert answer_share([], 100) == 1.0 and answer_share([full], 100) == 1.0, "a full round says nothing"
    assert answer_share([full, half], 100) == pytest.approx(0.5)
    assert answer_share([half], 0) == 1.0


def test_a_fleet_that_fills_rounds_may_be_larger_than_is_known() -> None:
    full, half = EndedRound(22, 22, 0.1, 1.0), EndedRound(14, 22, 0.1, 1.0)
    assert is_lower_bound([full], 22, 22), "after one round that filled up, nobody knows how many more there are"
    assert is_lower_bound([full, full], 43, 44), "nearly all devices of the second round were new"
    assert not is_lower_bound([full, full], 27, 44), "the same devices came again: there are hardly more"
    assert not is_lower_bound([half, full], 36, 36) and not is_lower_bound([], 0, 0)


def test_an_issuer_of_its_own_knows_all_devices(service: Service) -> None:
    at = service.clock()
    with service.state.writing() as session:
        made = campaign_store.create(session, at, "server", "Spring", "training", settings=checked("training", {}))
        session.flush()
        session.execute(insert(RoundRow).values(round_row(made.id, 1, at, keys=30, wanted=30)))
        assert not fleet_state(service, session).at_least


def test_without_a_model_nothing_is_judged(tmp_path: Path) -> None:
    with open_service(ServerSettings(tmp_path / "data", insecure_issuer=True)) as service:
        tokens.ensure_admin(service.state, service.data, service.clock())
        admin = bearer((service.data.path / "admin.token").read_text().strip())
        with listening(create_app(service)) as client:
            campaign = created(client, admin)
            found = client.get(f"/api/v1/campaigns/{campaign}/feasibility", headers=admin).json()
            assert "no catalogue" in found["findings"][0]["advice"] and found["can_finish"]
            lacking = created(client, admin, kind="experiment")
            refused = client.post(f"/api/v1/campaigns/{lacking}/start", json={"force": True}, headers=admin)
            assert refused.status_code == 409 and "'name'" in refused.json()["detail"], "no force mends settings"


def test_a_result_that_noise_drowns_is_shown(person: httpx.Client, service: Service) -> None:
    at, nothing = service.clock(), {"rate": None, "low": None, "high": None}
    segments = {"all": nothing, "tv": {"rate": 0.12, "low": 0.04, "high": 0.2}}
    with service.state.writing() as session:
        settings = checked("statistics", {})
        made = campaign_store.create(session, at, "server", "Rates", "statistics", settings=settings)
        session.flush()
        result = json.dumps({"used": True, "devices": 30, "installed": 1, "segments": segments})
        session.execute(insert(RoundRow).values(round_row(made.id, 1, at, result=result)))
    page = person.get(f"/campaigns/{made.id}").text
    assert page.count("drowned by noise") >= 3, "in the list of rounds, and both segments"
    assert "4 % to 20 %" in page and "0 % to 100 %" in page and mistakes(page) == []
