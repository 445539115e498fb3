"""A log: counts of its contents, without individual viewers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keyart_tools.logs import Log

from .tables import fields

MAX_LISTED = 100  # broken rows


def document(path: Path) -> dict[str, Any]:
    """Describe the log.

    Raises:
        HistoryError: the log cannot be read.
    """
    log = Log.read(path)
    decisions = [decision for viewer in log.viewers for decision in viewer.decisions]
    views = [view for viewer in log.viewers for view in viewer.views]
    times = sorted([*(decision.at for decision in decisions), *(view.at for view in views)])
    pictures: dict[str, set[str]] = {}
    for decision in decisions:
        pictures.setdefault(decision.title_id, set()).add(decision.artwork_id)
    return {
        "kind": "log",
        "file": str(path),
        "data": log.data,
        "evaluation_only": log.evaluation_only,
        "viewers": len(log.viewers),
        "views": len(views),
        "decisions": len(decisions),
        "left_out": dict(log.left_out),
        "broken_rows": len(log.broken),
        "first_broken_rows": [f"line {row.line}: {row.reason}" for row in log.broken[:MAX_LISTED]],
        "unknown_fields": list(log.unknown_fields),
        "outcomes": dict(Counter(decision.outcome.kind for decision in decisions)),
        "devices": dict(Counter(decision.context.device for decision in decisions)),
        "first": times[0].isoformat() if times else None,
        "last": times[-1].isoformat() if times else None,
        "titles_shown": len(pictures),
        "pictures_shown": sum(map(len, pictures.values())),
        "titles_with_one_picture_only": sum(len(shown) == 1 for shown in pictures.values()),
        "propensity": {
            "least": min((decision.propensity for decision in decisions), default=None),
            "most": max((decision.propensity for decision in decisions), default=None),
        },
    }


def tables(document: Mapping[str, Any]) -> list[Any]:
    """Return a table of the document."""
    return [fields(f"Log {document['file']}", document, *(name for name in document if name not in ("kind", "file")))]
