"""A person's history into their profile: which rows are views of its titles, and which are there already."""

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
    """views: in the order of the file. by: how many were found by which rule. nearly: name in the file → title id, of
    those that are not letter for letter the same. unmatched: name in the file, of a
    series without season and episode → rows."""

    views: tuple[View, ...]
    by: Counter[How]
    nearly: dict[str, str]
    unmatched: Counter[str]


def match(rows: Sequence[HistoryRow], catalog: Catalog, reward: Reward | None = None) -> MatchedViews:
    """Views of the titles that the catalogue has. A row that does not say for how long counts as watched to the end:
    a service lists a title because it was played."""
    names, least = TitleMatcher(catalog), (reward or Reward()).quality_seconds
    views, by, unmatched = [], Counter[How](), Counter[str]()
    nearly: dict[str, str] = {}
    for row in rows:
        found = names.find(row.title)
        if found is None:
            unmatched[next(series_of(row.title), row.title)] += 1
            continue
        by[found.how] += 1
        if found.how == "nearly":
            nearly[row.title] = found.title_id
        seconds = row.seconds if row.seconds is not None else catalog[found.title_id].duration or least
        views.append(View(found.title_id, row.at, seconds, row.device))
    return MatchedViews(tuple(views), by, nearly, unmatched)


def add(views: Sequence[View], art: Personalizer, progress: Callable[[int, int], None]) -> int:
    """Records those that the profile does not hold yet, oldest first, and says how many; the same title from the same
    moment on is the same view, as often as the file has it. Cut off, it goes on at the next import."""
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
