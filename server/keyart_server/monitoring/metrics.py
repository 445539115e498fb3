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

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds


class Metrics:
    """One registry a process. A room adds its own with `metrics.registry`."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        of: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("keyart_requests", "Requests answered.", ("method", "route", "status"), **of)
        self.seconds = Histogram("keyart_request_seconds", "Time to answer.", ("route",), buckets=BUCKETS, **of)
        self.database_up = Gauge("keyart_database_up", "1: the database answers.", **of)
        self.campaigns = Gauge("keyart_campaigns", "Campaigns by where they stand.", ("state",), **of)
        self.rounds = Gauge("keyart_rounds", "Rounds by where they stand.", ("standing",), **of)
        self.epsilon = Gauge("keyart_epsilon_spent", "What of the fleet's privacy is spent.", **of)
        self.budget = Gauge("keyart_epsilon_budget", "The most that is ever spent.", **of)
        self.gateways = Gauge("keyart_gateways", "Gateways that were heard of within five minutes.", **of)
        self.held = Gauge("keyart_releases_for_a_person", "Releases that are held, or wait for somebody.", **of)
        self.bundle = Gauge("keyart_bundle_version", "Model version that devices are offered; -1: none.", **of)
        self.expires = Gauge(
            "keyart_bundle_expires_timestamp_seconds", "When the signed timestamp ends; 0: there is none.", **of
        )
        Gauge("keyart_build", "1, with the version.", ("version",), **of).labels(version).set(1)

    def text(self) -> bytes:
        return generate_latest(self.registry)
