"""OpenTelemetry traces, with the extra `keyart-tools[otel]`; off unless the environment asks for them.

The standard variables configure everything: `OTEL_TRACES_EXPORTER` (otlp, console or none), `OTEL_SERVICE_NAME`,
`OTEL_EXPORTER_OTLP_ENDPOINT` and its relatives, `OTEL_TRACES_SAMPLER`, `OTEL_SDK_DISABLED`. Spans carry routes,
statuses and ids of campaigns, rounds and requests; nothing names a person or a device. While tracing is off nothing
of OpenTelemetry is imported, and a span costs one comparison.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from keyart.errors import SettingError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

SCOPE: Final = "keyart"
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
Attributes = Mapping[str, str | int | float]

_tracer: Tracer | None = None


def install(service_name: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Start tracing if the environment asks for it; return whether it does.

    Args:
        service_name: name of the service where `OTEL_SERVICE_NAME` is not set.
        environment: environment variables.

    Raises:
        SettingError: for an exporter that keyart does not support, or without the extra.
    """
    exporter = _exporter(environment)
    if exporter == "none":
        return False
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

        made: SpanExporter
        if exporter == "console":
            made = ConsoleSpanExporter()
        else:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            made = OTLPSpanExporter()
    except ImportError:
        raise SettingError(
            "OTEL_… variables ask for traces, which need the extra: pip install 'keyart-tools[otel]'. To go on "
            "without traces, set OTEL_TRACES_EXPORTER=none."
        ) from None
    named = {} if environment.get("OTEL_SERVICE_NAME") else {"service.name": service_name}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(made))
    use(provider)
    return True


def use(provider: TracerProvider | None) -> None:
    """Send spans to this provider; None ends tracing."""
    global _tracer  # noqa: PLW0603 (one per process, as in OpenTelemetry itself)
    _tracer = None if provider is None else provider.get_tracer(SCOPE)


def tracer() -> Tracer | None:
    """Return the tracer, or None while tracing is off."""
    return _tracer


@contextmanager
def request_span(method: str, attributes: Attributes) -> Iterator[Span | None]:
    """Trace the block as the answer to a request; yields None while tracing is off.

    The `traceparent` of a client is ignored, since clients are strangers. Exceptions are recorded by
    `describe_response`, without their message.
    """
    if _tracer is None:
        yield None
        return
    from opentelemetry.trace import SpanKind

    with _tracer.start_as_current_span(
        method, kind=SpanKind.SERVER, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        yield current


def describe_response(span: Span | None, method: str, route: str, status: int, error: Exception | None) -> None:
    """Add the route and the outcome to the span of a request; `error` is the failure behind a status of 500."""
    if span is None:
        return
    from opentelemetry.trace import StatusCode

    span.update_name(f"{method} {route}")
    span.set_attributes({"http.route": route, "http.response.status_code": status})
    if error is not None:
        span.set_attribute("error.type", type(error).__name__)
    if status >= 500:
        span.set_status(StatusCode.ERROR)


def start_transaction(attributes: Attributes) -> Span | None:
    """Start the span of a database transaction, which the caller ends; None while tracing is off."""
    if _tracer is None:
        return None
    from opentelemetry.trace import SpanKind

    return _tracer.start_span("database transaction", kind=SpanKind.CLIENT, attributes=attributes)


def _exporter(environment: Mapping[str, str]) -> str:
    """Return `otlp`, `console`, or `none` if the environment does not ask for traces."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "none"
    asked = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    exporter = asked or ("otlp" if any(environment.get(name) for name in ENDPOINTS) else "none")
    if exporter not in ("otlp", "console", "none"):
        raise SettingError(f"OTEL_TRACES_EXPORTER is {exporter!r}; keyart supports otlp, console and none.")
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if exporter == "otlp" and protocol not in (None, "", "http/protobuf"):
        raise SettingError(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; keyart supports http/protobuf.")
    return exporter
