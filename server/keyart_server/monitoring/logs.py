"""Logging: one line per event on stderr, as JSON or text. Only the listed fields are written.

The standard library is enough: an allowlist of fields and two formatters. structlog would add a dependency and still
need this handler for the lines of uvicorn, SQLAlchemy and Flower.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

# Fields that a log line may contain: no address, no title, no device. A test pins the list.
FIELDS: Final = (
    "request", "method", "route", "status", "milliseconds", "actor", "account", "role", "token", "scopes",
    "campaign", "round", "kind", "stage", "asked", "answered", "minimum", "seconds", "release", "base", "gate",
    "verdict", "standing", "share", "epsilon", "delta", "spent", "rounds", "roles", "root", "failures",
    "minutes", "count", "hour", "certified", "refused", "revoked", "list", "rows", "of", "program", "version",
    "audit", "catalog", "factor", "webhook", "reason", "error",
)  # fmt: skip
QUIET_LOGGERS: Final = ("uvicorn.access", "alembic", "sqlalchemy")
PLAIN: Final = re.compile(r"[^\s\"=\\\x00-\x1f\x7f]+")  # a value that text lines show without quotation marks

# Id of the request that this thread or task is answering; "" outside of requests.
request_id: ContextVar[str] = ContextVar("request_id", default="")


class RequestIdFilter(logging.Filter):
    """Adds the id of the current request to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set `request` if a request is being answered; let every record pass."""
        if current := request_id.get():
            record.request = current
        return True


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
    """Formats an event as one line of text, its fields as in logfmt."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the event with its fields, and a traceback on further lines."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        parts = [at, record.levelname.lower(), record.getMessage()]
        parts += [f"{name}={_quoted(value)}" for name, value in fields(record).items()]
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
    handler.addFilter(RequestIdFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("keyart").setLevel(logging.INFO)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def _quoted(value: object) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
