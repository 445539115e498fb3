"""The checklist of a new server, and the pages that it leads to."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest
from support import html_pages as page_samples
from support.server import join

from keyart_server import audit_log
from keyart_server.access import people
from keyart_server.dashboard.first_steps import ServerContents, first_steps
from keyart_server.service import Service

pytestmark = pytest.mark.usefixtures("quick_passwords")
ALL = ("read", "operate", "administer")
EMPTY = ServerContents(catalog=False, released=False, pending=None, enrolled=0, draft="", started=0)


@pytest.mark.parametrize(
    ("changes", "states", "said"),
    [
        ({}, ["to do", "to do", "to do", "in the way"], "a catalogue, a released model and a device"),
        ({"catalog": True}, ["done", "to do", "to do", "in the way"], "a released model and a device"),
        ({"catalog": True, "pending": 3}, ["done", "in the way", "to do", "in the way"], "Model 3"),
        ({"catalog": True, "released": True}, ["done", "done", "to do", "in the way"], "there is a device."),
        (
            {"catalog": True, "released": True, "enrolled": 1},
            ["done", "done", "done", "to do"],
            "1 device is enrolled",
        ),
        (
            {"catalog": True, "released": True, "enrolled": 2, "draft": "ab"},
            ["done", "done", "done", "to do"],
            "draft",
        ),
    ],
)
def test_each_step_says_where_it_stands(changes: dict[str, object], states: list[str], said: str) -> None:
    steps = first_steps(replace(EMPTY, **changes), ALL)  # type: ignore[arg-type]
    assert [step.state for step in steps] == states
    assert any(said in step.sentence for step in steps)
    assert all(step.link and step.button for step in steps)


def test_the_list_goes_away_by_itself() -> None:
    assert first_steps(ServerContents(True, True, None, 1, "", 1), ALL) == []


def test_an_operator_cannot_enrol_devices() -> None:
    device = first_steps(EMPTY, ("read", "operate"))[2]
    assert (device.link, device.button) == ("", "") and "An administrator can do this." in device.sentence


def test_the_list_can_be_dismissed(client: httpx.Client, service: Service, code: str) -> None:
    join(client, code)
    text = client.get("/").text
    assert "0 of 4 done" in text and page_samples.mistakes(text) == []
    (token,) = set(re.findall(r'name="csrf" value="([^"]+)"', text))
    dismissed = client.post("/first-steps/dismiss", data={"csrf": token}, follow_redirects=True)
    assert "is dismissed" in dismissed.text and "of 4 done" not in dismissed.text
    assert page_samples.mistakes(dismissed.text) == [] and "of 4 done" not in client.get("/").text
    with service.state.writing() as session:
        viewer = people.invite(session, service.clock(), "server", "viewer")
    client.cookies.clear()
    join(client, viewer, "Kim")
    assert "of 4 done" not in client.get("/").text, "a viewer can do none of it"


def test_vouchers_are_shown_once(client: httpx.Client, service: Service, code: str) -> None:
    join(client, code)
    text = client.get("/fleet/enrolment").text
    assert service.keys.offers_public.hex() in text and service.issuers[0].hex() in text
    assert client.get("/fleet/root.json").status_code == 404
    (token,) = set(re.findall(r'name="csrf" value="([^"]+)"', text))
    for count, said in (("x", "whole number"), ("0", "1 to 1,000"), ("1001", "1 to 1,000"), ("", "whole number")):
        wrong = client.post("/fleet/enrolment", data={"csrf": token, "count": count})
        assert wrong.status_code == 422 and said in wrong.text and page_samples.mistakes(wrong.text) == [], count
    made = client.post("/fleet/enrolment", data={"csrf": token, "count": "3"})
    assert made.status_code == 201 and page_samples.mistakes(made.text) == []
    (vouchers,) = re.findall(r'id="secret">([^<]+)<', made.text)
    assert len(vouchers.split()) == 3 and vouchers.split()[0] not in client.get("/fleet/enrolment").text
    with service.state.reading() as session:
        entry = audit_log.newest(session, 1)[0]
    assert (entry.action, entry.details) == ("device.vouchers", '{"count":3}') and entry.actor == "person:Robin"
