"""Rows into a profile: once each, oldest first, and nothing without consent."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keyart import Artwork, Catalog, EphemeralKey, Personalizer, Title
from keyart_tools.history import HistoryRow, add, match, profile_import

START = datetime(2026, 3, 14, 20, 15, tzinfo=UTC)
CATALOG = Catalog.from_titles(
    [
        Title("ferry", name="Night Ferry", duration=3000, artworks=[Artwork("ferry/a")]),
        Title("sea", name="The Sea", artworks=[Artwork("sea/a")]),
    ]
)


def row(title: str, hours: float = 0, seconds: float | None = 60.0) -> HistoryRow:
    return HistoryRow(2, title, START + timedelta(hours=hours), seconds, "tv")


def test_match_counts_by_rule_and_names_what_is_missing() -> None:
    rows = [
        row("Night Ferry"), row("Night Ferry: Season 1: One"), row("Nihgt Ferry"), row("Other: Season 1: A"),
        row("Other: Season 2: B"), row("Sea: Level"),
    ]  # fmt: skip

    matched = match(rows, CATALOG)

    assert matched.by == {"name": 1, "series": 1, "nearly": 1}
    assert matched.nearly == {"Nihgt Ferry": "ferry"}
    assert matched.unmatched == {"Other": 2, "Sea: Level": 1}
    assert [view.title_id for view in matched.views] == ["ferry"] * 3


def test_what_does_not_say_how_long_was_watched() -> None:
    views = match([row("Night Ferry", seconds=None), row("The Sea", seconds=None), row("The Sea")], CATALOG).views

    assert [view.seconds for view in views] == [3000.0, 900.0, 60.0]


@pytest.fixture
def art(tmp_path: Path):
    with Personalizer.open(tmp_path / "none.db", catalog=CATALOG, keys=EphemeralKey()) as opened:
        opened.consent.grant("personalization")
        yield opened


def test_twice_is_once_but_what_is_there_twice_stays_twice(art: Personalizer) -> None:
    views = match([row("The Sea", 5), row("Night Ferry", 1), row("Night Ferry", 1), row("The Sea", 2)], CATALOG).views

    assert add(views[:2], art, lambda done, of: None) == 2
    assert add(views, art, lambda done, of: None) == 2
    assert add(views, art, lambda done, of: None) == 0
    held = Counter((view["title_id"], view["at"]) for view in art.export()["views"])
    assert sorted(held.values()) == [1, 1, 2]


def test_it_goes_on_where_it_was_cut_off(art: Personalizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_import, "BATCH_VIEWS", 10)
    views = match([row("The Sea", -n) for n in range(35)], CATALOG).views
    told: list[tuple[int, int]] = []

    def stop_after_two(done: int, of: int) -> None:
        told.append((done, of))
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add(views, art, stop_after_two)
    assert told == [(0, 35), (10, 35), (20, 35)]
    assert add(views, art, lambda done, of: told.append((done, of))) == 15
    assert told[-1] == (15, 15)
    times = [view["at"] for view in art.export()["views"]]
    assert len(times) == 35 and times == sorted(times)


def test_nothing_is_kept_without_consent(tmp_path: Path) -> None:
    with Personalizer.open(tmp_path / "none.db", catalog=CATALOG, keys=EphemeralKey()) as art:
        add(match([row("The Sea")], CATALOG).views, art, lambda done, of: None)
        assert art.export()["views"] == []
