"""A log is read as it was written, as CSV and as JSON Lines, and each row that is broken is named by its line."""

from __future__ import annotations

import csv
import io
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


def read_csv(tmp_path: Path, *rows: dict[str, object], head: str = f"# {HEAD}") -> Log:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path = tmp_path / "log.csv"
    path.write_text(head + text.getvalue(), encoding="utf-8")
    return Log.read(path)


@pytest.mark.parametrize("name", ["log.jsonl", "log.csv", "LOG.CSV"])
def test_saved_and_read(tmp_path: Path, name: str) -> None:
    log().save(tmp_path / name)
    again = Log.read(tmp_path / name)

    assert again.data == log().data and again.broken == () and again.unknown_fields == ()
    assert [viewer.decisions for viewer in again.viewers] == [viewer.decisions for viewer in log().viewers]
    assert {view for viewer in again.viewers for view in viewer.views} == {
        view for viewer in log().viewers for view in viewer.views
    }
    assert again.decisions == world().devices * IMPRESSIONS
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_both_forms_are_the_same_log(tmp_path: Path) -> None:
    rows = (VIEW, {**DECISION, "reward": 0.5}, {**DECISION, "with_intent": True})
    lines, table = read(tmp_path, *rows), read_csv(tmp_path, *rows)

    assert lines == table and lines.decisions == 1
    assert lines.viewers[0].decisions[0].reward == 0.5
    lines.save(tmp_path / "again.csv")
    assert Log.read(tmp_path / "again.csv").viewers == lines.viewers


def test_a_name_with_a_line_break_is_no_csv(tmp_path: Path) -> None:
    found = read(tmp_path, {**DECISION, "viewer": "v\n1"})
    with pytest.raises(HistoryError, match="line break"):
        found.save(tmp_path / "log.csv")
    assert not (tmp_path / "log.csv").exists()
    found.save(tmp_path / "again.jsonl")
    assert Log.read(tmp_path / "again.jsonl").viewers == found.viewers


def test_views_and_decisions_in_order(tmp_path: Path) -> None:
    early = {**DECISION, "at": "2026-02-01T08:00:00Z", "outcome": "skipped"}
    found = read(tmp_path, DECISION, early, VIEW, {**VIEW, "at": "2026-01-01T08:00:00Z"})

    (viewer,) = found.viewers
    assert [decision.outcome.kind for decision in viewer.decisions] == ["skipped", "played"]
    assert viewer.decisions[1].outcome.seconds == 2400 and viewer.decisions[1].context.slot == 3
    assert len(viewer.views) == 2
    assert [view.at.month for view in viewer.before] == [1]  # the other one came after a picture was shown


def test_what_was_asked_for_is_left_out(tmp_path: Path) -> None:
    found = read(tmp_path, DECISION, {**DECISION, "with_intent": True})

    assert found.decisions == 1 and found.rows == 2
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
    assert read_csv(tmp_path, DECISION, head=f"# {head}").evaluation_only is marked


def test_within_a_catalogue() -> None:
    titles = world().catalog.titles
    smaller = keyart.Catalog.from_titles([replace(titles[0], artworks=titles[0].artworks[:2]), *titles[1:3]])
    found = log().within(smaller)

    kept = {decision.artwork_id for viewer in found.viewers for decision in viewer.decisions}
    assert kept == {artwork.id for title in smaller for artwork in title.artworks}
    before = log().decisions + sum(len(viewer.views) for viewer in log().viewers)
    after = found.decisions + sum(len(viewer.views) for viewer in found.viewers)
    assert found.left_out["not in the catalogue"] == before - after > 0
    assert found.rows == log().rows


MISTAKES = [
    ({"viewer": ""}, "'viewer' is"),
    ({"at": "yesterday"}, "'at' is 'yesterday'"),
    ({"at": "2026-03-01T20:15:00"}, "no time zone"),
    ({"propensity": 0}, "'propensity' is 0"),
    ({"propensity": 1.5}, "'propensity' is 1.5"),
    ({"propensity": True}, "'propensity' is True"),
    ({"propensity": "high"}, "'propensity' is 'high'"),
    ({"propensity": float("nan")}, "'propensity' is nan"),
    ({"propensity": float("inf")}, "'propensity' is inf"),
    ({"outcome": "liked"}, "'liked'"),
    ({"seconds": -1}, "'seconds' is -1"),
    ({"slot": -1}, "'slot' is -1"),
    ({"slot": 1.5}, "'slot' is"),
    ({"slot": 10**7}, "slot"),
    ({"with_intent": "perhaps"}, "'with_intent' is"),
    ({"reward": "much"}, "'reward' is"),
    ({"target_probability": 2}, "'target_probability' is 2"),
]


@pytest.mark.parametrize(("change", "said"), MISTAKES, ids=[str(change) for change, _ in MISTAKES])
@pytest.mark.parametrize("form", [read, read_csv], ids=["JSON Lines", "CSV"])
def test_a_broken_row_is_named_and_the_others_are_read(tmp_path: Path, form, change, said: str) -> None:
    found = form(tmp_path, VIEW, {**DECISION, **change}, DECISION)

    (row,) = found.broken
    assert row.line == (3 if form is read else 4)
    assert said in row.reason or (form is read_csv and "viewer" in change and row.reason == "'viewer' is missing")
    assert found.decisions == 1 and len(found.viewers[0].views) == 1 and found.rows == 3


@pytest.mark.parametrize("change", [{"at": 7}, {"artwork_id": 5}, {"device": ["tv"]}, {"propensity": 10**400}])
def test_values_that_only_json_can_hold(tmp_path: Path, change: dict[str, object]) -> None:
    (row,) = read(tmp_path, {**DECISION, **change}).broken
    assert row.line == 2 and row.reason.startswith(f"'{next(iter(change))}' is ")
    assert len(row.reason) < 200


@pytest.mark.parametrize("field", ["viewer", "at", "device", "title_id", "propensity", "outcome"])
def test_a_field_that_is_missing(tmp_path: Path, field: str) -> None:
    row = {name: value for name, value in DECISION.items() if name != field}
    for found, line in ((read(tmp_path, row), 2), (read_csv(tmp_path, row), 3)):
        assert [(broken.line, broken.reason) for broken in found.broken] == [(line, f"'{field}' is missing")]


def test_fields_that_the_schema_does_not_have_are_named(tmp_path: Path) -> None:
    row = {**DECISION, "shelf": "top", "propencity": 0.1}
    for found in (read(tmp_path, row), read_csv(tmp_path, row)):
        assert found.unknown_fields == ("shelf", "propencity") and found.decisions == 1


def test_a_table_without_a_header(tmp_path: Path) -> None:
    for form in (read, read_csv):
        with pytest.raises(HistoryError, match=r"no header.*docs/reference/decision-logs\.md"):
            form(tmp_path, DECISION, head="")


def test_nothing_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(HistoryError):
            Log.read(path)
