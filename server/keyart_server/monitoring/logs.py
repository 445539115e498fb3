"""Logging: one line per event on stderr, as JSON or text. Only the listed fields are written."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

# Fields that a log line may contain: no address, no title, no device. A test pins the list.
FIELDS: Final = ("method", "route", "status", "milliseconds", "actor", "campaign", "round", "version", "error")
QUIET_LOGGERS: Final = ("uvicorn.access", "alembic", "sqlalchemy")


class JsonFormatter(logging.Formatter):
    """Formats an event as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the event as a JSON object."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        event = {"at": at, "level": record.levelname.lower(), "event": record.getMessage(), **fields(record)}
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """Formats an event as one line of text."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the event with its fields, and a traceback on further lines."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        parts = [at, record.levelname.lower(), record.getMessage()]
        parts += [f"{name}={value}" for name, value in fields(record).items()]
        if record.exc_info:
            parts.append("\n" + self.formatException(record.exc_info))
        return " ".join(parts)


def fields(record: logging.LogRecord) -> dict[str, object]:
    """Return the listed fields of a record."""
    return {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}


def install(as_json: bool) -> None:
    """Configure logging of the whole process: keyart, uvicorn and libraries."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("keyart").setLevel(logging.INFO)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
