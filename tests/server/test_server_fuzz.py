"""Requests that nobody would send, made from the server's own OpenAPI document."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from support.server import document_checks, listening

from keyart_server.access import tokens
from keyart_server.app import create_app
from keyart_server.serve import open_service
from keyart_server.settings import ServerSettings


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    import schemathesis

    with open_service(ServerSettings(tmp_path_factory.mktemp("fuzz") / "data", insecure_issuer=True)) as service:
        tokens.ensure_admin(service.state, service.data, service.clock())
        with listening(create_app(service)) as client:
            yield (
                schemathesis.openapi.from_url(f"{client.base_url}/openapi.json"),
                service.data.admin_token.read_text().strip(),
            )


def test_no_request_breaks_the_document(api) -> None:
    (schema, token), asked = api, document_checks()
    for found in schema.get_all_operations():
        operation = found.ok()

        @hypothesis.given(case=operation.as_strategy())
        @hypothesis.settings(
            max_examples=int(os.environ.get("KEYART_FUZZ_EXAMPLES", "8")),
            deadline=None,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        def fuzz(case) -> None:
            case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=asked)

        fuzz()
