"""A decision log: views, artworks shown, and outcomes (`keyart-log/1`).

The format is JSON Lines: the first line describes the file; each further line is a view or, if it names an artwork,
a decision.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from keyart import Catalog, Context, Outcome, View
from keyart.bundle import replace_file
from keyart.errors import HistoryError, KeyartError

FORMAT = "keyart-log/1"
HEADER = f'a first line {{"format": "{FORMAT}", "data": "what this log is"}}'


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """An artwork that was shown, with its propensity in (0, 1]."""

    title_id: str
    artwork_id: str
    context: Context
    propensity: float
    outcome: Outcome

    @property
    def at(self) -> datetime:
        """Return the time of the decision."""
        return self.context.at


@dataclass(frozen=True, slots=True)
class LoggedViewer:
    """A viewer's views and decisions, oldest first."""

    name: str
    views: tuple[View, ...]
    decisions: tuple[LoggedDecision, ...]

    @property
    def before(self) -> tuple[View, ...]:
        """Return the views before the first decision; later views may be effects of an artwork."""
        first = self.decisions[0].at if self.decisions else None
        return tuple(view for view in self.views if first is None or view.at < first)


@dataclass(frozen=True, slots=True)
class Log:
    """A log.

    Attributes:
        data: description of the data.
        evaluation_only: whether the licence forbids deploying a model that was trained on it.
        viewers: in the order of their first line.
        left_out: number of unusable lines, by reason.
    """

    data: str
    evaluation_only: bool
    viewers: tuple[LoggedViewer, ...]
    left_out: Mapping[str, int]

    @property
    def decisions(self) -> int:
        """Return the number of decisions."""
        return sum(len(viewer.decisions) for viewer in self.viewers)

    def within(self, catalog: Catalog) -> Log:
        """Return the part of the log that concerns the catalogue."""
        belongs = {artwork.id: title.id for title in catalog for artwork in title.artworks}
        viewers = tuple(
            LoggedViewer(
                viewer.name,
                tuple(view for view in viewer.views if view.title_id in catalog),
                tuple(
                    decision for decision in viewer.decisions if belongs.get(decision.artwork_id) == decision.title_id
                ),
            )
            for viewer in self.viewers
        )
        count = sum(len(viewer.views) + len(viewer.decisions) for viewer in self.viewers)
        missing = count - sum(len(viewer.views) + len(viewer.decisions) for viewer in viewers)
        return Log(self.data, self.evaluation_only, viewers, {**self.left_out, "not in the catalogue": missing})

    @classmethod
    def read(cls, path: Path) -> Log:
        """Read a log.

        Raises:
            HistoryError: the file cannot be read; the message names the line.
        """
        try:
            with path.open(encoding="utf-8") as lines:
                return _read(lines, path)
        except FileNotFoundError:
            raise HistoryError(f"No log at {path}. A log is a file of JSON Lines with {HEADER}.") from None
        except OSError as error:
            raise HistoryError(f"Cannot read {path}: {error.strerror or error}. Name the file of a log.") from error
        except UnicodeDecodeError:
            raise HistoryError(f"{path} is not a text file. A log is a file of JSON Lines with {HEADER}.") from None

    def save(self, path: Path) -> None:
        """Write the log atomically.

        Raises:
            OSError: the file cannot be written.
        """
        head = {"format": FORMAT, "data": self.data, "evaluation_only": self.evaluation_only}
        rows = [head, *(row for viewer in self.viewers for row in _rows(viewer))]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        replace_file(path, text.encode())


def _rows(viewer: LoggedViewer) -> Iterator[dict[str, Any]]:
    for view in viewer.views:
        yield {
            "viewer": viewer.name,
            "at": view.at.isoformat(),
            "device": view.device,
            "title_id": view.title_id,
            "seconds": view.seconds,
        }
    for decision in viewer.decisions:
        yield {
            "viewer": viewer.name,
            "at": decision.at.isoformat(),
            "device": decision.context.device,
            "slot": decision.context.slot,
            "title_id": decision.title_id,
            "artwork_id": decision.artwork_id,
            "propensity": decision.propensity,
            "outcome": decision.outcome.kind,
            "seconds": decision.outcome.seconds,
        }


def _read(lines: Iterator[str], path: Path) -> Log:
    head = _object(next(lines, ""))
    if head is None or head.get("format") != FORMAT:
        raise HistoryError(f"{path} is not a log: it needs {HEADER}.")
    data, evaluation_only = head.get("data"), head.get("evaluation_only", False)
    if not isinstance(data, str) or not data.strip() or not isinstance(evaluation_only, bool):
        raise HistoryError(f"{path}, line 1: 'data' must say in words what this log is, for the model card.")
    views: dict[str, list[View]] = {}
    decisions: dict[str, list[LoggedDecision]] = {}
    with_intent = 0
    for number, line in enumerate(lines, 2):
        if not line.strip():
            continue
        row = _object(line)
        if row is None:
            raise HistoryError(f"{path}, line {number} is not a JSON object. Correct the line, or remove it.")
        try:
            name, event = _event(row)
        except (KeyError, TypeError, ValueError, KeyartError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise HistoryError(f"{path}, line {number}: {reason}. Correct the line, or remove it.") from None
        views.setdefault(name, [])
        decisions.setdefault(name, [])
        if isinstance(event, View):
            views[name].append(event)
        elif row.get("with_intent") is True:  # what was asked for is not known, so that the choice says nothing
            with_intent += 1
        else:
            decisions[name].append(event)
    viewers = tuple(LoggedViewer(name, _sorted(views[name]), _sorted(decisions[name])) for name in views)
    marked = evaluation_only or "movielens" in data.casefold()  # docs/reference/worlds.md, "Licences"
    return Log(data.strip(), marked, viewers, {"shown for something asked": with_intent})


def _object(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _event(row: Mapping[str, Any]) -> tuple[str, View | LoggedDecision]:
    name = row["viewer"]
    if not isinstance(name, str) or not name:
        raise ValueError("'viewer' must be a text that identifies the viewer")
    if not isinstance(row["at"], str):
        raise ValueError("'at' must be a time such as 2026-03-01T20:15:00+01:00")
    at, device, title_id = datetime.fromisoformat(row["at"]), row["device"], row["title_id"]
    if row.get("artwork_id") is None:
        return name, View(title_id, at, row["seconds"], device)
    propensity = row["propensity"]
    if isinstance(propensity, bool) or not isinstance(propensity, int | float) or not 0 < propensity <= 1:
        raise ValueError(
            f"'propensity' is {propensity!r}; it is the probability of this artwork, above 0 and up to 1"
        )
    if not isinstance(row["artwork_id"], str) or not isinstance(title_id, str):
        raise ValueError("'title_id' and 'artwork_id' must be texts")
    context = Context(device, at, row.get("slot", 0))
    outcome = Outcome(row["outcome"], row.get("seconds", 0.0))
    return name, LoggedDecision(title_id, row["artwork_id"], context, float(propensity), outcome)


Event = TypeVar("Event", View, LoggedDecision)


def _sorted(events: Sequence[Event]) -> tuple[Event, ...]:
    return tuple(sorted(events, key=lambda event: event.at))
