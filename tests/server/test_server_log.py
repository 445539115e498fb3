"""Logs: one line an event, with named fields and no others."""

from __future__ import annotations

import json
import logging

import pytest

from keyart_server.monitoring import logs


@pytest.fixture
def logger() -> logging.Logger:
    return logging.getLogger("keyart.server.test")


def record(**extra: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": "round %d", "args": (7,), "levelname": "INFO", "created": 0.0004, **extra})


def test_json() -> None:
    event = json.loads(
        logs.JsonFormatter().format(record(route="/", status=200, error="ü\nx", title="t1", device="d1"))
    )
    assert event == {
        "at": "1970-01-01T00:00:00.000+00:00", "level": "info", "event": "round 7", "route": "/", "status": 200,
        "error": "ü\nx",
    }  # fmt: skip


def test_words() -> None:
    assert logs.TextFormatter().format(record(route="/x", title="t1")) == "00:00:00 info round 7 route=/x"


def test_a_failure_has_its_traceback_on_one_line() -> None:
    try:
        raise ValueError("no")
    except ValueError as error:
        failed = record(exc_info=(ValueError, error, error.__traceback__))
    line = logs.JsonFormatter().format(failed)
    assert "\n" not in line and "ValueError: no" in json.loads(line)["traceback"]
    assert "ValueError: no" in logs.TextFormatter().format(failed)
