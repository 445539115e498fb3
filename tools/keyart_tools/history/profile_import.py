"""Import of matched history rows into a profile, without duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from keyart import Catalog, Personalizer, Reward, View

from .title_matching import How, TitleMatcher, series_of
from .viewing_history import HistoryRow

BATCH_VIEWS = 2_000  # views that are stored together


@dataclass(frozen=True, slots=True)
class MatchedViews:
    """History rows matched to a catalogue.

    Attributes:
        views: views, in the order of the file.
        by: number of views by matching rule.
        nearly: title id by name in the file, for names that are only similar.
        unmatched: number of rows by name in the file, for a series without season and episode.
    """

    views: tuple[View, ...]
    by: Counter[How]
    nearly: dict[str, str]
    unmatched: Counter[str]


def match(rows: Sequence[HistoryRow], catalog: Catalog, reward: Reward | None = None) -> MatchedViews:
    """Match rows to titles of the catalogue.

    A row without a duration counts as watched to the end, since a service lists a title because it was played.
    """
    names, default_seconds = TitleMatcher(catalog), (reward or Reward()).quality_seconds
    views, by, unmatched = [], Counter[How](), Counter[str]()
    nearly: dict[str, str] = {}
    for row in rows:
        title_match = names.find(row.title)
        if title_match is None:
            unmatched[next(series_of(row.title), row.title)] += 1
            continue
        by[title_match.how] += 1
        if title_match.how == "nearly":
            nearly[row.title] = title_match.title_id
        seconds = (
            row.seconds if row.seconds is not None else catalog[title_match.title_id].duration or default_seconds
        )
        views.append(View(title_match.title_id, row.at, seconds, row.device))
    return MatchedViews(tuple(views), by, nearly, unmatched)


def add(views: Sequence[View], art: Personalizer, progress: Callable[[int, int], None]) -> int:
    """Record the views that the profile does not hold yet, oldest first.

    Views of the same title at the same time are duplicates, up to their number in the file. An interrupted import can
    be repeated.

    Returns:
        The number of recorded views.
    """
    held = Counter((view["title_id"], datetime.fromisoformat(view["at"])) for view in art.export()["views"])
    new: list[View] = []
    for view in sorted(views, key=lambda view: view.at):
        if held[view.title_id, view.at] > 0:
            held[view.title_id, view.at] -= 1
        else:
            new.append(view)
    for start in range(0, len(new), BATCH_VIEWS):
        progress(start, len(new))
        art.record_many(new[start : start + BATCH_VIEWS])
    art.flush()
    progress(len(new), len(new))
    return len(new)
