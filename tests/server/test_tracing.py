"""Traces: spans of requests, transactions, rounds and stages, about nobody; without the extra nothing is imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from support import rounds as round_samples
from support.server import Clock, listening

from keyart.errors import SettingError
from keyart.secagg import Stage
from keyart_server import budget
from keyart_server.campaigns import campaign_store
from keyart_server.http.request_metrics import RequestMetrics
from keyart_server.monitoring import tracing
from keyart_server.monitoring.audit_follower import AuditFollower
from keyart_server.monitoring.metrics import Metrics
from keyart_server.rounds import round_store
from keyart_server.service import Service

# The only attributes of spans: ids of campaigns, rounds and requests, routes, and counts.
ATTRIBUTES = {
    "http.request.method", "http.route", "http.response.status_code", "error.type", "db.system.name",
    "keyart.request", "keyart.database.mode", "keyart.campaign", "keyart.round", "keyart.round.kind", "keyart.stage",
    "keyart.stage.asked", "keyart.stage.answered", "keyart.stage.minimum",
}  # fmt: skip


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    made, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(made))
    tracing.use(provider)
    yield made
    tracing.use(None)
    provider.shutdown()


def named(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def check(exporter: InMemorySpanExporter) -> None:
    """Nothing but the listed attributes, no events with messages, and no secret."""
    for span in exporter.get_finished_spans():
        assert set(span.attributes or {}) <= ATTRIBUTES and not span.events and not span.status.description
        assert "Secret" not in span.to_json() and "127.0.0.1" not in span.to_json()


def test_a_request_and_its_transactions(
    exporter: InMemorySpanExporter, client: httpx.Client, admin: dict[str, str]
) -> None:
    answer = client.post("/api/v1/campaigns", json={"name": "Secret name", "kind": "training"}, headers=admin)
    (request,) = named(exporter, "POST /api/v1/campaigns")
    assert request.attributes is not None and request.attributes["http.response.status_code"] == 201
    assert request.kind is SpanKind.SERVER and request.attributes["keyart.request"] == answer.headers["x-request-id"]
    inside = [
        span
        for span in named(exporter, "database transaction")
        if span.parent is not None and span.parent.span_id == request.context.span_id
    ]
    assert {span.attributes["keyart.database.mode"] for span in inside if span.attributes} == {"read", "write"}
    client.get("/join/Secret-code")
    assert named(exporter, "GET /join/{code}")
    check(exporter)


def test_a_round_and_its_stages(exporter: InMemorySpanExporter, service: Service, clock: Clock) -> None:
    follower = AuditFollower(Metrics("1"))
    with service.state.reading() as session:
        follower.step(session)
    with service.state.writing() as session:
        budget.configure(session, clock(), 500.0, 1e-6)
        campaign = campaign_store.create(session, clock(), "server", "Secret name", "training")
        began = clock()
        of = round_samples.terms()
        round_id = round_samples.started(session, clock(), campaign.id, of).id
        for stage in (Stage.KEYS, Stage.SHARE):
            clock.pass_by(seconds=10)
            round_store.advance(session, clock(), round_id, stage, 7)
        clock.pass_by(seconds=10)
        round_store.fail(session, clock(), round_id, "Secret reason.")
    with service.state.reading() as session:
        follower.step(session)
    (round_span,) = named(exporter, "round")
    assert round_span.attributes is not None and round_span.attributes["keyart.campaign"] == campaign.id
    assert round_span.start_time == pytest.approx(began.timestamp() * 1e9, abs=2e6)
    assert round_span.end_time == pytest.approx(clock().timestamp() * 1e9, abs=2e6)
    assert round_span.status.status_code is StatusCode.ERROR and round_span.attributes["keyart.stage"] == "masked"
    for name in ("stage keys", "stage share"):
        (span,) = named(exporter, name)
        assert span.parent is not None and span.parent.span_id == round_span.context.span_id
        assert (span.end_time or 0) - (span.start_time or 0) == pytest.approx(10e9, abs=2e6)
    check(exporter)


def test_a_failure_marks_the_span_without_its_message(exporter: InMemorySpanExporter) -> None:
    async def fails(_: Request) -> Response:
        raise ValueError("Secret")

    app = Starlette(routes=[Route("/fails", fails)])
    with listening(RequestMetrics(app, Metrics("1"))) as client:  # type: ignore[arg-type]
        assert client.get("/fails").status_code == 500
    (span,) = [span for span in exporter.get_finished_spans() if span.name.startswith("GET")]
    assert span.status.status_code is StatusCode.ERROR and span.attributes is not None
    assert span.attributes["error.type"] == "ValueError" and span.attributes["http.response.status_code"] == 500
    check(exporter)


@pytest.mark.parametrize(
    "environment",
    [{}, {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
     {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "console"}],
)  # fmt: skip
def test_traces_are_off_unless_asked_for(environment: dict[str, str]) -> None:
    assert not tracing.install("keyart-server", environment) and tracing.tracer() is None


def test_the_environment_switches_traces_on() -> None:
    try:
        assert tracing.install("keyart-server", {"OTEL_TRACES_EXPORTER": "console"})
        assert tracing.tracer() is not None
    finally:
        tracing.use(None)


@pytest.mark.parametrize(
    ("environment", "word"),
    [({"OTEL_TRACES_EXPORTER": "zipkin"}, "zipkin"),
     ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "grpc")],
)  # fmt: skip
def test_what_is_not_supported_is_refused(environment: dict[str, str], word: str) -> None:
    with pytest.raises(SettingError, match=word):
        tracing.install("keyart-server", environment)


def test_without_the_extra_nothing_is_imported_and_a_wish_for_it_is_answered(tmp_path: Path) -> None:
    script = """
import sys
sys.modules["opentelemetry"] = None  # an import raises ImportError
import keyart_server.app
from keyart.errors import SettingError
from keyart_server.http.request_metrics import RequestMetrics
from keyart_server.monitoring import tracing
assert not tracing.install("keyart-server", {})
with tracing.request_span("a", {}) as span:
    assert span is None
assert not [name for name in sys.modules if name.startswith("opentelemetry.")]
try:
    tracing.install("keyart-server", {"OTEL_TRACES_EXPORTER": "otlp"})
except SettingError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "keyart-tools[otel]" in done.stdout
