"""The client against an API in memory: pages, repeated requests, and errors as sentences."""

from __future__ import annotations

import json
import ssl
from typing import Any

import httpx
import pytest
from support.fake_api import ID, SECRET, FakeApi, campaign, full_api, problem

from keyart.errors import ApiError, ServerUnreachable

REFUSED = httpx.ConnectError("[Errno 111] Connection refused")
TIMEOUT = httpx.ReadTimeout("timed out")


def test_a_list_is_followed_to_its_end() -> None:
    api = full_api()
    with api.client() as client:
        assert [item["number"] for item in client.items("audit")] == [5, 4, 3, 2, 1]
    assert [request.url.params.get("cursor") for request in api.asked] == [None, "2", "4"]
    assert all(request.headers["authorization"] == f"Bearer {SECRET}" for request in api.asked)


def test_a_limit_asks_for_no_more() -> None:
    api = full_api()
    with api.client() as client:
        assert [item["number"] for item in client.items("audit", 3)] == [5, 4, 3]
    assert [request.url.params["limit"] for request in api.asked] == ["3", "1"]


@pytest.mark.parametrize("page", [{"items": [], "next": "1"}, {"items": {}}, {"items": [1], "next": None}, {}])
def test_pages_that_lead_nowhere(page: dict[str, Any]) -> None:
    """A cursor that comes again would never end."""
    api = FakeApi([lambda _: httpx.Response(200, json=page)] * 9)
    with api.client() as client, pytest.raises(ApiError, match="has another form"):
        list(client.items("campaigns"))


@pytest.mark.parametrize("failure", [REFUSED, TIMEOUT, problem(503, "Busy.", **{"retry-after": "3"})])
def test_a_safe_request_is_repeated(failure: Any) -> None:
    api = full_api()
    api.answers = [failure, failure]
    with api.client() as client:
        assert client.get("fleet")["devices"] == 12000
    assert len(api.asked) == 3 and len(api.slept) == 2
    assert all(pause >= (3 if isinstance(failure, httpx.Response) else 0.5) for pause in api.slept)


def test_a_created_object_is_created_once() -> None:
    """The answer is lost twice; the same key goes with each repetition."""

    def lose(request: httpx.Request) -> httpx.Response:
        api._answer(request)
        raise httpx.ReadError("connection reset")

    api = FakeApi()
    api.answers = [lose, lose]
    with api.client() as client:
        client.create("campaigns", {"name": "Spring", "kind": "training"})
        assert len(api.asked) == 3 and len(api.created) == 1
        client.create("campaigns", {"name": "Spring", "kind": "training"})
    assert len(api.created) == 2, "another call is another campaign"


def test_an_own_key_is_sent() -> None:
    api = FakeApi()
    with api.client() as client:
        client.create("campaigns", {"name": "Spring", "kind": "training"}, "spring-1")
        client.upload("bundles", b"PK", "bundle-1", at_once=True)
    assert list(api.created) == ["spring-1", "bundle-1"]
    assert api.paths()[1] == "POST /api/v1/bundles?at_once=true"
    assert api.asked[1].headers["content-type"] == "application/octet-stream"


def test_a_change_is_not_repeated_once_it_may_have_been_made() -> None:
    api = full_api()
    api.answers = [TIMEOUT]
    with (
        api.client() as client,
        pytest.raises(ServerUnreachable, match="The change may have been made: list or show"),
    ):
        client.post(f"campaigns/{ID}/pause")
    assert len(api.asked) == 1


def test_a_change_that_never_left_is_repeated() -> None:
    api = full_api()
    api.answers = [REFUSED]
    with api.client() as client:
        assert client.post(f"campaigns/{ID}/pause")["state"] == "paused"


def test_a_lost_creation_names_its_key() -> None:
    sentence = "repeat the command with --idempotency-key spring-1"
    with FakeApi([TIMEOUT] * 9).client() as client, pytest.raises(ServerUnreachable, match=sentence):
        client.create("campaigns", {}, "spring-1")


def certificate_error() -> httpx.ConnectError:
    cause = ssl.SSLCertVerificationError("x")
    cause.verify_message = "unable to get local issuer certificate"
    error = httpx.ConnectError("x")
    error.__cause__ = cause
    return error


def tls_error() -> httpx.ConnectError:
    error = httpx.ConnectError("x")
    error.__context__ = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    return error


HTML = httpx.Response(200, html="<title>Welcome to nginx</title>")
SENTENCES = {
    "unreachable": (REFUSED, r"Cannot reach http://127.0.0.1:8080: .*Connection refused\. Check that"),
    "no connection in time": (httpx.ConnectTimeout(""), "no connection in time"),
    "no answer": (TIMEOUT, "got the request, but did not answer"),
    "unknown CA": (certificate_error(), "cannot be trusted: unable to get local issuer .* with --ca FILE"),
    "no TLS": (tls_error(), "does not answer with TLS .* give its http address"),
    "wrong token": (problem(401, "Sign in."), r"does not accept the token from the\.token\. Sign in\. .*for a new"),
    "scope": (problem(403, "token:ci lacks the scope operate."), r"token from the\.token does not suffice: token:ci"),
    "page": (HTML, "answered with a web page instead of keyart's API"),
    "page of an error": (httpx.Response(404, html="no"), "answered with a web page"),
    "another API": (httpx.Response(404, json={"message": "no"}), "answered with status 404 instead of keyart's"),
    "no JSON": (httpx.Response(200, text="{", headers={"content-type": "application/json"}), "with status 200"),
    "a list": (httpx.Response(200, json=[]), "answered with a list"),
    "missing": (problem(404, "No campaign has this id."), r"No campaign has this id\. \(.* asked for /api/v1/fleet"),
    "conflict": (problem(409, "Campaign x is done."), "^Campaign x is done.$"),
    "server": (problem(500, "The store is damaged."), "could not answer: The store is damaged"),
    "redirect": (httpx.Response(307, headers={"location": "https://else.example/"}), "redirects to https://else"),
}  # fmt: skip


@pytest.mark.parametrize("name", SENTENCES)
def test_a_failure_is_one_sentence_that_says_what_to_do(name: str) -> None:
    answer, sentence = SENTENCES[name]
    with FakeApi([answer] * 9).client() as client, pytest.raises(ApiError, match=sentence) as caught:
        client.get("fleet")
    assert SECRET not in str(caught.value) and "\n" not in str(caught.value)


def test_a_server_that_asks_for_an_hour_is_reported_at_once() -> None:
    api = FakeApi([problem(503, "Closed until noon.", **{"retry-after": "3600"})])
    with api.client() as client, pytest.raises(ApiError, match="Closed until noon"):
        client.get("fleet")
    assert api.slept == []


def test_the_request_carries_json() -> None:
    api = FakeApi()
    with api.client() as client:
        client.create("campaigns", {"name": "Frühling", "kind": "training"})
    assert json.loads(api.asked[0].content) == {"name": "Frühling", "kind": "training"}
    assert campaign()["name"] == "Spring"
