"""Metrics of the engine of one process."""

from __future__ import annotations

from typing import Final

from ..monitoring.metrics import Metrics

STEP_BUCKETS_SECONDS: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0)


class EngineMetrics:
    """The instruments of the engine.

    Attributes:
        lease_held: 1 while this process runs the campaigns.
        step_seconds: duration of a step.
        last_step: time of the last complete step.
        failures: steps that failed, by cause.
    """

    def __init__(self, metrics: Metrics) -> None:
        self.lease_held = metrics.gauge(
            "keyart_engine_lease_held", "1 while this process holds the lease and runs the campaigns."
        )
        self.step_seconds = metrics.histogram(
            "keyart_engine_step_seconds", "Duration of a step of the engine.", STEP_BUCKETS_SECONDS
        )
        self.last_step = metrics.gauge(
            "keyart_engine_last_step_timestamp_seconds",
            "Time of the last complete step of the engine, as Unix time; 0 before the first.",
        )
        self.failures = metrics.counter(
            "keyart_engine_step_failures_total", "Steps of the engine that failed, by cause.", ("cause",)
        )
        for cause in ("database", "other"):
            self.failures.labels(cause)
