"""Prometheus metrics, served at `/metrics`. They describe no person, no device and no campaign content.

A process exports what it knows itself: every process its requests, its memory and its database; the server the
fleet (`fleet_metrics`), and while it holds the lease the engine and the rounds (`round_metrics`); a gateway its
submissions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]  # an additional, unused series per counter

BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
T = TypeVar("T", bound=MetricWrapperBase)


class Metrics:
    """The metrics of one process. Packages bring their own; asking twice for a metric returns the same one."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self._by_name: dict[str, MetricWrapperBase] = {}
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = self.counter("keyart_requests_total", "Requests answered.", ("method", "route", "status"))
        self.seconds = self.histogram(
            "keyart_request_seconds", "Time from a request to the end of its response.", BUCKETS_SECONDS, ("route",)
        )
        self.gauge("keyart_build_info", "The version of keyart; the value is always 1.", ("version",)).labels(
            version
        ).set(1)

    def counter(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
        """Return the counter with this name."""
        return self._get(name, lambda: Counter(name, documentation, labels, registry=self.registry))

    def gauge(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Gauge:
        """Return the gauge with this name."""
        return self._get(name, lambda: Gauge(name, documentation, labels, registry=self.registry))

    def histogram(
        self, name: str, documentation: str, buckets: Sequence[float], labels: Sequence[str] = ()
    ) -> Histogram:
        """Return the histogram with this name; `buckets` are upper bounds."""
        return self._get(
            name, lambda: Histogram(name, documentation, labels, buckets=buckets, registry=self.registry)
        )

    def set_certificate(self, certificate: str, expires: datetime | None) -> None:
        """Export when a certificate that this process uses expires; None exports no value."""
        gauge = self.gauge(
            "keyart_certificate_expires_timestamp_seconds",
            "Expiry of a TLS certificate that this process uses, as Unix time.",
            ("certificate",),
        )
        if expires is not None:
            gauge.labels(certificate).set(expires.timestamp())

    def text(self, collectors: Iterable[Collector] = ()) -> bytes:
        """Return all metrics, and those of further collectors, in the Prometheus text format."""
        return generate_latest(_Joined([self.registry, *collectors]))

    def _get(self, name: str, make: Callable[[], T]) -> T:
        metric = self._by_name.get(name)
        if metric is None:
            metric = self._by_name[name] = make()
        return cast(T, metric)


class _Joined(Collector):
    """Several collectors as one."""

    def __init__(self, collectors: Sequence[Collector]) -> None:
        self._collectors = collectors

    def collect(self) -> Iterator[Metric]:
        for collector in self._collectors:
            yield from collector.collect()
