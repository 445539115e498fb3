"""A decision log: views, artworks shown, and outcomes (docs/reference/decision-logs.md)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from keyart import Catalog, Context, Outcome, View
from keyart.bundle import replace_file
from keyart.errors import HistoryError, KeyartError

from .log_rows import HEADER_HELP, BrokenRow, LogHeader, open_table
from .log_schema import FIELDS, checked, is_decision


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """An artwork that was shown, with its propensity in (0, 1].

    Attributes:
        reward: reward that the log gives in place of the outcome's own; None if it gives none.
    """

    title_id: str
    artwork_id: str
    context: Context
    propensity: float
    outcome: Outcome
    reward: float | None = None

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
        left_out: number of rows that were read and not used, by reason.
        broken: rows that cannot be read, in the order of the file.
        unknown_fields: names of fields that the schema does not have.
    """

    data: str
    evaluation_only: bool
    viewers: tuple[LoggedViewer, ...]
    left_out: Mapping[str, int]
    broken: tuple[BrokenRow, ...] = ()
    unknown_fields: tuple[str, ...] = ()

    @property
    def decisions(self) -> int:
        """Return the number of decisions."""
        return sum(len(viewer.decisions) for viewer in self.viewers)

    @property
    def rows(self) -> int:
        """Return the number of rows, the broken ones included."""
        used = sum(len(viewer.views) + len(viewer.decisions) for viewer in self.viewers)
        return used + sum(self.left_out.values()) + len(self.broken)

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
        left_out = {**self.left_out, "not in the catalogue": missing}
        return Log(self.data, self.evaluation_only, viewers, left_out, self.broken, self.unknown_fields)

    @classmethod
    def read(cls, path: Path) -> Log:
        """Read a log as CSV or JSON Lines. Rows that cannot be read are in `broken`.

        Raises:
            HistoryError: the file is not a log.
        """
        views: dict[str, list[View]] = {}
        decisions: dict[str, list[LoggedDecision]] = {}
        broken: list[BrokenRow] = []
        unknown: dict[str, None] = {}
        with_intent = 0
        with open_table(path) as table:
            if table.header is None:
                raise HistoryError(f"{path} has no header. {HEADER_HELP}. Add that line before the others.")
            for row in table.rows:
                if isinstance(row, BrokenRow):
                    broken.append(row)
                    continue
                unknown |= dict.fromkeys(name for name in row.values if name not in FIELDS)
                try:
                    values = checked(row.values)
                    event = _event(values)
                except (ValueError, KeyartError) as error:
                    broken.append(BrokenRow(row.line, str(error).rstrip(".")))
                    continue
                of_viewer = views.setdefault(values["viewer"], []), decisions.setdefault(values["viewer"], [])
                if isinstance(event, View):
                    of_viewer[0].append(event)
                elif values.get("with_intent"):  # what was asked for is not known, so that the choice says nothing
                    with_intent += 1
                else:
                    of_viewer[1].append(event)
            head = table.header
        viewers = tuple(LoggedViewer(name, _sorted(views[name]), _sorted(decisions[name])) for name in views)
        left_out = {"shown for something asked": with_intent}
        return cls(head.data, head.evaluation_only, viewers, left_out, tuple(broken), tuple(unknown))

    def save(self, path: Path) -> None:
        """Write the log atomically, as CSV if the name ends in .csv, else as JSON Lines.

        Raises:
            HistoryError: a text has a line break, which CSV of one line a row cannot hold.
            OSError: the file cannot be written.
        """
        rows = [row for viewer in self.viewers for row in _rows(viewer)]
        head = LogHeader(self.data, self.evaluation_only).to_json()
        if path.suffix.lower() == ".csv":
            text = io.StringIO()
            names = [name for name in FIELDS if any(name in row for row in rows)]
            writer = csv.DictWriter(text, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            if text.getvalue().count("\n") > 1 + len(rows):
                raise HistoryError(f"An id of the log has a line break; save it as JSON Lines, not as {path.name}.")
            content = f"# {head}\n{text.getvalue()}"
        else:
            lines = (json.dumps(row, ensure_ascii=False) for row in rows)
            content = "".join(f"{line}\n" for line in (head, *lines))
        replace_file(path, content.encode())


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
            **({} if decision.reward is None else {"reward": decision.reward}),
        }


def _event(values: Mapping[str, Any]) -> View | LoggedDecision:
    """Return the view or the decision of a checked row. Raises KeyartError for a value that the SDK refuses."""
    at, device, title_id = values["at"], values["device"], values["title_id"]
    if not is_decision(values):
        return View(title_id, at, values["seconds"], device)
    context = Context(device, at, values.get("slot", 0))
    outcome = Outcome(values["outcome"], values.get("seconds", 0.0))
    propensity = min(values["propensity"], 1.0)  # a probability in float32 may be a little above
    return LoggedDecision(title_id, values["artwork_id"], context, propensity, outcome, values.get("reward"))


Event = TypeVar("Event", View, LoggedDecision)


def _sorted(events: Sequence[Event]) -> tuple[Event, ...]:
    return tuple(sorted(events, key=lambda event: event.at))
