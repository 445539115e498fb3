"""A log is read as it was written, and a mistake in it is named by its line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.training import IMPRESSIONS, log, world

import keyart
from keyart.errors import HistoryError
from keyart_tools.logs import Log

HEAD = '{"format": "keyart-log/1", "data": "ours"}\n'
VIEW = {"viewer": "v1", "at": "2026-03-01T20:15:00+01:00", "device": "tv", "title_id": "t9", "seconds": 5400}
DECISION = {**VIEW, "artwork_id": "t9/a", "propensity": 0.25, "slot": 3, "outcome": "played", "seconds": 2400}


def read(tmp_path: Path, *rows: object, head: str = HEAD) -> Log:
    path = tmp_path / "log.jsonl"
    path.write_text(head + "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return Log.read(path)


def test_saved_and_read(tmp_path: Path) -> None:
    log().save(tmp_path / "log.jsonl")
    again = Log.read(tmp_path / "log.jsonl")

    assert again.data == log().data
    assert [viewer.decisions for viewer in again.viewers] == [viewer.decisions for viewer in log().viewers]
    assert {view for viewer in again.viewers for view in viewer.views} == {
        view for viewer in log().viewers for view in viewer.views
    }
    assert again.decisions == world().devices * IMPRESSIONS
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


def test_views_and_decisions_in_order(tmp_path: Path) -> None:
    early = {**DECISION, "at": "2026-02-01T08:00:00Z", "outcome": "skipped"}
    found = read(tmp_path, DECISION, early, VIEW, {**VIEW, "at": "2026-01-01T08:00:00Z"})

    (viewer,) = found.viewers
    assert [one.outcome.kind for one in viewer.decisions] == ["skipped", "played"]
    assert viewer.decisions[1].outcome.seconds == 2400 and viewer.decisions[1].context.slot == 3
    assert len(viewer.views) == 2
    assert [view.at.month for view in viewer.before] == [1]  # the other one came after a picture was shown


def test_what_was_asked_for_is_left_out(tmp_path: Path) -> None:
    found = read(tmp_path, DECISION, {**DECISION, "with_intent": True})

    assert found.decisions == 1
    assert found.left_out == {"shown for something asked": 1}


@pytest.mark.parametrize(
    ("head", "marked"),
    [
        (HEAD, False),
        ('{"format": "keyart-log/1", "data": "ours", "evaluation_only": true}\n', True),
        ('{"format": "keyart-log/1", "data": "Simulated on MovieLens 100K"}\n', True),
    ],
)
def test_evaluation_only(tmp_path: Path, head: str, marked: bool) -> None:
    assert read(tmp_path, DECISION, head=head).evaluation_only is marked


def test_within_a_catalogue() -> None:
    titles = world().catalog.titles
    smaller = keyart.Catalog.from_titles([replace(titles[0], artworks=titles[0].artworks[:2]), *titles[1:3]])
    found = log().within(smaller)

    kept = {one.artwork_id for viewer in found.viewers for one in viewer.decisions}
    assert kept == {artwork.id for title in smaller for artwork in title.artworks}
    before = log().decisions + sum(len(viewer.views) for viewer in log().viewers)
    after = found.decisions + sum(len(viewer.views) for viewer in found.viewers)
    assert found.left_out["not in the catalogue"] == before - after > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"viewer": None}, "'viewer' must be a text"),
        ({"at": "yesterday"}, "Invalid isoformat"),
        ({"at": 7}, "'at' must be a time"),
        ({"at": "2026-03-01T20:15:00"}, "no time zone"),
        ({"propensity": 0}, "'propensity' is 0"),
        ({"propensity": True}, "'propensity' is True"),
        ({"propensity": float("nan")}, "'propensity' is nan"),
        ({"outcome": "liked"}, "'liked'"),
        ({"seconds": -1}, "not negative"),
        ({"slot": -1}, "slot"),
        ({"artwork_id": 5}, "must be texts"),
        ({"device": ""}, "device"),
    ],
)
def test_a_mistake_is_named_by_its_line(tmp_path: Path, change: dict[str, object], said: str) -> None:
    with pytest.raises(HistoryError, match=r"line 3: ") as caught:
        read(tmp_path, VIEW, {**DECISION, **change})

    assert said in str(caught.value)


@pytest.mark.parametrize("field", ["viewer", "at", "device", "title_id", "propensity", "outcome"])
def test_a_field_that_is_missing(tmp_path: Path, field: str) -> None:
    with pytest.raises(HistoryError, match=f"line 2: '{field}' is missing"):
        read(tmp_path, {name: value for name, value in DECISION.items() if name != field})


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff\xfe", b"hello\n", b"[1]\n", b'{"format": "keyart-log/2"}\n', b"{"]
)
def test_what_is_no_log(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "no.jsonl").write_bytes(content)
    with pytest.raises(HistoryError, match="first line"):
        Log.read(tmp_path / "no.jsonl")
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(HistoryError):
            Log.read(path)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(HEAD + json.dumps(VIEW) + "\n\n[1, 2]\n", encoding="utf-8")
    with pytest.raises(HistoryError, match="line 4 is not a JSON object"):
        Log.read(tmp_path / "log.jsonl")
