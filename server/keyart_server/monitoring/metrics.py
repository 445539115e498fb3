"""Prometheus metrics, served at `/metrics`. They describe no person, no device and no campaign content."""

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

disable_created_metrics()  # type: ignore[no-untyped-call]  # an additional, unused series per counter

BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The metrics registry of one process; packages may add metrics to `registry`."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        options: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("keyart_requests", "Requests answered.", ("method", "route", "status"), **options)
        self.seconds = Histogram(
            "keyart_request_seconds", "Response time.", ("route",), buckets=BUCKETS_SECONDS, **options
        )
        self.database_up = Gauge("keyart_database_up", "1 if the database answers.", **options)
        self.campaigns = Gauge("keyart_campaigns", "Campaigns by state.", ("state",), **options)
        self.rounds = Gauge("keyart_rounds", "Rounds by status.", ("standing",), **options)
        self.epsilon = Gauge("keyart_epsilon_spent", "Privacy budget (epsilon) that the fleet has spent.", **options)
        self.budget = Gauge("keyart_epsilon_budget", "Privacy budget (epsilon) of the fleet.", **options)
        self.gateways = Gauge("keyart_gateways", "Gateways with a heartbeat within the last five minutes.", **options)
        self.held = Gauge(
            "keyart_releases_for_a_person", "Releases that are held or waiting for a decision.", **options
        )
        self.bundle = Gauge("keyart_bundle_version", "Model version offered to devices; -1 if none.", **options)
        self.expires = Gauge(
            "keyart_bundle_expires_timestamp_seconds",
            "Expiry of the signed timestamp; 0 if there is none.",
            **options,
        )
        Gauge("keyart_build", "Always 1; the label holds the version.", ("version",), **options).labels(version).set(
            1
        )

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self.registry)
