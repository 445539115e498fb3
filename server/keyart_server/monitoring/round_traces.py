"""Traces of rounds: one span for a round and one for each of its stages, made from the audit log when the round ends.

A round passes through several processes and survives kills, so its spans are made from what was recorded. Stages that
were closed before this process began to follow the log are missing.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Final

from ..audit_log import AuditEntry
from . import tracing

MAX_ROUNDS: Final = 100  # whose stages are remembered; a round that ends nowhere must not stay for ever
ENDS: Final = ("round.finish", "round.fail")


class RoundTraces:
    """Collects the stages of active rounds."""

    def __init__(self) -> None:
        self._stages: dict[tuple[str, int], list[AuditEntry]] = {}  # by campaign and number of the round

    def add(self, entry: AuditEntry) -> None:
        """Remember a stage, or trace a round that has ended."""
        if tracing.tracer() is None or not (entry.action == "round.advance" or entry.action in ENDS):
            return
        details = json.loads(entry.details)
        if "seconds" not in details:
            return  # a process of an earlier version wrote it, during an upgrade
        key = entry.subject, details["round"]
        if entry.action == "round.advance":
            self._stages.setdefault(key, []).append(entry)
            if len(self._stages) > MAX_ROUNDS:
                del self._stages[next(iter(self._stages))]
            return
        _trace(entry, self._stages.pop(key, []))


def _trace(end: AuditEntry, stages: list[AuditEntry]) -> None:
    tracer = tracing.tracer()
    if tracer is None:
        return
    from opentelemetry.context import Context
    from opentelemetry.trace import StatusCode, set_span_in_context

    details = json.loads(end.details)
    attributes = {
        "keyart.campaign": end.subject, "keyart.round": details["round"], "keyart.round.kind": details["kind"],
    }  # fmt: skip
    began, ended = _nanoseconds(end, details)
    round_span = tracer.start_span("round", context=Context(), attributes=attributes, start_time=began)
    for stage in stages:
        of_stage = json.loads(stage.details)
        stage_began, stage_ended = _nanoseconds(stage, of_stage)
        counts = {f"keyart.stage.{name}": of_stage[name] for name in ("asked", "answered", "minimum")}
        tracer.start_span(
            f"stage {of_stage['stage']}",
            context=set_span_in_context(round_span, Context()),
            attributes={**attributes, "keyart.stage": of_stage["stage"], **counts},
            start_time=stage_began,
        ).end(stage_ended)
    if end.action == "round.fail":
        round_span.set_attribute("keyart.stage", details["stage"])
        round_span.set_status(StatusCode.ERROR)
    round_span.end(ended)


def _nanoseconds(entry: AuditEntry, details: dict[str, Any]) -> tuple[int, int]:
    """Return beginning and end in nanoseconds of Unix time."""
    began = entry.at - timedelta(seconds=details["seconds"])
    return round(began.timestamp() * 1e9), round(entry.at.timestamp() * 1e9)
