"""Drafts over the API: changed, deleted and cloned; what was started stays as it is."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from keyart.errors import InputError, SettingError
from keyart_server import audit_log
from keyart_server.campaigns import campaign_store, drafts
from keyart_server.service import Service

PATH = "/api/v1/campaigns"


def create(client: httpx.Client, admin: dict[str, str], **values: Any) -> str:
    body = {"name": "Spring", "kind": "training", "settings": {"hours": 6.0}, **values}
    answer = client.post(PATH, json=body, headers=admin)
    assert answer.status_code == 201, answer.text
    return f"{PATH}/{answer.json()['id']}"


def settings_of(campaign: dict[str, Any]) -> dict[str, Any]:
    settings = campaign["settings"]
    return dict(json.loads(settings) if isinstance(settings, str) else settings)


def test_a_draft_is_changed(client: httpx.Client, service: Service, admin: dict[str, str]) -> None:
    path = create(client, admin)
    body = {"name": "Summer", "rounds": 3, "epsilon": 2.0, "settings": {"wanted": 300, "hours": None}}
    changed = client.patch(path, json=body, headers=admin).json()
    assert (changed["name"], changed["rounds"], changed["epsilon"]) == ("Summer", 3, 2.0)
    assert settings_of(changed)["wanted"] == 300 and settings_of(changed)["hours"] == 24.0, "null is the default"
    assert client.get(path, headers=admin).json()["name"] == "Summer"
    assert client.patch(path, json={"epsilon": None}, headers=admin).json()["epsilon"] is None
    with service.state.reading() as session:
        entries = [json.loads(one.details) for one in audit_log.newest(session, 9) if one.action == "campaign.change"]
    assert entries[0] == {"changes": {"epsilon": [2.0, None]}}
    assert entries[1]["changes"]["settings.wanted"] == [1000, 300] and len(entries[1]["changes"]) == 5
    unchanged = client.patch(path, json={"name": "Summer"}, headers=admin)
    assert unchanged.status_code == 200
    with service.state.reading() as session:
        assert len([one for one in audit_log.newest(session, 9) if one.action == "campaign.change"]) == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "body",
    [{"name": ""}, {"name": "a\nb"}, {"rounds": 0}, {"epsilon": -1}, {"kind": "statistics"}, {"settings": {"x": 1}},
     {"settings": {"wanted": 3}}, {"settings": []}],
)  # fmt: skip
def test_a_wrong_change_changes_nothing(client: httpx.Client, admin: dict[str, str], body: dict[str, Any]) -> None:
    path = create(client, admin)
    before = client.get(path, headers=admin).json()
    answer = client.patch(path, json=body, headers=admin)
    assert answer.status_code == 422 and answer.json()["detail"], answer.text
    assert client.get(path, headers=admin).json() == before


def test_what_was_started_is_only_cloned(client: httpx.Client, service: Service, admin: dict[str, str]) -> None:
    path = create(client, admin, epsilon=3.0)
    assert client.post(f"{path}/start", headers=admin).status_code == 200
    for answer in (client.patch(path, json={"rounds": 3}, headers=admin), client.delete(path, headers=admin)):
        assert answer.status_code == 409 and "Clone it" in answer.json()["detail"]
    for body, name in ((None, "Copy of Spring"), ({"name": "Again"}, "Again")):
        clone = client.post(f"{path}/clone", json=body, headers=admin)
        assert clone.status_code == 201 and clone.headers["location"] == f"{PATH}/{clone.json()['id']}"
        told = clone.json()
        assert (told["name"], told["state"], told["epsilon"]) == (name, "draft", 3.0)
        assert settings_of(told) == settings_of(client.get(path, headers=admin).json())
    assert client.delete(clone.headers["location"], headers=admin).status_code == 204
    assert client.get(clone.headers["location"], headers=admin).status_code == 404
    missing = f"{PATH}/{'0' * 16}"
    gone = (
        client.patch(missing, json={}, headers=admin),
        client.delete(missing, headers=admin),
        client.post(f"{missing}/clone", headers=admin),
    )
    assert [answer.status_code for answer in gone] == [404, 404, 404]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_clone_of_an_experiment_starts_when_it_is_created(service: Service) -> None:
    from keyart_federated.campaigns import checked

    with service.state.writing() as session:
        at = service.clock()
        settings = checked("experiment", {"name": "faces", "start": 1_700_000_000})
        original = campaign_store.create(session, at, "server", "F" * 120, "experiment", settings=settings)
        session.flush()
        clone = drafts.clone(session, at, "server", original.id)
        assert clone is not None and "start" not in json.loads(clone.settings)
        assert len(clone.name) == 120 and clone.name.startswith("Copy of F"), "a name has a limit"
        with pytest.raises(SettingError):
            drafts.change(session, at, "server", clone.id, {"epsilon": float("inf")})
        campaign_store.move(session, at, "server", original.id, "start")
        with pytest.raises(InputError, match="Only a draft can be deleted"):
            drafts.delete(session, at, "server", original.id)
