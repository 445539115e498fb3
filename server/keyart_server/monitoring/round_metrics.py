"""Metrics of rounds, stages and gates, counted from the rows of the audit log.

A round runs in processes of Flower, which end with it and are not scraped; its rows reach the database, and the
engine counts them (`AuditFollower`).
"""

from __future__ import annotations

import json
from typing import Any, Final

from keyart_federated.campaigns.campaign import KINDS

from ..audit_log import AuditEntry
from ..releases.gate import VERDICTS
from ..rounds.round import ACTIVE
from .metrics import Metrics

ROUND_BUCKETS_SECONDS: Final = (10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 21600.0, 86400.0)
ROUND_KINDS: Final = (*KINDS, "comparison", "guard")
OUTCOMES: Final = {"round.finish": "done", "round.fail": "failed"}


class RoundMetrics:
    """Counts the rows about rounds and gates."""

    def __init__(self, metrics: Metrics) -> None:
        self._rounds = metrics.histogram(
            "keyart_round_seconds",
            "Time from the beginning of a round to its end, by kind and outcome.",
            ROUND_BUCKETS_SECONDS,
            ("kind", "outcome"),
        )
        self._stages = metrics.histogram(
            "keyart_stage_seconds", "Duration of a stage that was closed.", ROUND_BUCKETS_SECONDS, ("stage",)
        )
        self._asked = metrics.counter(
            "keyart_stage_devices_asked_total",
            "Devices that were asked at a stage: the target cohort at the first, those still in the round later.",
            ("stage",),
        )
        self._answered = metrics.counter(
            "keyart_stage_devices_answered_total", "Devices that completed a stage.", ("stage",)
        )
        self._verdicts = metrics.counter(
            "keyart_gate_verdicts_total", "Verdicts of gates about releases.", ("verdict",)
        )

    def start(self) -> None:
        """Export zeros, so that the first round counts as an increase."""
        for kind in ROUND_KINDS:
            for outcome in OUTCOMES.values():
                self._rounds.labels(kind, outcome)
        for stage in ACTIVE:
            self._stages.labels(stage)
            self._asked.labels(stage)
            self._answered.labels(stage)
        for verdict in VERDICTS:
            self._verdicts.labels(verdict)

    def count(self, entry: AuditEntry) -> None:
        """Count a row."""
        details: dict[str, Any] = json.loads(entry.details)
        if entry.action in (*OUTCOMES, "round.advance") and "seconds" not in details:
            return  # a process of an earlier version wrote it, during an upgrade
        if outcome := OUTCOMES.get(entry.action):
            self._rounds.labels(details["kind"], outcome).observe(details["seconds"])
        elif entry.action == "round.advance":
            self._stages.labels(details["stage"]).observe(details["seconds"])
            self._asked.labels(details["stage"]).inc(details["asked"])
            self._answered.labels(details["stage"]).inc(details["answered"])
        elif entry.action == "gate.judge":
            self._verdicts.labels(details["verdict"]).inc()
