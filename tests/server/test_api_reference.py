"""The OpenAPI document and its page `/api-docs`: complete, in plain English, and nothing of it from elsewhere."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from support.server import join

from keyart_server.dashboard.api_reference import api_sections, example_of, kind_of
from keyart_server.http.openapi_document import complete_document, first_sentence
from keyart_server.service import Service


@pytest.fixture(scope="module")
def document(one_client: httpx.Client) -> dict[str, Any]:
    made: dict[str, Any] = one_client.get("/openapi.json").json()
    return made


def test_every_route_is_described(document) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            name = f"{method} {path}"
            assert operation["summary"][0].isupper() and not operation["summary"].endswith("."), name
            assert operation["summary"] != operation["operationId"].replace("_", " ").title(), name
            assert operation["description"].rstrip().endswith("."), name
            assert all(answer["description"] != "Successful Response" for answer in operation["responses"].values())
            for parameter in operation.get("parameters", []):
                assert parameter["description"], (name, parameter["name"])


def test_every_object_is_described(document) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert schema["description"] and "Attributes:" not in schema["description"], name
        for field, value in schema.get("properties", {}).items():
            assert "$ref" in value or value.get("description"), (name, field)


def test_a_failure_is_a_problem(document) -> None:
    """Device and health routes may answer otherwise; each failure of `/api/v1` has the one form."""
    for path, operations in document["paths"].items():
        for operation in operations.values() if path.startswith("/api/v1/") else ():
            for status, answer in operation["responses"].items():
                if status[0] in "45":
                    assert set(answer["content"]) >= {"application/problem+json"}, (path, status)


def test_completing_a_document() -> None:
    given = {
        "paths": {
            "/x": {
                "get": {
                    "operationId": "list_x", "summary": "List X",
                    "description": "List all x, newest\nfirst. And more.",
                    "responses": {"200": {"description": "Successful Response"}},
                }
            }
        },
        "components": {
            "schemas": {
                "X": {
                    "description": "An x.\n\nAttributes:\n    a: first line,\n        and second.\n    b: other.",
                    "properties": {"a": {}, "b": {"description": "Kept."}, "c": {"$ref": "#/y"}},
                }
            }
        },
    }  # fmt: skip
    done = complete_document(given)
    assert done["paths"]["/x"]["get"]["summary"] == "List all x, newest first"
    assert done["paths"]["/x"]["get"]["responses"]["200"]["description"] == "The answer."
    schema = done["components"]["schemas"]["X"]
    assert schema["description"] == "An x." and schema["properties"]["a"]["description"] == "First line, and second."
    assert schema["properties"]["b"] == {"description": "Kept."} and schema["properties"]["c"] == {"$ref": "#/y"}
    assert complete_document(done) == done, "a second time changes nothing"
    assert first_sentence("Use keyart 0.1 here: it works.") == "Use keyart 0.1 here"


def test_examples_and_kinds() -> None:
    schemas = {"Y": {"type": "object", "properties": {"n": {"type": "integer"}, "y": {"$ref": "#/Y"}}}}
    again = example_of({"$ref": "#/Y"}, schemas)
    assert again["n"] == 1 and "y" in again, "an object in itself ends somewhere"
    assert example_of({"type": "string", "examples": ["a"]}, {}) == "a"
    assert example_of({"anyOf": [{"type": "number"}, {"type": "null"}]}, {}) == 1.0
    assert example_of({"type": "string", "format": "date-time"}, {}) == "2026-03-01T12:00:00Z"
    assert kind_of({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}, {}) == "time or null"
    assert kind_of({"type": "array", "items": {"enum": ["a", "b"]}}, {}) == "list of a, b"


def test_the_page_shows_each_route(client: httpx.Client, code: str, document) -> None:
    assert client.get("/api-docs").status_code == 401
    assert join(client, code).status_code == 303
    page = client.get("/api-docs").text
    sections = api_sections(document, "http://x")
    assert set(sections) == {
        "campaigns", "catalog", "feasibility", "experiments", "budget", "fleet", "releases", "bundles", "tokens",
        "people", "invitations", "audit", "webhooks",
    }  # fmt: skip
    for operations in sections.values():
        for operation in operations:
            assert f'id="{operation.anchor}"' in page and f"{operation.method} {operation.path}" in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page), "nothing is loaded from another server"
    assert 'href="/api-docs"' in client.get("/").text and 'href="/openapi.json"' in page


def test_a_command_of_the_page_works(client: httpx.Client, admin: dict[str, str], service: Service) -> None:
    """What the example of a new campaign sends is accepted."""
    document = client.get("/openapi.json").json()
    (operation,) = [one for one in api_sections(document, "http://x")["campaigns"] if one.anchor == "create_campaign"]
    body = re.search(r"-d '(.*)'", operation.curl)
    assert body is not None and operation.scope == "operate" and 'Bearer $TOKEN"' in operation.curl
    headers = admin | {"Content-Type": "application/json"}
    assert client.post("/api/v1/campaigns", content=body[1], headers=headers).status_code == 201
