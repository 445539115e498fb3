"""Metrics of the issuer, and the hourly line of its log. They count devices and name none."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal

from ..monitoring import events
from ..monitoring.metrics import Metrics

SUMMARY_SECONDS: Final = 3600.0
CertificateOutcome = Literal["certified", "refused"]
OUTCOMES: Final[tuple[CertificateOutcome, ...]] = ("certified", "refused")


class IssuerMetrics:
    """Counts certificates, refusals, vouchers and revocations."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = metrics.counter(
            "keyart_certificates_total",
            "Requests for a certificate that proved possession, by outcome.",
            ("outcome",),
        )
        self._vouchers = metrics.counter("keyart_vouchers_total", "Vouchers that were made.")
        self._revocations = metrics.counter("keyart_revocations_total", "Requests to revoke a device's key.")
        for outcome in OUTCOMES:
            self._requests.labels(outcome)
        self._since: Counter[str] = Counter()  # since the last summary

    def certificate(self, outcome: CertificateOutcome) -> None:
        """Count a request for a certificate."""
        self._requests.labels(outcome).inc()
        self._since[outcome] += 1

    def vouchers(self, count: int) -> None:
        """Count vouchers that were made."""
        self._vouchers.inc(count)

    def revocation(self) -> None:
        """Count a request to revoke a key."""
        self._revocations.inc()
        self._since["revoked"] += 1

    def summarise(self) -> None:
        """Log the counts since the last summary, unless nothing happened."""
        counts = {name: self._since[name] for name in (*OUTCOMES, "revoked")}
        self._since.clear()
        if any(counts.values()):
            events.emit("certificate.count", **counts)

    @asynccontextmanager
    async def summarising(self) -> AsyncIterator[None]:
        """Log a summary each hour while entered, and one at the end."""

        async def again() -> None:
            while True:
                await asyncio.sleep(SUMMARY_SECONDS)
                self.summarise()

        task = asyncio.create_task(again())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self.summarise()
