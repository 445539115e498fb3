"""A campaign observed until it ends."""

from __future__ import annotations

import httpx
import pytest
from support.fake_api import ID, FakeApi, campaign, full_api, problem, round_

from keyart.errors import ApiError, ServerUnreachable
from keyart_tools.remote.observation import MAX_SILENT_POLLS, observe
from keyart_tools.remote.retrying import ATTEMPTS

PATH = f"campaigns/{ID}"
REFUSED = httpx.ConnectError("refused")


def scripted(*steps: object) -> tuple[FakeApi, object]:
    """An API whose state goes on with each pause; a step is a campaign and a round, or an error for all attempts."""
    api = full_api()
    left = list(steps)

    def go_on() -> None:
        step = left.pop(0)
        if isinstance(step, tuple):
            api.objects[PATH], api.lists[f"{PATH}/rounds"] = step[0], [step[1]]
        else:
            api.answers = [step] * ATTEMPTS if isinstance(step, Exception) else [step]

    return api, go_on


def test_every_change_is_told_once_until_the_end() -> None:
    later = round_(cohort={"keys": 180, "shares": 170, "masked": 160, "revealed": 0})
    api, go_on = scripted(
        (campaign(), round_(4)), (campaign(), later), (campaign(), later), (campaign(state="done"), later)
    )
    api.lists[f"{PATH}/rounds"] = [round_(4)]
    with api.client() as client:
        found = list(observe(client, ID, go_on))
    assert [(one.campaign["state"], one.newest["cohort"]["masked"]) for one in found] == [
        ("running", 60), ("running", 160), ("done", 160),
    ]  # fmt: skip


def test_a_server_that_restarts_is_waited_for() -> None:
    api, go_on = scripted(REFUSED, REFUSED, (campaign(), round_()), (campaign(state="stopped"), round_()))
    with api.client() as client:
        found = list(observe(client, ID, go_on))
    assert ["Cannot reach" in one.silence for one in found] == [False, True, False, False]
    assert found[1].campaign == found[0].campaign
    assert set(found[1].document()) == {"campaign", "round", "unreachable"}
    assert not found[-1].progress.succeeded


def test_not_for_ever() -> None:
    api, go_on = scripted(*[REFUSED] * (MAX_SILENT_POLLS + 5))
    with api.client() as client, pytest.raises(ServerUnreachable):
        list(observe(client, ID, go_on))


def test_a_refusal_ends_it() -> None:
    api, go_on = scripted(problem(401, "Sign in."))
    with api.client() as client, pytest.raises(ApiError, match="does not accept the token"):
        list(observe(client, ID, go_on))


def test_a_server_that_is_not_there_at_first() -> None:
    with FakeApi([REFUSED] * ATTEMPTS).client() as client, pytest.raises(ServerUnreachable):
        next(observe(client, ID, lambda: None))
