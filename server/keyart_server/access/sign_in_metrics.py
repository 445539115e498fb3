"""Metrics of failed attempts to sign in. They name no account."""

from __future__ import annotations

from typing import Final, Literal

from ..monitoring.metrics import Metrics

Method = Literal["password", "code", "token"]
METHODS: Final[tuple[Method, ...]] = ("password", "code", "token")


class SignInFailures:
    """Counts failed attempts by method."""

    def __init__(self, metrics: Metrics) -> None:
        self._failures = metrics.counter(
            "keyart_sign_in_failures_total",
            "Wrong passwords, wrong codes, and requests with an API token that is unknown or has expired.",
            ("method",),
        )
        for method in METHODS:
            self._failures.labels(method)

    def count(self, method: Method) -> None:
        """Count a failed attempt."""
        self._failures.labels(method).inc()
