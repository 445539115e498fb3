"""What the forms do: the same as the API, for the same people, with a sentence on the next page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest
from support import bundles as bundle_samples
from support import html_pages as page_samples
from support.dashboard import HOSTILE
from support.html_pages import notice_of, send
from support.server import bearer, join

from keyart.bundle.folder import read_files
from keyart_server import audit_log
from keyart_server.access import people
from keyart_server.campaigns import campaign_store
from keyart_server.dashboard import flash_messages
from keyart_server.releases import publishing, release_store
from keyart_server.service import Service

pytestmark = pytest.mark.usefixtures("quick_passwords")


@pytest.fixture
def person(client: httpx.Client, code: str) -> httpx.Client:
    join(client, code)
    return client


def defaults_of(client: httpx.Client, kind: str) -> dict[str, str]:
    """What a browser sends for a form that nobody has touched."""
    text = client.get(f"/campaigns/new?kind={kind}").text
    fields = dict(re.findall(r'<input id="[^"]*" name="([^"]+)" value="([^"]*)"', text))
    fields |= {
        name: options.split('"')[1]
        for name, options in re.findall(r'<select id="[^"]*" name="([^"]+)"[^>]*>\n(.*)', text)
    }
    return {"kind": kind, **fields}


@pytest.mark.parametrize(
    ("kind", "needed"),
    [
        ("training", {}),
        ("statistics", {"settings.topic": "trending"}),
        ("experiment", {"settings.name": "faces", "settings.arms": "as now, larger , "}),
        ("evaluation", {"settings.version": "8"}),
    ],
)
def test_a_campaign_of_each_kind(person: httpx.Client, service: Service, kind: str, needed: dict[str, str]) -> None:
    """The form's defaults are those of the settings, so that it creates what the API would."""
    sent = {**defaults_of(person, kind), "name": HOSTILE[:100], "epsilon": "2.5", **needed}
    answer = send(person, "/campaigns", **sent)
    assert answer.status_code == 200 and page_samples.mistakes(answer.text) == []
    with service.state.reading() as session:
        (made,) = campaign_store.list_all(session)
    assert (made.name, made.kind, made.state, made.epsilon) == (HOSTILE[:100].strip(), kind, "draft", 2.5)
    assert made.rounds == {"experiment": 8, "evaluation": 1}.get(kind, 10)
    from keyart_federated.campaigns import checked

    told = {name.partition(".")[2]: value for name, value in needed.items()}
    told |= {"arms": ["as now", "larger"]} if "arms" in told else {}
    told |= {"version": 8} if "version" in told else {}
    assert json.loads(made.settings) == json.loads(checked(made.kind, told))
    assert answer.url.path == f"/campaigns/{made.id}" and notice_of(answer.text).endswith("then start it.")
    assert 'class="notice' not in person.get(answer.url).text, "a notice is shown once"


def errors_in(text: str) -> dict[str, str]:
    """The sentence beside each field that is marked as wrong; each is named by the field's aria-describedby."""
    page = page_samples.read(text)
    wrong = [one.attributes for one in page.all("input", "select") if one.attributes.get("aria-invalid") == "true"]
    sentences = {
        one.attributes["id"]: one.text for one in page.elements if "field-error" in one.attributes.get("class", "")
    }
    return {one["name"]: sentences[one["aria-describedby"].split()[0]] for one in wrong}


def test_each_error_stands_beside_its_field(person: httpx.Client, service: Service) -> None:
    sent = {**defaults_of(person, "training"), "name": "Spring <&>"}
    for wrong, field, said in (
        ({"settings.wanted": "few"}, "settings.wanted", "must be a whole number"),
        ({"settings.wanted": "7"}, "settings.wanted", "“Minimum cohort”"),
        ({"settings.hours": "nan"}, "settings.hours", "finite"),
        ({"settings.stages": "1, 0.5"}, "settings.stages", "stages"),
        ({"settings.threshold_permille": "3"}, "settings.threshold_permille", "The value must be greater than 500"),
        ({"epsilon": "-1"}, "epsilon", "must be above 0"),
        ({"epsilon": "inf"}, "epsilon", "finite"),
        ({"rounds": "9" * 300}, "rounds", "must be between 1 and"),
        ({"name": " "}, "name", "A campaign's name"),
    ):
        answer = send(person, "/campaigns", **{**sent, **wrong})
        assert answer.status_code == 422 and page_samples.mistakes(answer.text) == [], wrong
        errors = errors_in(answer.text)
        assert list(errors) == [field] and said in errors[field], (wrong, errors)
        assert answer.text.count("autofocus") == 1 and f'href="#f-{field}"' in answer.text
        kept = {"name": "Spring <&>", **wrong}
        for name, value in kept.items():
            shown = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            assert f'name="{name}" value="{shown}"' in answer.text
    assert send(person, "/campaigns", **{**sent, "kind": "spying"}).status_code == 422
    with service.state.reading() as session:
        assert campaign_store.list_all(session) == []


def test_several_errors_are_shown_at_once(person: httpx.Client) -> None:
    wrong = {"name": "", "epsilon": "much", "rounds": "0", "settings.wanted": "few", "settings.hours": "-1"}
    answer = send(person, "/campaigns", **{**defaults_of(person, "training"), **wrong})
    assert set(errors_in(answer.text)) == set(wrong) and "5 things need a change" in answer.text
    assert re.search(r'id="f-name"[^>]*autofocus', answer.text) and answer.text.count("autofocus") == 1
    answer = send(person, "/campaigns", **{**defaults_of(person, "evaluation"), "name": "What is 8 worth?"})
    assert errors_in(answer.text) == {"settings.version": "This field is required."}


def test_a_draft_is_edited_cloned_and_deleted(person: httpx.Client, service: Service) -> None:
    send(person, "/campaigns", **{**defaults_of(person, "training"), "name": "Spring"})
    with service.state.reading() as session:
        (draft,) = campaign_store.list_all(session)
    path = f"/campaigns/{draft.id}"
    form = person.get(f"{path}/edit").text
    assert page_samples.mistakes(form) == []
    sent = dict(re.findall(r'<input id="[^"]*" name="([^"]+)" value="([^"]*)"', form)) | {"settings.unclear": "hold"}
    refused = send(person, f"{path}/edit", **{**sent, "settings.wanted": "x", "rounds": "12"})
    assert refused.status_code == 422 and list(errors_in(refused.text)) == ["settings.wanted"]
    assert 'name="rounds" value="12"' in refused.text and "Nothing was saved" in refused.text
    saved = send(person, f"{path}/edit", **{**sent, "name": "Summer", "rounds": "12", "settings.hours": "6"})
    assert saved.url.path == path and "Summer is saved" in notice_of(saved.text)
    cloned = send(person, f"{path}/clone")
    assert cloned.url.path.endswith("/edit") and 'value="Copy of Summer"' in cloned.text
    with service.state.reading() as session:
        by_name = {one.name: one for one in campaign_store.list_all(session)}
        change = next(one for one in audit_log.newest(session, 9) if one.action == "campaign.change")
    copy, changed = by_name["Copy of Summer"], by_name["Summer"]
    assert (changed.rounds, json.loads(changed.settings)["hours"]) == (12, 6.0)
    assert copy.settings == changed.settings and copy.state == "draft" and copy.id != changed.id
    assert json.loads(change.details)["changes"] == {
        "name": ["Spring", "Summer"], "rounds": [10, 12], "settings.hours": [24.0, 6.0],
    }  # fmt: skip
    asked = person.get(f"{path}/confirm/delete")
    assert page_samples.mistakes(asked.text) == [] and f"{path}/delete" in page_samples.read(asked.text).forms()
    send(person, f"{path}/start")
    for step in ("edit", "delete"):
        refused = send(person, f"{path}/{step}", **sent)
        assert "Only a draft can be" in notice_of(refused.text), step
    deleted = send(person, f"/campaigns/{copy.id}/delete")
    assert notice_of(deleted.text).endswith("The draft Copy of Summer is deleted.")
    assert person.get(f"/campaigns/{copy.id}", headers={"Accept": "text/html"}).status_code == 404


def test_an_experiments_baselines_survive_the_form(person: httpx.Client, admin: dict[str, str]) -> None:
    """Metrics with their baselines fit in no text field: whoever edits the rest keeps them."""
    metrics = {"quality_plays": {"mean": 0.2, "deviation": 0.4}}
    settings = {"name": "faces", "metrics": metrics}
    made = person.post(
        "/api/v1/campaigns", json={"name": "Faces", "kind": "experiment", "settings": settings}, headers=admin
    )
    assert made.status_code == 201, made.text
    path = f"/campaigns/{made.json()['id']}"
    form = person.get(f"{path}/edit").text
    sent = dict(re.findall(r'<input id="[^"]*" name="([^"]+)" value="([^"]*)"', form))
    saved = send(person, f"{path}/edit", **{**sent, "settings.days": "30"})
    assert "is saved" in notice_of(saved.text)
    stored = person.get(f"/api/v1{path}", headers=admin).json()["settings"]
    stored = json.loads(stored) if isinstance(stored, str) else stored
    assert stored["days"] == 30 and stored["metrics"]["quality_plays"]["mean"] == 0.2


def test_a_campaigns_life(person: httpx.Client, service: Service) -> None:
    send(person, "/campaigns", **{**defaults_of(person, "training"), "name": "Spring"})
    with service.state.reading() as session:
        (made,) = campaign_store.list_all(session)
    path = f"/campaigns/{made.id}"
    steps = {"draft": ["start"], "running": ["pause"], "paused": ["resume"], "stopped": []}
    asked = {"draft": "delete", "running": "stop", "paused": "stop", "stopped": "-"}
    for action, state in (
        ("", "draft"),
        ("start", "running"),
        ("pause", "paused"),
        ("resume", "running"),
        ("stop", "stopped"),
    ):
        text = send(person, f"{path}/{action}").text if action else person.get(path).text
        forms = [form for form in page_samples.read(text).forms() if form != "/logout"]
        assert forms == [f"{path}/{step}" for step in [*steps[state], "clone"]], state
        assert re.findall(rf'href="{path}/confirm/([a-z]+)"', text) == [
            step for step in [asked[state]] if step != "-"
        ]
    again = send(person, f"{path}/start")
    assert again.status_code == 200 and "start needs one that is draft" in notice_of(again.text)
    assert 'role="alert"' in again.text
    with service.state.reading() as session:
        assert campaign_store.find(session, made.id).state == "stopped"  # type: ignore[union-attr]
        done = [entry.action for entry in audit_log.newest(session, 5) if entry.actor == "person:Robin"]
    assert done[:5] == [f"campaign.{action}" for action in ("stop", "resume", "pause", "start", "create")]
    assert send(person, f"/campaigns/{'0' * 16}/start").status_code == 404


def test_a_release_is_held_goes_on_and_is_withdrawn(person: httpx.Client, service: Service, tmp_path: Path) -> None:
    for version in (7, 8):
        files = read_files(bundle_samples.sample_bundle(tmp_path / f"b{version}", version))
        publishing.submit(service, "server", files, at_once=version == 7)
    for step, standing in (("hold", "held"), ("promote", "rolling"), ("withdraw", "withdrawn")):
        page = person.get("/releases/8" if step == "hold" else f"/releases/8/confirm/{step}").text
        assert page_samples.mistakes(page) == [] and f"/releases/8/{step}" in page_samples.read(page).forms()
        answer = send(person, f"/releases/8/{step}", reason=f"We {step} it.")
        assert answer.status_code == 200 and notice_of(answer.text).startswith("Model 8 ")
        with service.state.reading() as session:
            assert release_store.find(session, 8).standing == standing  # type: ignore[union-attr]
        assert f"By Robin. We {step} it." in answer.text
    refused = send(person, "/releases/8/hold")
    assert "hold needs one that is rolling" in notice_of(refused.text) and 'role="alert"' in refused.text
    assert send(person, "/releases/99/hold").status_code == 404
    text = person.get("/releases").text
    assert "restores the weights of model 7" in text and "100 % of devices" in text


def test_a_promotion_to_all_devices_needs_a_reason(
    person: httpx.Client, service: Service, admin: dict[str, str], tmp_path: Path
) -> None:
    for version in (7, 8):
        files = read_files(bundle_samples.sample_bundle(tmp_path / f"b{version}", version))
        publishing.submit(service, "server", files, at_once=version == 7)
    publishing.apply_guard(service, 8, {})
    for _ in range(2):  # to 10 %: no reason is needed
        send(person, "/releases/8/hold")
        page = person.get("/releases/8/confirm/promote").text
        with service.state.reading() as session:
            if release_store.find(session, 8).next_share == 1:  # type: ignore[union-attr]
                break
        assert "required" not in page.partition("<textarea")[2].partition(">")[0]
        send(person, "/releases/8/promote")
    assert "Promote to 100 %" in page and "required" in page.partition("<textarea")[2].partition(">")[0]
    refused = send(person, "/releases/8/promote")
    assert refused.status_code == 422 and page_samples.mistakes(refused.text) == []
    assert "give a reason" in refused.text and 'aria-invalid="true"' in refused.text
    person_cookies = dict(person.cookies)
    person.cookies.clear()
    answer = person.post("/api/v1/releases/8/promote", headers=admin)
    assert answer.status_code == 422 and "give a reason" in answer.json()["detail"]
    answer = person.post("/api/v1/releases/8/promote", headers=admin, json={"reason": "It wins\non every device."})
    assert answer.status_code == 200 and answer.json()["standing"] == "released"
    person.cookies.update(person_cookies)
    with service.state.reading() as session:
        entry = audit_log.newest(session, 1)[0]
    assert entry.action == "release.promote" and "It wins on every device." in entry.details


def test_people_and_tokens(person: httpx.Client, service: Service) -> None:
    invited = send(person, "/people/invitations", role="viewer")
    assert invited.status_code == 201 and page_samples.mistakes(invited.text) == []
    (link,) = re.findall(r'id="secret">http[^<]*(/join/[^<]+)<', invited.text)
    issued = send(person, "/people/tokens", name="nightly", scopes=["read", "operate"], days="30")
    assert issued.status_code == 201 and page_samples.mistakes(issued.text) == []
    (secret,) = re.findall(r'id="secret">([^<]+)<', issued.text)
    for once in (link, secret):
        assert once not in person.get("/people").text and once not in repr(list(person.cookies.items()))
    (token,) = [one for one in person.get("/api/v1/tokens").json()["items"] if one["name"] == "nightly"]
    cookies = dict(person.cookies)
    person.cookies.clear()
    assert person.get("/api/v1/campaigns", headers=bearer(secret)).status_code == 200
    assert person.get("/api/v1/people", headers=bearer(secret)).status_code == 403
    assert join(person, link.rpartition("/")[2], "Kim").status_code == 303
    person.cookies.clear()
    person.cookies.update(cookies)
    forms = page_samples.read(person.get("/people").text).forms()
    revoke, remove = ([form for form in forms if form.endswith(end)] for end in ("/revoke", "/remove"))
    assert len(revoke) == 2 and len(remove) == 1, "nobody removes themselves"
    revoke.sort(key=lambda path: token["id"] in path)
    assert "is revoked" in notice_of(send(person, revoke[1]).text)
    assert "signed out" in notice_of(send(person, remove[0]).text)
    assert "revoked already" in notice_of(send(person, revoke[1]).text)
    assert person.get("/api/v1/campaigns", headers={**bearer(secret), "Cookie": ""}).status_code == 401
    assert [one["name"] for one in person.get("/api/v1/people").json()["items"]] == ["Robin"]


def test_a_token_that_cannot_be(person: httpx.Client) -> None:
    for wrong in ({"scopes": []}, {"days": "0"}, {"days": "731"}, {"days": "x"}, {"name": "a\nb"}, {"name": ""}):
        answer = send(person, "/people/tokens", **{"name": "nightly", "scopes": ["read"], "days": "30", **wrong})
        assert answer.status_code == 422 and "Nothing was created." in answer.text, wrong
        assert page_samples.mistakes(answer.text) == []
    assert send(person, "/people/invitations", role="owner").status_code == 422
    assert [one["name"] for one in person.get("/api/v1/tokens").json()["items"]] == ["admin"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_form_needs_its_token(person: httpx.Client, service: Service) -> None:
    """The cookie alone, another session's token or another site's page do nothing."""
    send(person, "/campaigns", **{**defaults_of(person, "training"), "name": "Spring"})
    with service.state.reading() as session:
        (made,) = campaign_store.list_all(session)
        before = audit_log.newest(session, 1)[0].number
    forms = {path for page in ("/people", f"/campaigns/{made.id}", "/campaigns/new?kind=training")
             for path in page_samples.read(person.get(page).text).forms()}  # fmt: skip
    assert len(forms) >= 6
    (token,) = set(re.findall(r'name="csrf" value="([^"]+)"', person.get("/").text))
    foreign = {"Origin": "https://evil.example"}
    for path in forms:
        assert person.post(path).status_code == 403
        assert person.post(path, data={"csrf": token[::-1]}).status_code == 403
        assert person.post(path, data={"csrf": token}, headers=foreign).status_code == 403
        assert person.post(path, json={"csrf": token}).status_code == 403
        if path != "/campaigns":  # which is a page, too
            assert person.get(path, headers={"Accept": "text/html"}).status_code in (404, 405)
    with service.state.reading() as session:
        assert audit_log.newest(session, 1)[0].number == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_notice_is_only_what_this_session_left(person: httpx.Client, service: Service) -> None:
    send(person, "/campaigns", **{**defaults_of(person, "training"), "name": "Spring"})
    with service.state.reading() as session:
        (made,) = campaign_store.list_all(session)
    answer = send(person, f"/campaigns/{made.id}/start", follow=False)
    assert answer.status_code == 303 and answer.headers["location"] == f"/campaigns/{made.id}"
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Max-Age=60"} <= {part.strip() for part in cookie.split(";")}
    (left,) = re.findall(rf"{flash_messages.COOKIE}=([^;]+)", cookie)
    payload, _, seal = left.strip('"').partition(".")
    kept = dict(person.cookies)

    def shown(value: str) -> bool:
        person.cookies.clear()
        person.cookies.update({**kept, flash_messages.COOKIE: value})
        answer = person.get("/")
        assert answer.status_code == 200
        return 'class="notice' in answer.text

    assert shown(f"{payload}.{seal}")
    for forged in ("", ".", "x", f"{payload}.", f"{payload}.{seal[::-1]}", f"x{payload}.{seal}"):
        assert not shown(forged)
    kept = {}
    person.cookies.clear()
    with service.state.writing() as session:
        join(person, people.invite(session, service.clock(), "server", "viewer"), "Kim")
    kept = {name: value for name, value in person.cookies.items() if name != flash_messages.COOKIE}
    assert not shown(f"{payload}.{seal}"), "another session's"
