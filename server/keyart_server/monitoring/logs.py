"""Logs: one line an event on stderr, JSON or words. Only named fields are written, so that nothing slips in."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

# What an event may say besides its sentence. No address, no title, no device; a test holds the list.
FIELDS: Final = ("method", "route", "status", "milliseconds", "actor", "campaign", "round", "version", "error")
QUIET: Final = ("uvicorn.access", "alembic", "sqlalchemy")


class Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        event = {"at": at, "level": record.levelname.lower(), "event": record.getMessage(), **fields(record)}
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False, default=str)


class Words(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        said = [at, record.levelname.lower(), record.getMessage()]
        said += [f"{name}={value}" for name, value in fields(record).items()]
        if record.exc_info:
            said.append("\n" + self.formatException(record.exc_info))
        return " ".join(said)


def fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}


def install(as_json: bool) -> None:
    """For the whole process: ours, uvicorn's and the libraries' events alike."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if as_json else Words())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("keyart").setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
