"""Counts and times for Prometheus at `/metrics`: never of a person, a device or a campaign's content."""

from __future__ import annotations

from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series a counter that nobody reads

BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds


class Metrics:
    """One registry a process. A room adds its own with `metrics.registry`."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        options: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("keyart_requests", "Requests answered.", ("method", "route", "status"), **options)
        self.seconds = Histogram(
            "keyart_request_seconds", "Time to answer.", ("route",), buckets=BUCKETS_SECONDS, **options
        )
        self.database_up = Gauge("keyart_database_up", "1: the database answers.", **options)
        self.campaigns = Gauge("keyart_campaigns", "Campaigns by where they stand.", ("state",), **options)
        self.rounds = Gauge("keyart_rounds", "Rounds by where they stand.", ("standing",), **options)
        self.epsilon = Gauge("keyart_epsilon_spent", "What of the fleet's privacy is spent.", **options)
        self.budget = Gauge("keyart_epsilon_budget", "The most that is ever spent.", **options)
        self.gateways = Gauge("keyart_gateways", "Gateways that were heard of within five minutes.", **options)
        self.held = Gauge("keyart_releases_for_a_person", "Releases that are held, or wait for somebody.", **options)
        self.bundle = Gauge("keyart_bundle_version", "Model version that devices are offered; -1: none.", **options)
        self.expires = Gauge(
            "keyart_bundle_expires_timestamp_seconds", "When the signed timestamp ends; 0: there is none.", **options
        )
        Gauge("keyart_build", "1, with the version.", ("version",), **options).labels(version).set(1)

    def text(self) -> bytes:
        return generate_latest(self.registry)
